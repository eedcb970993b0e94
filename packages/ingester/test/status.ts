import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

/** `nobody`, which a server of root's becomes where no user has the program's name. */
export const NOBODY = 65_534;
const NONE = "0000000000000000";
const SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

/** What proc_pid_status(5) says in a field, of every thread of a process; each value once. */
export function ofThreads(pid: number | undefined, field: string): string[] {
  const values = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    return new RegExp(`^${field}:[ \\t]*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
  });
  return [...new Set(values)];
}

/** Every thread is of this user alone, in no group, without a capability, without a way to get one, and filtered. */
export function assertPowerless(pid: number | undefined, uid: number): void {
  const ids = Array(4).fill(uid).join("\t");
  for (const field of ["Uid", "Gid"]) assert.deepEqual(ofThreads(pid, field), [ids], field);
  assert.deepEqual(ofThreads(pid, "Groups"), [""]);
  for (const set of SETS) assert.deepEqual(ofThreads(pid, set), [NONE], set);
  assert.deepEqual(ofThreads(pid, "NoNewPrivs"), ["1"]);
  assert.deepEqual(ofThreads(pid, "Seccomp"), ["2"]);
}
