/**
 * Runs the cases under `testcases/lines/`: a folder each, in which `logs/` has log files that an agent ships with the `config.yaml`,
 * the `env` (`NAME=VALUE` lines) and the `args` (one argument a line) beside it. `expected.jsonl` is what arrives, one line each
 * with the name of its file, and with the number of `parts` where it came in several; or `expected.count` is how many lines arrive.
 */
import assert from "node:assert/strict";
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace } from "./agent.ts";
import { type CaseResult, runCase } from "./rule_case.ts";

const CASES = join(import.meta.dirname, "../../../testcases/lines");

interface ExpectedLine {
  readonly file: string;
  readonly line: string;
  /** Those that a long line came in. */
  readonly parts?: number;
}

for (const name of readdirSync(CASES).sort()) {
  test(`line case ${name}`, async (t) => {
    const directory = join(CASES, name);
    const place = makePlace();
    cpSync(directory, place.root, { recursive: true });
    const isCount = existsSync(join(directory, "expected.count"));
    const expected = isCount ? [] : linesIn(join(directory, "expected.jsonl"));
    // The agent tells what it dropped when it ends, or some time later.
    const atOnce = expected.filter(({ line }) => !isNote(line)).length;
    const result = await runCase(t, place, atOnce);
    if (isCount) checkCount(directory, result);
    else assert.deepEqual(asExpected(result), expected);
    assert.equal(result.read, sizeOf(place.logs), "all of every file was read");
  });
}

function linesIn(path: string): ExpectedLine[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as ExpectedLine);
}

/** Lines as an expectation has them: the parts of a long one together, and without the time that it took to drop lines. */
function asExpected({ lines }: CaseResult): ExpectedLine[] {
  const all: ExpectedLine[] = [];
  for (const { file, line, meta } of lines) {
    const { line_part: part = 0, line_dropped_bytes: dropped } = (meta ?? {}) as Partial<Record<string, number>>;
    const before = part > 1 && dropped === undefined ? all.pop() : undefined;
    if (before !== undefined) all.push({ file, line: before.line + line, parts: part });
    else all.push({ file, line: isNote(line) ? line.replace(/ in \d+ s: /, " in … s: ") : line });
  }
  return all;
}

function isNote(line: string): boolean {
  return /^\[logdna-agent: .* dropped in /.test(line);
}

/** `least-most`: so many lines arrived, and each as it is in its file, in their order. */
function checkCount(directory: string, { lines }: CaseResult): void {
  const [least, most] = readFileSync(join(directory, "expected.count"), "utf8").split("-").map(Number);
  assert.ok(lines.length >= Number(least) && lines.length <= Number(most), `${lines.length} lines arrived`);
  for (const file of new Set(lines.map((line) => line.file))) {
    const own = lines.filter((line) => line.file === file).map(({ line }) => line);
    const all = readFileSync(join(directory, "logs", file), "utf8").split("\n");
    let at = -1;
    for (const line of own) {
      at = all.indexOf(line, at + 1);
      assert.notEqual(at, -1, `${line} is there, and behind those before it`);
    }
  }
}

function sizeOf(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
