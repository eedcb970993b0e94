/**
 * What logs of containers cost: `node bench/containers.ts [MEGABYTES]`. Reads a file as the agent does and puts its lines into
 * bodies, without compression and without a server: as any log, and as that of a container in each way to ship it; and tells the
 * bytes for each second of processor time, also as a part of those as any log.
 * For each format twice: where no line was cut by the runtime, and where every hundredth was.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Batcher } from "../packages/agent/src/batch/batcher.ts";
import { chooseEncoder } from "../packages/agent/src/batch/choose_encoder.ts";
import { containerJoinerFor } from "../packages/agent/src/lines/containers/mod.ts";
import type { JoinerFor } from "../packages/agent/src/lines/multiline/mod.ts";
import { ChunkReader } from "../packages/agent/src/sources/files/chunk_reader.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "../packages/agent/src/sources/files/tailed_file.ts";

const RUNS = 7;
const LIMITS = { maxPart: 32 * 1024, maxLine: 10 * 1024 * 1024 };
const MAX_BODY = 2 * 1024 * 1024;
const CUT_EVERY = 100;
const ALL = { isLog: () => true };
const NONE: JoinerFor = () => undefined;
const WAYS: Readonly<Record<string, JoinerFor>> = {
  "as any log": NONE,
  raw: containerJoinerFor({ containerLines: "raw" }, ALL, NONE),
  parsed: containerJoinerFor({ containerLines: "parsed" }, ALL, NONE),
};

const bytes = Number(process.argv[2] ?? 16) * 1e6;
const root = mkdtempSync(join(tmpdir(), "bench-"));
try {
  for (const [format, line] of [
    ["CRI", criLine],
    ["Docker", dockerLine],
  ] as const) {
    compare(`${format}, no line cut`, (n) => line(n, record(n), true));
    compare(`${format}, one of ${CUT_EVERY} lines cut`, (n) => line(n, record(n), n % CUT_EVERY !== 0));
  }
} finally {
  rmSync(root, { recursive: true });
}

/** Runs in turn, so that what else the machine does falls on all; the best run of each counts. */
function compare(title: string, entry: (n: number) => string): void {
  const path = join(root, "0.log");
  const parts: string[] = [];
  for (let n = 0, size = 0; size < bytes; n += 1) {
    const text = entry(n);
    parts.push(text);
    size += text.length;
  }
  writeFileSync(path, parts.join(""));
  const best = new Map<string, { mbPerSecond: number; lines: number }>();
  for (let n = 0; n < RUNS; n += 1) {
    for (const [name, joinerFor] of Object.entries(WAYS)) {
      const run = readAll(path, joinerFor);
      if ((best.get(name)?.mbPerSecond ?? 0) < run.mbPerSecond) best.set(name, run);
    }
  }
  const base = best.get("as any log")?.mbPerSecond ?? 0;
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

function record(n: number): string {
  const level = n % 50 === 0 ? "ERROR" : "INFO";
  return `${level} com.example.Worker - request ${n} took ${n % 1000} ms, user "u${n % 97}" at /orders/${n * 7}`;
}

function timeOf(n: number): string {
  return new Date(1.7e12 + n).toISOString().replace("Z", "123456Z");
}

function criLine(n: number, text: string, ends: boolean): string {
  return `${timeOf(n)} stdout ${ends ? "F" : "P"} ${text}\n`;
}

function dockerLine(n: number, text: string, ends: boolean): string {
  return `${JSON.stringify({ log: ends ? `${text}\n` : text, stream: "stdout", time: timeOf(n) })}\n`;
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
    encoder: chooseEncoder({ maxBody: MAX_BODY, gzipLevel: 0, encoder: "auto" }, () => undefined),
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
