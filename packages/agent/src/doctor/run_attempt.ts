import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { type Confinement, ConfinementError, confine, type Policy } from "@logdna-agent/confinement";
import { ownCommand } from "../own_program.ts";
import { ATTEMPT, type AttemptInput, type AttemptReport, attempt } from "./attempt.ts";

/** The command line of the process that confines itself in order to try; for the doctor itself. */
const ATTEMPT_ARGUMENTS = ["doctor", "--attempt"] as const;

interface Order {
  readonly policy: Policy;
  readonly input: AttemptInput;
}

/** What became of an attempt: what it found, or why there was none. */
export type AttemptResult = AttemptReport | { readonly notTried: string };

/**
 * Lets a process of its own take on the confinement of a policy, and try in it what should work and what should not. A
 * directory that is removed afterwards takes the place of the state directory, which stays what it is.
 */
export async function runAttempt(policy: Policy, input: AttemptInput): Promise<AttemptResult> {
  let scratch: string;
  try {
    scratch = makeScratch(policy.stateDirectory);
  } catch (error) {
    return { notTried: `no directory can be made for it: ${messageOf(error)}` };
  }
  try {
    // Whatever is missing is to be told, and not to end the attempt.
    const order: Order = { policy: { ...policy, mode: "best-effort", stateDirectory: scratch }, input };
    return await inProcess(order);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function inProcess(order: Order): Promise<AttemptResult> {
  const [file, ...args] = ownCommand([], ATTEMPT_ARGUMENTS);
  const child = spawn(file, args, {
    stdio: ["pipe", "pipe", "pipe"],
    cwd: "/",
    env: { PATH: process.env.PATH },
  });
  child.stdin.on("error", () => undefined).end(JSON.stringify(order));
  const ended = new Promise<unknown>((resolve) => child.once("close", resolve).once("error", resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  try {
    return JSON.parse(output) as AttemptResult;
  } catch {
    return { notTried: errors.trim() || output.trim() || "the process that was to try it ended without a word" };
  }
}

/** The first image of the process that tries: takes the order from standard input and confines itself. Prints why, where it cannot. */
export async function beginAttempt(): Promise<number> {
  const { policy, input } = JSON.parse(await text(process.stdin)) as Order;
  const why = confine(policy, {
    file: process.execPath,
    argv: ownCommand([], ATTEMPT_ARGUMENTS),
    env: { PATH: process.env.PATH ?? "" },
    secrets: { [ATTEMPT]: JSON.stringify(input) },
  });
  process.stdout.write(JSON.stringify({ notTried: why }));
  return 0;
}

/** The confined image of it. */
export async function finishAttempt(confinement: Confinement): Promise<number> {
  process.stdout.write(JSON.stringify(await attempt(confinement)));
  return 0;
}

/** An empty directory that is private to this user: where the state is going to be, so that the way to it is tried, too. */
function makeScratch(stateDirectory: string): string {
  // In a container all but the state directory itself may be read-only.
  const places = [() => nearestParent(stateDirectory), tmpdir, () => stateDirectory];
  let last: unknown;
  for (const place of places) {
    try {
      return mkdtempSync(join(place(), ".logdna-agent-doctor-"));
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

export function nearestParent(path: string): string {
  for (let at = dirname(path); ; at = dirname(at)) {
    try {
      closeSync(openSync(at, "r"));
      return at;
    } catch (error) {
      if (at === dirname(at)) throw error;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof ConfinementError || error instanceof Error ? error.message : String(error);
}
