/**
 * What joining lines costs: `node bench/multiline.ts [MEGABYTES]`. Reads a file as the agent does and puts its lines into bodies,
 * without compression and without a server, with each kind of joining in turn; and tells the bytes for each second of processor
 * time, also as a part of those without joining.
 * Twice: for ordinary lines, and for a log in which every fifth entry is a stack trace.
 */
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Batcher } from "../packages/agent/src/batch/batcher.ts";
import { JsonEncoder } from "../packages/agent/src/batch/json_encoder.ts";
import { MULTILINE_PRESETS, type MultilineRule } from "../packages/agent/src/config/line_options.ts";
import { type JoinerFor, multilineFor } from "../packages/agent/src/lines/multiline/mod.ts";
import { ChunkReader } from "../packages/agent/src/sources/files/chunk_reader.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "../packages/agent/src/sources/files/tailed_file.ts";

const RUNS = 7;
const LIMITS = { maxPart: 32 * 1024, maxLine: 10 * 1024 * 1024 };
const MAX_BODY = 2 * 1024 * 1024;
const NONE: MultilineRule = {
  presets: [],
  start: undefined,
  continuation: undefined,
  timeout: 1000,
  maxLines: 1000,
  maxBytes: LIMITS.maxPart,
};
const RULES: Readonly<Record<string, Partial<MultilineRule> | undefined>> = {
  none: undefined,
  ...Object.fromEntries(MULTILINE_PRESETS.map((preset) => [preset, { presets: [preset] }])),
  "all presets": { presets: MULTILINE_PRESETS },
  "start ^\\d{4}-": { start: "^\\d{4}-" },
  "continuation ^\\s": { continuation: "^\\s" },
};
const CASES = join(import.meta.dirname, "../testcases/multiline");

const bytes = Number(process.argv[2] ?? 16) * 1e6;
const root = mkdtempSync(join(tmpdir(), "bench-"));
try {
  compare("ordinary lines", (n) => record(n));
  const traces = MULTILINE_PRESETS.flatMap((preset) =>
    readdirSync(join(CASES, preset))
      .filter((name) => name.endsWith(".log") && name !== "no_traces.log")
      .map((name) => readFileSync(join(CASES, preset, name), "utf8")),
  );
  compare("every fifth entry a trace", (n) => record(n) + (n % 5 === 0 ? (traces[(n / 5) % traces.length] ?? "") : ""));
} finally {
  rmSync(root, { recursive: true });
}

/** Runs in turn, so that what else the machine does falls on all; the best run of each counts. */
function compare(title: string, entry: (n: number) => string): void {
  const path = join(root, "app.log");
  const parts: string[] = [];
  for (let n = 0, size = 0; size < bytes; n += 1) {
    const text = entry(n);
    parts.push(text);
    size += text.length;
  }
  writeFileSync(path, parts.join(""));
  const best = new Map<string, { mbPerSecond: number; lines: number }>();
  for (let n = 0; n < RUNS; n += 1) {
    for (const [name, rule] of Object.entries(RULES)) {
      const joinerFor = multilineFor({ multiline: rule && { ...NONE, ...rule }, pathRules: [] });
      const run = readAll(path, joinerFor);
      if ((best.get(name)?.mbPerSecond ?? 0) < run.mbPerSecond) best.set(name, run);
    }
  }
  const base = best.get("none")?.mbPerSecond ?? 0;
  process.stdout.write(`\n${title}, best of ${RUNS}\n`);
  for (const [name, { mbPerSecond, lines }] of best) {
    const cells = [
      `${mbPerSecond.toFixed(0)} MB/CPU s`,
      `${((100 * mbPerSecond) / base).toFixed(0)} %`,
      `${lines} lines`,
    ];
    process.stdout.write(`  ${name.padEnd(20)}${cells.map((cell) => cell.padStart(16)).join("")}\n`);
  }
}

function readAll(path: string, joinerFor: JoinerFor): { mbPerSecond: number; lines: number } {
  const file = new TailedFile({
    dev: 1n,
    ino: 1n,
    path,
    head: EMPTY_HEAD,
    position: BEGINNING,
    onAcknowledged: () => undefined,
  });
  let lines = 0;
  let read = 0;
  const batcher = new Batcher({
    encoder: new JsonEncoder({ maxBody: MAX_BODY, gzipLevel: 0 }),
    nextId: () => "id",
    emit: () => undefined,
    onBatch: (batch) => {
      lines += batch.lines;
      for (const range of batch.ranges) range.acknowledge();
    },
  });
  const reader = new ChunkReader(LIMITS, undefined, { joinerFor });
  file.fd = openSync(path, "r");
  const begun = process.cpuUsage();
  for (let outcome = reader.read(file, true); outcome.kind === "chunk"; outcome = reader.read(file, true)) {
    read += outcome.chunk.bytes.length;
    batcher.add(outcome.chunk);
  }
  batcher.flush();
  const { user, system } = process.cpuUsage(begun);
  const seconds = (user + system) / 1e6;
  closeSync(file.fd);
  if (read < bytes) throw new Error(`Only ${read} bytes were read`);
  return { mbPerSecond: read / 1e6 / seconds, lines };
}

function record(n: number): string {
  const level = n % 17 === 0 ? "ERROR" : "INFO ";
  return `2026-01-02T03:04:05.${String(n % 1000).padStart(3, "0")}Z ${level} request ${n} GET /api/v1/items/${n % 97} status=200 duration=${n % 311}ms\n`;
}
