import assert from "node:assert/strict";
import { test } from "node:test";
import { describePolicy, type Policy } from "./policy.ts";

const policy: Policy = {
  program: "logdna-agent",
  stateFlag: "--db-path",
  mode: "required",
  fromRoot: true,
  uid: 65_534,
  gid: 65_534,
  keepCapability: true,
  capabilityFor: ["/var/log/a", "/var/log/b", "/var/log/c", "/var/log/d", "/var/log/e"],
  logs: ["/var/log"],
  readable: ["/usr/lib"],
  listable: ["/srv"],
  stateDirectory: "/var/lib/logdna",
  executables: ["/usr/bin/node"],
  programs: ["/usr/bin/journalctl"],
  connectPorts: [53, 443],
  bindPorts: [],
  localSockets: false,
  readOnlyMounts: true,
};

test("a policy is told in lines", () => {
  assert.deepEqual(describePolicy(policy), [
    "Mode: required",
    "User: uid 65534, gid 65534, no supplementary groups",
    "Capability: CAP_DAC_READ_SEARCH, which is needed for /var/log/a, /var/log/b, /var/log/c and 2 more; every other is dropped",
    "Read logs: /var/log",
    "Read: /usr/lib",
    "List: /srv",
    "Write: /var/lib/logdna",
    "Execute, at the start only: /usr/bin/node",
    "Execute: /usr/bin/journalctl",
    "Connect: TCP 53, 443",
    "Listen: no TCP port",
    "Unix sockets: none",
    "Mounts: read-only but for the state directory",
  ]);
});

test("who is no root keeps its groups, and a capability only if it has it", () => {
  const [, user, capability] = describePolicy({ ...policy, fromRoot: false, capabilityFor: ["/var/log/a"] });
  assert.equal(user, "User: uid 65534, gid 65534, and the groups that it is in");
  assert.match(
    capability ?? "",
    /^Capability: CAP_DAC_READ_SEARCH, if the user was given it, which is needed for \/var\/log\/a;/,
  );
});

test("what is switched off is told, too", () => {
  const lines = describePolicy({ ...policy, keepCapability: false, readOnlyMounts: false, without: ["seccomp"] });
  assert.ok(lines.includes("Capability: none"));
  assert.ok(lines.includes("Mounts: as they are"));
  assert.ok(lines.includes("Left out: seccomp"));
});

test("what a program needs beyond the rule is told, too", () => {
  const lines = describePolicy({ ...policy, linkable: ["/var/lib/logdna/store"], ignoredCalls: ["utimensat"] });
  assert.ok(lines.includes("Make links: /var/lib/logdna/store"));
  assert.ok(lines.includes("System calls that do nothing: utimensat"));
});

test("a policy survives JSON", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(policy)), policy);
});
