/** What joining lines costs: ways to read one file as the agent does, into bodies without compression and without a server. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Batcher } from "../packages/agent/src/batch/batcher.ts";
import { chooseEncoder } from "../packages/agent/src/batch/choose_encoder.ts";
import type { JoinerFor } from "../packages/agent/src/lines/multiline/mod.ts";
import { ChunkReader } from "../packages/agent/src/sources/files/chunk_reader.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "../packages/agent/src/sources/files/tailed_file.ts";

const RUNS = 7;
export const LIMITS = { maxPart: 32 * 1024, maxLine: 10 * 1024 * 1024 };
const MAX_BODY = 2 * 1024 * 1024;

/** A log, by its lines. */
interface Log {
  readonly title: string;
  readonly entry: (n: number) => string;
}

/**
 * Reads each log in each way, and tells the bytes for each second of processor time, also as a part of those in the first way. Runs in
 * turn, so that what else the machine does falls on all; the best run of each counts.
 * @param bytes of each log.
 */
export function compareJoining(bytes: number, logs: readonly Log[], ways: Readonly<Record<string, JoinerFor>>): void {
  const root = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    for (const log of logs) compare(join(root, "app.log"), bytes, log, ways);
  } finally {
    rmSync(root, { recursive: true });
  }
}

function compare(path: string, bytes: number, { title, entry }: Log, ways: Readonly<Record<string, JoinerFor>>): void {
  const parts: string[] = [];
  for (let n = 0, size = 0; size < bytes; n += 1) {
    const text = entry(n);
    parts.push(text);
    size += text.length;
  }
  writeFileSync(path, parts.join(""));
  const best = new Map<string, { mbPerSecond: number; lines: number }>();
  for (let n = 0; n < RUNS; n += 1) {
    for (const [name, joinerFor] of Object.entries(ways)) {
      const run = readAll(path, bytes, joinerFor);
      if ((best.get(name)?.mbPerSecond ?? 0) < run.mbPerSecond) best.set(name, run);
    }
  }
  const [base] = best.values();
  process.stdout.write(`\n${title}, best of ${RUNS}\n`);
  for (const [name, { mbPerSecond, lines }] of best) {
    const cells = [
      `${mbPerSecond.toFixed(0)} MB/CPU s`,
      `${((100 * mbPerSecond) / (base?.mbPerSecond ?? 0)).toFixed(0)} %`,
      `${lines} lines`,
    ];
    process.stdout.write(`  ${name.padEnd(20)}${cells.map((cell) => cell.padStart(16)).join("")}\n`);
  }
}

function readAll(path: string, bytes: number, joinerFor: JoinerFor): { mbPerSecond: number; lines: number } {
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
