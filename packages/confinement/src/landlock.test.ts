import assert from "node:assert/strict";
import { openSync } from "node:fs";
import { test } from "node:test";
import { fakeLibc } from "./fake_libc.ts";
import { restrictByLandlock } from "./landlock.ts";
import type { Libc } from "./libc.ts";
import type { Outcome } from "./outcome.ts";
import type { Policy } from "./policy.ts";

const policy: Policy = {
  program: "logdna-agent",
  stateFlag: "--db-path",
  mode: "best-effort",
  fromRoot: true,
  uid: 65_534,
  gid: 65_534,
  keepCapability: false,
  capabilityFor: [],
  logs: ["/var/log"],
  readable: [],
  listable: [],
  stateDirectory: "/var/lib/logdna",
  executables: [],
  programs: [],
  connectPorts: [443],
  bindPorts: [9881],
  localSockets: false,
  readOnlyMounts: true,
};

interface Told {
  readonly outcome: Outcome;
  /** Handled rights on files, on TCP, and scopes. */
  readonly handled: readonly bigint[];
  /** Rules for ports. */
  readonly ports: readonly bigint[];
}

/** Restricts on a kernel with some version of the ABI, whose files all are where `opening` says. */
function on(abi: number, opening: ReturnType<Libc["syscall"]> = { code: "ENOENT" }): Told {
  let handled: bigint[] = [];
  const ports: bigint[] = [];
  const syscall: Libc["syscall"] = (name, first, second, third) => {
    if (name === "landlock_create_ruleset" && !Buffer.isBuffer(first))
      return abi > 0 ? { value: abi } : { code: "ENOSYS" };
    if (name === "landlock_create_ruleset" && Buffer.isBuffer(first)) {
      handled = [0, 8, 16].map((at) => first.readBigUInt64LE(at));
      return { value: openSync("/dev/null", "r") };
    }
    if (name === "openat2") return opening;
    if (name === "landlock_add_rule" && second === 2 && Buffer.isBuffer(third)) ports.push(third.readBigUInt64LE(8));
    return { value: 0 };
  };
  return { outcome: restrictByLandlock(fakeLibc({ syscall }), policy), handled, ports };
}

test("a kernel without Landlock is told as such", () => {
  const { outcome } = on(0);
  assert.equal(outcome.state, "unavailable");
  assert.match(outcome.detail, /no Landlock/);
});

test("each kernel is asked for what it has, and what it leaves open is told", () => {
  assert.deepEqual(on(1).handled, [0x1fffn, 0n, 0n]);
  assert.deepEqual(on(3).handled, [0x7fffn, 0n, 0n]);
  assert.deepEqual(on(3).ports, []);
  assert.match(on(3).outcome.gaps.join("\n"), /TCP connections to any port/);
  assert.deepEqual(on(4).handled, [0x7fffn, 3n, 0n]);
  assert.deepEqual(on(4).ports, [443n, 9881n]);
  assert.deepEqual(on(7).handled, [0xffffn, 3n, 3n]);
  assert.equal(on(7).outcome.detail, "ABI 7: files, TCP ports, signals");
});

test("a state directory that cannot be reached is a failure, other paths are told", () => {
  const { outcome } = on(7, { code: "EACCES" });
  assert.equal(outcome.state, "failed");
  assert.equal(outcome.detail, "the rule for /var/lib/logdna: EACCES");
});
