import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback, OPTIONS, readSettings, renderOptionsMarkdown, type Settings } from "./options.ts";

/** Flags and variables, and what they come to, or the error's text. */
const CASES: readonly (readonly [flags: object, env: NodeJS.ProcessEnv, settings: Partial<Settings> | string])[] = [
  [{}, {}, { dataDir: "/var/lib/logdna-ingester", host: "127.0.0.1", port: 8443, http: false, names: [] }],
  [{}, {}, { clickhouseUrl: undefined, tlsCert: undefined, maxAgeMs: undefined, maxBytes: undefined }],
  [{ dataDir: "/a" }, { LOGDNA_INGESTER_DATA_DIR: "/b" }, { dataDir: "/a" }],
  [{}, { LOGDNA_INGESTER_DATA_DIR: "/b" }, { dataDir: "/b" }],
  // An empty value is no value, as in a unit file that sets a variable to nothing.
  [{}, { LOGDNA_INGESTER_LISTEN: "" }, { host: "127.0.0.1", port: 8443 }],
  [{ listen: "" }, {}, { host: "127.0.0.1", port: 8443 }],
  [{ listen: "" }, { LOGDNA_INGESTER_LISTEN: "[::1]:1" }, { host: "::1", port: 1 }],
  [{}, { LOGDNA_INGESTER_DATA_DIR: "" }, { dataDir: "/var/lib/logdna-ingester" }],
  [{}, { LOGDNA_INGESTER_HTTP: "" }, { http: false }],
  [{ listen: "[::]:8443" }, {}, { host: "::", port: 8443 }],
  [{ listen: "logs.example.com:443" }, {}, { host: "logs.example.com", port: 443 }],
  [{ listen: "8443" }, {}, '--listen: "8443" is not an address such as 127.0.0.1:8443 or [::]:8443.'],
  [{ listen: ":8443" }, {}, '--listen: ":8443" is not an address such as 127.0.0.1:8443 or [::]:8443.'],
  [{ listen: "::1:8443" }, {}, '--listen: "::1:8443" is not an address such as 127.0.0.1:8443 or [::]:8443.'],
  [{ listen: "h:65536" }, {}, '--listen: "h:65536" is not an address such as 127.0.0.1:8443 or [::]:8443.'],
  [
    {},
    { LOGDNA_INGESTER_LISTEN: "x" },
    'LOGDNA_INGESTER_LISTEN: "x" is not an address such as 127.0.0.1:8443 or [::]:8443.',
  ],
  [{ http: true }, {}, { http: true }],
  [{}, { LOGDNA_INGESTER_HTTP: "TRUE" }, { http: true }],
  [{}, { LOGDNA_INGESTER_HTTP: "1" }, { http: true }],
  [{}, { LOGDNA_INGESTER_HTTP: "no" }, { http: false }],
  [{}, { LOGDNA_INGESTER_HTTP: "maybe" }, 'LOGDNA_INGESTER_HTTP: "maybe" is not true or false.'],
  [
    { http: true, listen: "0.0.0.0:80" },
    {},
    "--http is for loopback only, and 0.0.0.0 is not: use HTTPS, or listen on 127.0.0.1.",
  ],
  [{ tlsCert: "/c", tlsKey: "/k" }, {}, { tlsCert: "/c", tlsKey: "/k" }],
  [{ tlsCert: "/c" }, { LOGDNA_INGESTER_TLS_KEY: "/k" }, { tlsCert: "/c", tlsKey: "/k" }],
  [{ tlsCert: "/c" }, {}, "--tls-cert and --tls-key go together."],
  [{}, { LOGDNA_INGESTER_TLS_KEY: "/k" }, "--tls-cert and --tls-key go together."],
  [{ names: "a, b,,192.0.2.1 " }, {}, { names: ["a", "b", "192.0.2.1"] }],
  [{}, { LOGDNA_INGESTER_NAMES: "a" }, { names: ["a"] }],
  [{ ingestionKeys: "/k", tokenFile: "/t" }, {}, { ingestionKeys: "/k", tokenFile: "/t" }],
  [{ clickhouseUrl: "http://db:8123" }, {}, { clickhouseUrl: "http://db:8123" }],
  [{ clickhouseUrl: "db" }, {}, "--clickhouse-url is not a URL such as http://localhost:8123."],
  [
    {},
    { LOGDNA_INGESTER_CLICKHOUSE_URL: "tcp://user:secret@db:9000" },
    "LOGDNA_INGESTER_CLICKHOUSE_URL is not a URL such as http://localhost:8123.",
  ],
  [{ maxAge: "30" }, {}, { maxAgeMs: 30 * 86_400_000 }],
  [{ maxAge: "0.5" }, {}, { maxAgeMs: 43_200_000 }],
  [{ maxAge: "0" }, {}, '--max-age: "0" is not a number of days above 0.'],
  [{ maxAge: "-1" }, {}, '--max-age: "-1" is not a number of days above 0.'],
  [{ maxAge: "a month" }, {}, '--max-age: "a month" is not a number of days above 0.'],
  [{ maxAge: "1e999" }, {}, '--max-age: "1e999" is not a number of days above 0.'],
  [{ maxSize: "1000" }, {}, { maxBytes: 1000 }],
  [{ maxSize: "1000B" }, {}, { maxBytes: 1000 }],
  [{ maxSize: "1.5GB" }, {}, { maxBytes: 1.5e9 }],
  [{ maxSize: "20 G" }, {}, { maxBytes: 20e9 }],
  [{ maxSize: "2MiB" }, {}, { maxBytes: 2 * 1024 * 1024 }],
  [{ maxSize: "1tib" }, {}, { maxBytes: 1024 ** 4 }],
  [{ maxSize: "1iB" }, {}, '--max-size: "1iB" is not a size such as 500MB or 20GB.'],
  [{ maxSize: "0" }, {}, '--max-size: "0" is not a size such as 500MB or 20GB.'],
  [{ maxSize: "big" }, {}, '--max-size: "big" is not a size such as 500MB or 20GB.'],
  [
    { maxAge: "x", maxSize: "y" },
    {},
    '--max-age: "x" is not a number of days above 0.\n--max-size: "y" is not a size such as 500MB or 20GB.',
  ],
];

for (const [flags, env, expected] of CASES)
  test(`${JSON.stringify(flags)} with ${JSON.stringify(env)}`, () => {
    if (typeof expected === "string") {
      assert.throws(() => readSettings({ ...flags }, env), { name: "OptionError", message: expected });
      return;
    }
    const settings = readSettings({ ...flags }, env);
    for (const [name, value] of Object.entries(expected))
      assert.deepEqual(Object.entries(settings).find(([key]) => key === name)?.[1], value, name);
  });

test("loopback is what only this host can reach", () => {
  for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "::1"]) assert.ok(isLoopback(host), host);
  for (const host of ["", "0.0.0.0", "::", "127.0.0.1.example.com", "192.168.0.1", "localhost.example.com"])
    assert.ok(!isLoopback(host), host);
});

test("the document has every flag and variable", () => {
  const document = renderOptionsMarkdown();
  for (const { flag, env } of Object.values(OPTIONS))
    assert.equal(
      document.split("\n").filter((row) => row.includes(flag) && row.includes(`\`${env}\``)).length,
      1,
      flag,
    );
});
