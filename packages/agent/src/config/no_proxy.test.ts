import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback, passesBy } from "./no_proxy.ts";

/** Entries, and destinations with them (port 443 unless they say another) that are reached directly, and not. */
const CASES: readonly { entries: string; direct: readonly string[]; proxied: readonly string[] }[] = [
  { entries: "*", direct: ["logs.example.com", "192.0.2.1", "2001:db8::1"], proxied: [] },
  { entries: "", direct: [], proxied: ["logs.example.com", "192.0.2.1"] },
  {
    entries: "example.com",
    direct: ["example.com", "logs.example.com", "LOGS.Example.COM", "logs.example.com."],
    proxied: ["badexample.com", "example.com.evil.test", "example.org"],
  },
  { entries: ".example.com", direct: ["example.com", "logs.example.com"], proxied: ["badexample.com"] },
  { entries: "*.example.com", direct: ["logs.example.com"], proxied: ["example.com", "badexample.com"] },
  { entries: "Example.COM.", direct: ["logs.example.com"], proxied: ["example.org"] },
  {
    entries: "logs.example.com:8443, a.test:443",
    direct: ["logs.example.com 8443", "a.test"],
    proxied: ["logs.example.com", "a.test 80"],
  },
  { entries: "192.0.2.1", direct: ["192.0.2.1", "::ffff:192.0.2.1"], proxied: ["192.0.2.10", "1.192.0.2"] },
  { entries: "192.0.2.1:80", direct: ["192.0.2.1 80"], proxied: ["192.0.2.1"] },
  { entries: "10.0.0.0/8", direct: ["10.1.2.3"], proxied: ["11.1.2.3", "10.example.com", "::1"] },
  { entries: "10.0.0.0/33,10.0.0.0/x,/8,10.0.0.0/", direct: [], proxied: ["10.0.0.1"] },
  { entries: "2001:DB8::1", direct: ["2001:db8:0::1"], proxied: ["2001:db8::2"] },
  { entries: "[2001:db8::1]", direct: ["2001:db8::1"], proxied: ["2001:db8::2"] },
  { entries: "[2001:db8::1]:8443", direct: ["2001:db8::1 8443"], proxied: ["2001:db8::1"] },
  { entries: "fd00::/8", direct: ["fd12::1"], proxied: ["fe80::1", "10.0.0.1"] },
  { entries: ".", direct: [], proxied: ["example.com"] },
  { entries: "foo.test 192.0.2.1\tbar.test", direct: ["foo.test", "192.0.2.1", "bar.test"], proxied: ["192.0.2.2"] },
  { entries: "foo.test, 192.0.2.1  *", direct: ["example.com"], proxied: [] },
  { entries: "2.1", direct: [], proxied: ["192.0.2.1"] },
];

for (const { entries, direct, proxied } of CASES) {
  test(`NO_PROXY=${entries}`, () => {
    const goesDirectly = (destination: string): boolean => {
      const [host = "", port = "443"] = destination.split(" ");
      return passesBy(entries.split(","), host, Number(port));
    };
    assert.deepEqual(direct.filter(goesDirectly), direct);
    assert.deepEqual(proxied.filter(goesDirectly), []);
  });
}

test("what is on this host is told from what only looks like it", () => {
  const here = ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"];
  const elsewhere = ["localhost.example.com", "notlocalhost", "128.0.0.1", "127.example.com", "::2", "10.0.0.1"];
  assert.deepEqual(here.filter(isLoopback), here);
  assert.deepEqual(elsewhere.filter(isLoopback), []);
});
