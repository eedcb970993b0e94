import { ConfinementError } from "./confinement_error.ts";
import { excesses, type Facts, gatherFacts } from "./facts.ts";
import { HANDOVER_VARIABLE, type Handover, receiveSecrets } from "./handover.ts";
import { libc } from "./libc.ts";
import type { Policy } from "./policy.ts";
import { filterFurther } from "./seccomp.ts";

/** prctl(2), `<linux/prctl.h>`. */
const PR_SET_DUMPABLE = 4;

/** What the new image was given, and what became of it. */
export interface Confinement extends Handover {
  /** What the kernel says of the process. */
  readonly facts: Facts;
  /** In what the process has more than its policy leaves it; each one line. */
  readonly excesses: readonly string[];
}

/**
 * Completes the confinement in the new image: to be called before anything else happens there. From then on no other process
 * of the same user can look into this one, it leaves no core, and executes nothing.
 * @returns undefined in a process that was not started by `confine`.
 * @throws {ConfinementError} when the policy requires what is not there.
 */
export function afterConfinement(env: NodeJS.ProcessEnv = process.env): Confinement | undefined {
  const calls = libc();
  const isNewImage = env[HANDOVER_VARIABLE] !== undefined;
  // First of all, since the secrets are in memory from the next statement on.
  if (isNewImage && typeof calls !== "string") calls.prctl(PR_SET_DUMPABLE, 0);
  const handover = receiveSecrets(env);
  if (handover === undefined) return undefined;
  const { policy } = handover;
  if (typeof calls === "string") throw new ConfinementError(`The confinement cannot be completed: ${calls}.`);
  // What `hideOverExec` has left, on kernels where execve(2) does not; it sets the flag anew (`commit_creds` in kernel/cred.c).
  if (process.getegid?.() !== policy.gid) calls.setresgid(policy.gid, policy.gid, policy.gid);
  calls.prctl(PR_SET_DUMPABLE, 0);
  process.umask(0o077);
  const outcomes = handover.outcomes.map((outcome) => {
    if (outcome.layer !== "seccomp" || outcome.state !== "applied") return outcome;
    const further = filterFurther(calls, policy);
    return further.state === "applied" ? { ...outcome, detail: `${outcome.detail}; ${further.detail}` } : further;
  });
  const facts = gatherFacts(calls, policy);
  const more = excesses(policy, outcomes, facts);
  if (policy.mode === "required") require(policy, outcomes, more);
  return { policy, outcomes, secrets: handover.secrets, facts, excesses: more };
}

function require(policy: Policy, outcomes: Handover["outcomes"], more: readonly string[]): void {
  const missing = outcomes.find(({ state }) => state === "unavailable" || state === "failed");
  if (missing !== undefined)
    throw new ConfinementError(`The layer "${missing.layer}" is required, but ${missing.state}: ${missing.detail}.`);
  if ((policy.without?.length ?? 0) === 0 && more.length > 0)
    throw new ConfinementError(`The process has more than its policy leaves it: ${more.join("; ")}.`);
}
