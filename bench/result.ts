import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CaseResult } from "./interleave.ts";
import type { Machine } from "./machine.ts";

/** What a measure gave, as it is kept in `bench/results`. */
export interface Result {
  readonly measure: string;
  /** What makes these numbers again. */
  readonly command: string;
  readonly date: string;
  readonly quick: boolean;
  readonly machine: Machine;
  /** What was shipped, in words. */
  readonly input: string;
  readonly runs: number;
  readonly subjects: readonly { readonly name: string; readonly version: string; readonly work: string }[];
  readonly cases: readonly CaseResult[];
}

export function saveResult(directory: string, result: Result): void {
  writeFileSync(join(directory, `${result.measure}.json`), `${JSON.stringify(result, roundedNumber, 1)}\n`);
}

export function savedResults(directory: string): Result[] {
  return globSync("*.json", { cwd: directory })
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(directory, name), "utf8")) as Result);
}

/** More digits than five are noise, and would be most of the file. */
function roundedNumber(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
