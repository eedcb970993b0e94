import { closeSync, openSync, readdirSync } from "node:fs";
import { giveUpCapabilities, hideOverExec } from "./capabilities.ts";
import { ConfinementError } from "./confinement_error.ts";
import { elfInterpreter } from "./elf_interpreter.ts";
import { HANDOVER_VARIABLE, writeHandover } from "./handover.ts";
import { restrictByLandlock } from "./landlock.ts";
import { type Libc, libc } from "./libc.ts";
import { makeMountsReadOnly } from "./mounts.ts";
import { LAYERS, type Layer, type Outcome, outcomesOf } from "./outcome.ts";
import type { Policy } from "./policy.ts";
import { filterSystemCalls } from "./seccomp.ts";
import { handOverStateDirectory } from "./state_directory.ts";

/** The image that takes this one's place. */
export interface NewImage {
  /** The program's file; mostly `process.execPath`. */
  readonly file: string;
  /** Its command line from the program's name on. No secret: every user of the host can see it. */
  readonly argv: readonly string[];
  /** Its whole environment. No secret: /proc/PID/environ shows it. */
  readonly env: Readonly<Record<string, string>>;
  /** Values by name that the new image takes with `afterConfinement`. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Descriptors that stay open; all others but the standard streams are closed. */
  readonly descriptors?: readonly number[];
}

/** prctl(2), `<linux/prctl.h>`. */
const PR_SET_NO_NEW_PRIVS = 38;
/** setrlimit(2), `<bits/resource.h>`. */
const RLIMIT_CORE = 4;
/** close_range(2), `<linux/close_range.h>`. */
const CLOSE_RANGE_CLOEXEC = 4;
const LAST_DESCRIPTOR = 0xffff_ffff;
/** The descriptor after the standard streams. */
const FIRST_OTHER = 3;

/** What puts each layer on. */
const APPLY: Readonly<Record<Layer, (libc: Libc, policy: Policy) => Outcome>> = {
  "core dumps": forbidCoreDumps,
  mounts: makeMountsReadOnly,
  capabilities: giveUpCapabilities,
  no_new_privs: setNoNewPrivs,
  landlock: restrictByLandlock,
  seccomp: filterSystemCalls,
};

/**
 * Takes everything from this process that its policy does not leave it, and replaces its image, so that every thread of the
 * new one is born confined; threads that exist already could not be. Nothing of it can be undone. The new image calls
 * `afterConfinement` before anything else.
 *
 * @returns why nothing was done: the policy says `off`, or there is nothing to do it with and the policy does not require it.
 * @throws {ConfinementError} when a layer is missing that the policy requires, the state directory cannot be handed over, or
 *   the new image cannot be started. The process is half confined then, and has to end.
 */
export function confine(policy: Policy, image: NewImage): string {
  if (policy.mode === "off") return "it is switched off";
  const calls = libc();
  process.umask(0o077);
  if (typeof calls === "string") {
    if (policy.mode === "required") throw new ConfinementError(`This process cannot be confined: ${calls}.`);
    return calls;
  }
  handOverStateDirectory(policy);
  const outcomes: Outcome[] = [];
  for (const layer of LAYERS) {
    // The filter refuses it.
    if (layer === "seccomp" && !policy.without?.includes("no_new_privs")) hideOverExec(calls, policy);
    const outcome = isWanted(layer, policy) ? APPLY[layer](calls, policy) : outcomesOf(layer).off("not asked for");
    outcomes.push(outcome);
    if (policy.mode === "required" && (outcome.state === "unavailable" || outcome.state === "failed"))
      throw new ConfinementError(
        `The layer "${layer}" of the confinement is required, but ${outcome.state}: ${outcome.detail}. Start ${policy.program} with what that takes, or set its confinement to best-effort.`,
      );
  }
  closeTheRestAtExec(calls);
  for (const fd of image.descriptors ?? []) calls.keepOverExec(fd);
  const anchor = holdOwnDirectory(calls);
  const handover = writeHandover(calls, { policy, outcomes, secrets: image.secrets });
  try {
    if (process.execve === undefined) throw new Error("this Node has no process.execve");
    const { file, argv } = keepingAmbient(calls, image);
    return process.execve(file, argv, {
      // Where SQLite would put temporary files is not writable any more: https://sqlite.org/tempfiles.html, 5.
      SQLITE_TMPDIR: policy.stateDirectory,
      ...image.env,
      [HANDOVER_VARIABLE]: String(handover),
    });
  } catch (error) {
    closeSync(anchor);
    closeSync(handover);
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfinementError(`The confined process cannot execute ${image.file}: ${why}.`);
  }
}

function isWanted(layer: Layer, policy: Policy): boolean {
  const isMounts = policy.readOnlyMounts || policy.mountsKept !== undefined;
  return !(policy.without?.includes(layer) ?? false) && (layer !== "mounts" || isMounts);
}

/**
 * An executable whose file has capabilities, as Node has in the container image, loses those that are ambient when it is executed
 * (capabilities(7), "Transformation of capabilities during execve()"). The dynamic loader has none, and starts it all the same.
 */
function keepingAmbient(calls: Libc, { file, argv }: NewImage): { readonly file: string; readonly argv: string[] } {
  const own = calls.syscall("getxattr", Buffer.from(`${file}\0`), Buffer.from("security.capability\0"), 0, 0);
  const loader = "value" in own && own.value > 0 ? elfInterpreter(file) : undefined;
  return loader === undefined ? { file, argv: [...argv] } : { file: loader, argv: [loader, file, ...argv.slice(1)] };
}

/** A core holds the key. Where cores go to a program the limit counts for nothing (core(5)); the dumpable flag does, later. */
function forbidCoreDumps(calls: Libc): Outcome {
  const { applied, failed } = outcomesOf("core dumps");
  const limited = calls.setrlimit(RLIMIT_CORE, 0, 0);
  return "code" in limited ? failed(`limiting them to 0 bytes: ${limited.code}`) : applied("limited to 0 bytes");
}

function setNoNewPrivs(calls: Libc): Outcome {
  const { applied, failed } = outcomesOf("no_new_privs");
  const set = calls.prctl(PR_SET_NO_NEW_PRIVS, 1);
  return "code" in set ? failed(`setting it: ${set.code}`) : applied("executing gives no privilege");
}

/** What was open before is not restricted: whatever the starter left open, besides the standard streams, goes. */
function closeTheRestAtExec(calls: Libc): void {
  const range = calls.syscall("close_range", FIRST_OTHER, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC);
  if ("value" in range) return;
  // Before Linux 5.11; those of Node's own are closed at an exec in any case.
  for (const fd of readdirSync("/proc/self/fd").map(Number)) if (fd >= FIRST_OTHER) calls.closeAtExec(fd);
}

/**
 * Opens /proc/PID for as long as the process lives, the new image included. A Landlock rule is bound to an inode, and that of
 * a directory in /proc lives only as long as something refers to it: when memory is short it would be made anew, without a rule.
 */
function holdOwnDirectory(calls: Libc): number {
  const fd = openSync("/proc/self", "r");
  calls.keepOverExec(fd);
  return fd;
}
