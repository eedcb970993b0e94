/**
 * What it costs to make bodies: `node bench/encoder.ts [MEGABYTES [BODIES]]`. Generated log lines are encoded by the plain encoder (zlib)
 * and by the kernel in turn, so that what else the machine does falls on both alike, as many bodies held as may be on their way.
 * The table has medians of the processor time of the whole process, all threads. `--only=NAME,NAME` runs
 * these alone, and shows the memory of what it ran. With `otlp` in their names they write OTLP, and with `zstd` compress with that.
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import type { Coding } from "../packages/agent/src/batch/coding.ts";
import type { BodyEncoder, EncodedBody, LineContext } from "../packages/agent/src/batch/encoder.ts";
import { JsonEncoder } from "../packages/agent/src/batch/json_encoder.ts";
import { KernelEncoder } from "../packages/agent/src/batch/kernel_encoder.ts";
import { logdnaForm, otlpForm } from "../packages/agent/src/batch/kernel_forms.ts";
import { OtlpEncoder } from "../packages/agent/src/batch/otlp_encoder.ts";
import { OtlpFormat } from "../packages/agent/src/batch/otlp_format.ts";

const RUNS = 9;
const CHUNK_BYTES = 128 * 1024;
const MAX_BODY = 2 * 1024 * 1024;
const MIN_SPLIT_BYTES = 16 * 1024;
const NEWLINE = 10;

const WORDS =
  "connection timeout request user session failed closed accepted queue worker retry upstream replica index commit transaction lease leader snapshot cache miss evicted memory disk latency token expired certificate handshake stream reset".split(
    " ",
  );
const STATUS = ["200", "200", "200", "304", "404", "500"];
const LEVELS = ["info", "info", "debug", "warn", "error"];
const CLIENTS = [
  "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
  "curl/7.88.1",
];

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

/** Whole lines, at most so many bytes of them at once. */
function chunksOf(corpus: Buffer): Buffer[] {
  const all: Buffer[] = [];
  for (let from = 0; from < corpus.length; ) {
    const to = corpus.lastIndexOf(NEWLINE, Math.min(corpus.length - 1, from + CHUNK_BYTES - 1)) + 1;
    all.push(corpus.subarray(from, to));
    from = to;
  }
  return all;
}

/** Lines of a web server, of a service that writes JSON, and of syslog, a third each; the same each time. */
function corpusOf(size: number): Buffer {
  const corpus = Buffer.alloc(size);
  let seed = 42;
  const below = (count: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * count);
  };
  const of = (words: readonly string[]): string => words[below(words.length)] ?? "";
  const hex = (digits: number): string => Array.from({ length: digits }, () => below(16).toString(16)).join("");
  const text = (): string => Array.from({ length: 4 + below(8) }, () => of(WORDS)).join(" ");
  const address = (): string => `10.${below(4)}.${below(256)}.${below(256)}`;
  let time = 1_700_000_000_000;
  let at = 0;
  for (;;) {
    time += below(20);
    const iso = new Date(time).toISOString();
    const line = [
      () =>
        `${address()} - - [${iso.slice(0, 19)}] "${of(["GET", "POST"])} /api/v1/${of(WORDS)}/${below(1e6)} HTTP/1.1" ${of(STATUS)} ${below(60_000)} "-" "${of(CLIENTS)}"`,
      () =>
        `{"ts":"${iso}","level":"${of(LEVELS)}","service":"${of(WORDS)}","req_id":"${hex(8)}-${hex(4)}-${hex(12)}","msg":"${text()}","latency_ms":${below(5000)}}`,
      () =>
        `<${below(190)}>${iso.slice(5, 19)} ip-10-0-${below(24)} ${of(["sshd", "kernel", "cron"])}[${below(32_768)}]: ${text()} from ${address()} port ${below(65_536)} path=C:\\srv\\${of(WORDS)}${below(100) === 0 ? " größer 日本語" : ""}`,
    ][below(3)]?.();
    const written = `${line}\n`;
    if (at + 2 * written.length > size) return corpus.subarray(0, at);
    at += corpus.write(written, at);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** Kilobytes that are this process's alone (proc_pid_smaps_rollup). */
function privateKb(): number {
  const rollup = readFileSync("/proc/self/smaps_rollup", "utf8");
  return [...rollup.matchAll(/^Private_\w+:\s+(\d+)/gm)].reduce((sum, [, kb]) => sum + Number(kb), 0);
}
