/**
 * What it costs to make bodies: `node bench/encoder.ts [MEGABYTES [BODIES]]`. Generated log lines are encoded by the plain encoder (zlib)
 * and by the kernel in turn, so that what else the machine does falls on both alike, as many bodies held as may be on their way.
 * The table has medians of the processor time of the whole process, all threads. `--only=NAME,NAME` runs
 * these alone, and shows the memory of what it ran. With `otlp` in their names they write OTLP, and with `zstd` compress with that.
 */
import type { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import type { Coding } from "../packages/agent/src/batch/coding.ts";
import type { BodyEncoder, EncodedBody, LineContext } from "../packages/agent/src/batch/encoder.ts";
import { JsonEncoder } from "../packages/agent/src/batch/json_encoder.ts";
import { KernelEncoder } from "../packages/agent/src/batch/kernel_encoder.ts";
import { logdnaForm, otlpForm } from "../packages/agent/src/batch/kernel_forms.ts";
import { OtlpEncoder } from "../packages/agent/src/batch/otlp_encoder.ts";
import { OtlpFormat } from "../packages/agent/src/batch/otlp_format.ts";
import { chunksOf, corpusOf } from "./encoder_corpus.ts";

const RUNS = 9;
const CHUNK_BYTES = 128 * 1024;
const MAX_BODY = 2 * 1024 * 1024;
const MIN_SPLIT_BYTES = 16 * 1024;
const NEWLINE = 10;

const onFailure = (reason: string): never => {
  throw new Error(reason);
};
const OPTIONS = { maxBody: MAX_BODY, gzipLevel: 2 } as const;
const ZSTD = { ...OPTIONS, codingNow: (): Coding => "zstd" };
const OTLP = new OtlpFormat({ hostname: "host", ip: undefined, mac: undefined, tags: [], version: "0" });
const ENCODERS: Readonly<Record<string, () => BodyEncoder>> = {
  zlib: () => new JsonEncoder(OPTIONS),
  "zlib-3": () => new JsonEncoder({ ...OPTIONS, gzipLevel: 3 }),
  kernel: () => new KernelEncoder({ ...OPTIONS, onFailure }, logdnaForm(OPTIONS)),
  "zlib-zstd": () => new JsonEncoder(ZSTD),
  "kernel-zstd": () => new KernelEncoder({ ...ZSTD, onFailure }, logdnaForm(ZSTD)),
  "otlp-zlib": () => new OtlpEncoder({ ...OPTIONS, format: OTLP }),
  "otlp-kernel": () => new KernelEncoder({ ...OPTIONS, onFailure }, otlpForm({ ...OPTIONS, format: OTLP })),
  "otlp-kernel-zstd": () => new KernelEncoder({ ...ZSTD, onFailure }, otlpForm({ ...ZSTD, format: OTLP })),
};

const numbers = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const only = process.argv
  .find((arg) => arg.startsWith("--only="))
  ?.slice("--only=".length)
  .split(",");
const megabytes = Number(numbers[0] ?? 30);
const held = Number(numbers[1] ?? 4);
const chunks = chunksOf(corpusOf(megabytes * 1e6));
const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);

const results = Object.entries(ENCODERS)
  .filter(([name]) => only === undefined || only.includes(name))
  .map(([name, make]) => ({ name, encoder: make(), cpu: [] as number[], wall: [] as number[], plain: 0, wire: 0 }));
const before = privateKb();
for (let run = -1; run < RUNS; run += 1) {
  for (const result of results) {
    const wall = performance.now();
    const cpu = process.cpuUsage();
    const { plain, wire } = await encode(result.encoder);
    const { user, system } = process.cpuUsage(cpu);
    Object.assign(result, { plain, wire });
    if (run < 0) continue;
    result.cpu.push((user + system) / 1e6);
    result.wall.push((performance.now() - wall) / 1e3);
  }
}
const mb = bytes / 1e6;
const rows = results.map(({ name, cpu, wall, plain, wire }) => [
  name,
  (mb / median(cpu)).toFixed(0),
  (mb / median(wall)).toFixed(0),
  (plain / wire).toFixed(2),
  (wire / bytes).toFixed(3),
]);
process.stdout.write(`${mb.toFixed(0)} MB into bodies of 2 MiB, medians of ${RUNS}\n\n`);
for (const row of [["encoder", "MB per CPU-s", "MB/s", "ratio", "wire/input"], ...rows])
  process.stdout.write(`${row.map((cell) => cell.padEnd(14)).join("")}\n`);
if (only !== undefined)
  process.stdout.write(`\nprivate memory: ${before} kB before, ${privateKb()} kB now, with the corpus of ${mb} MB\n`);

async function encode(encoder: BodyEncoder): Promise<{ plain: number; wire: number }> {
  const window: Promise<EncodedBody>[] = [];
  let plain = 0;
  let wire = 0;
  const settle = async (): Promise<void> => {
    const body = await window.shift();
    plain += body?.plainSize ?? 0;
    wire += body?.bytes.length ?? 0;
  };
  const finish = async (): Promise<void> => {
    window.push(encoder.finish());
    if (window.length >= held) await settle();
  };
  const add = async (run: Buffer, context: LineContext, offset: number): Promise<void> => {
    if (encoder.add(run, context, offset) !== undefined) return;
    const middle = run.lastIndexOf(NEWLINE, run.length >> 1) + 1;
    if (run.length < 2 * MIN_SPLIT_BYTES || middle === 0) {
      await finish();
      encoder.add(run, context, offset);
      return;
    }
    // As in `Batcher`.
    await add(run.subarray(0, middle), context, offset);
    await add(run.subarray(middle), context, offset + middle);
  };
  for (const [n, chunk] of chunks.entries()) {
    const context = { file: `/var/log/service-${n % 5}/app.log`, timestamp: 1_700_000_000_000 + n, source: 7 };
    await add(chunk, context, n * CHUNK_BYTES);
  }
  await finish();
  while (window.length > 0) await settle();
  return { plain, wire };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** Kilobytes that are this process's alone (proc_pid_smaps_rollup). */
function privateKb(): number {
  const rollup = readFileSync("/proc/self/smaps_rollup", "utf8");
  return [...rollup.matchAll(/^Private_\w+:\s+(\d+)/gm)].reduce((sum, [, kb]) => sum + Number(kb), 0);
}
