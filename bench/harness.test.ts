import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { MEASURES } from "./measures/mod.ts";
import { replaceBlock, writeReport } from "./report.ts";
import type { Result } from "./result.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const PAGE = join(import.meta.dirname, "../docs/performance.md");

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "bench-test-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function bench(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, ...args], { encoding: "utf8" });
}

test("throughput is measured from end to end, kept, and shown on the page", (t) => {
  const save = directory(t);
  const variant = "level 9:LOGDNA_GZIP_LEVEL=9";
  const args = ["throughput", "--quick", "--megabytes", "1", "--against", "none", "--variant", variant, "--save", save];
  const { status, stdout, stderr } = bench(...args);
  assert.equal(status, 0, `${stdout}${stderr}`);
  const result = JSON.parse(readFileSync(join(save, "throughput.json"), "utf8")) as Result;
  assert.equal(result.command, `npm run bench -- ${args.join(" ").replace(variant, `'${variant}'`)}`);
  assert.deepEqual(
    result.cases.map(({ subject }) => subject),
    ["this agent", "this agent, level 9"],
  );
  const [usual, small] = result.cases.map(({ medians }) => medians);
  for (const medians of [usual, small]) {
    assert.ok((medians?.mbPerCpu ?? 0) > 0.1 && (medians?.mbPerSecond ?? 0) > 0.01);
    assert.ok((medians?.peakRss ?? 0) > (medians?.peakPrivate ?? 0) && (medians?.peakPrivate ?? 0) > 5);
  }
  // What differs from run to run, such as paths and times, is far less.
  assert.ok(
    (small?.wire ?? 1) < 0.95 * (usual?.wire ?? 0) && (usual?.wire ?? 1) < 0.5,
    "settings of a variant are its own",
  );

  const docs = directory(t);
  copyFileSync(PAGE, join(docs, "performance.md"));
  writeReport(save, docs);
  const page = readFileSync(join(docs, "performance.md"), "utf8");
  assert.match(page, /\| this agent, level 9 \| /);
  assert.match(readFileSync(join(docs, "performance/throughput.svg"), "utf8"), /this agent, level 9/);
  writeReport(save, docs);
  assert.equal(readFileSync(join(docs, "performance.md"), "utf8"), page, "a second time changes nothing");
});

test("the list tells every measure, and a measure that does not exist is an error", () => {
  const { stdout } = bench("--list");
  for (const { name } of MEASURES) assert.ok(stdout.includes(`\n${name} `) || stdout.startsWith(name), name);
  const { status, stderr } = bench("throughputs");
  assert.equal(status, 2);
  assert.match(stderr, /There is no measure throughputs; --list tells which there are/);
});

test("the page has a place for every measure", () => {
  const page = readFileSync(PAGE, "utf8");
  for (const { name } of MEASURES) assert.notEqual(replaceBlock(page, name, "other"), page);
  assert.throws(() => replaceBlock(page, "unknown", ""), /has no markers/);
});
