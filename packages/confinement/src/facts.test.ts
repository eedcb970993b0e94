import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStatus, type ThreadFacts, threadExcesses } from "./facts.ts";

const CONFINED = `Name:\tnode
Uid:\t65534\t65534\t65534\t65534
Gid:\t65534\t65534\t65534\t65534
Groups:\t
CapInh:\t0000000000000004
CapPrm:\t0000000000000004
CapEff:\t0000000000000004
CapBnd:\t0000000000000004
CapAmb:\t0000000000000004
NoNewPrivs:\t1
Seccomp:\t2
`;
const policy = { uid: 65_534, gid: 65_534, keepCapability: true };

function excessesOf(text: string, wanted = policy): string[] {
  return threadExcesses(wanted, parseStatus(7, text));
}

test("the fields of a status file are read, capabilities by name", () => {
  const facts: ThreadFacts = parseStatus(7, CONFINED.replace("CapBnd:\t0000000000000004", "CapBnd:\t0000020000000081"));
  assert.deepEqual(facts.uids, [65_534, 65_534, 65_534, 65_534]);
  assert.deepEqual(facts.groups, []);
  assert.deepEqual(facts.capabilities.effective, ["CAP_DAC_READ_SEARCH"]);
  assert.deepEqual(facts.capabilities.bounding, ["CAP_CHOWN", "CAP_SETUID", "CAP_41"]);
  assert.equal(facts.noNewPrivs, true);
  assert.equal(facts.seccomp, 2);
});

test("whatever a thread has too much is told", () => {
  assert.deepEqual(excessesOf(CONFINED), []);
  for (const [from, to, told] of [
    ["Uid:\t65534", "Uid:\t0", "thread 7 has the uids 0, 65534, 65534, 65534"],
    ["Gid:\t65534", "Gid:\t0", "thread 7 has the gids 0, 65534, 65534, 65534"],
    ["CapAmb:\t0000000000000004", "CapAmb:\t0000000000000005", "thread 7 has in its ambient set CAP_CHOWN"],
    ["CapPrm:\t0000000000000004", "CapPrm:\t000001ffffffffff", "thread 7 has in its permitted set 40 capabilities"],
    ["NoNewPrivs:\t1", "NoNewPrivs:\t0", "thread 7 may gain privileges by executing"],
    ["Seccomp:\t2", "Seccomp:\t0", "thread 7 has no system call filter"],
  ] as const)
    assert.deepEqual(excessesOf(CONFINED.replace(from, to)), [told]);
  assert.equal(excessesOf(CONFINED, { ...policy, keepCapability: false }).length, 4);
});

test("a bounding set counts where it bounds something", () => {
  const full = CONFINED.replace("CapBnd:\t0000000000000004", "CapBnd:\t000001ffffffffff");
  assert.deepEqual(excessesOf(full), []);
  assert.match(excessesOf(full.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")).join("\n"), /bounding set 40 capabilities/);
});
