/**
 * What looking for personal and secret data costs: `node bench/redaction.ts [MEGABYTES]`. Megabytes a second of processor time, for each
 * preset and for all of them: on lines in which nothing is found, line by line and 64 KiB at a time, and on an access log in which
 * each line has an address. First a search for a byte that does not occur (memchr), and for one digit by a regular expression.
 * Each is the best of several turns, since other work on the machine only ever makes one slower.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { REDACTION_PRESETS, type RedactionPreset } from "../packages/agent/src/config/line_options.ts";
import { createRedactor } from "../packages/agent/src/rules/redaction/mod.ts";

const TURNS = 15;
const RUN_BYTES = 64 * 1024;
const CLEAN = [
  "2026-01-02T03:04:05.678Z INFO  request 12345678 GET /api/v1/items/42 status=200 duration=111ms",
  "Nov 24 12:00:00 web-1 systemd[1]: Started Session 4242 of user deploy.",
  '{"level":30,"time":1764000000000,"pid":12,"hostname":"web-1","reqId":"550e8400-e29b-41d4-a716-446655440000","msg":"request completed","responseTime":12.345}',
  "\tat com.example.orders.OrderService.place(OrderService.java:142) ~[orders-2.3.1.jar!/:2.3.1]",
  'level=warn ts=2026-01-02T03:04:05.678Z caller=consensus.go:118 msg="slow apply" took=1.234s rev=123456789',
];
const ACCESS = [
  '203.0.113.7 - - [24/Nov/2026:12:00:00 +0000] "GET /api/v1/items/42?page=2 HTTP/1.1" 200 5316 "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"',
];

const megabytes = Number(process.argv[2] ?? 4);
const salt = randomBytes(32);
const clean = corpus(CLEAN);
const access = corpus(ACCESS);

print("nothing is looked for", clean, access, (text) => (text.includes("\x00") ? 1 : 0));
print("one regular expression", clean, access, (text) => (/\d{30}/.test(text) ? 1 : 0));
for (const preset of REDACTION_PRESETS) printPresets(preset, [preset]);
printPresets("all presets", REDACTION_PRESETS);
for (const style of ["hash", "partial"] as const) printPresets(`all presets, ${style}`, REDACTION_PRESETS, style);

interface Corpus {
  readonly bytes: number;
  readonly lines: readonly string[];
  readonly runs: readonly string[];
}

/** Lines and runs as they come out of buffers: a string of its own each. */
function corpus(samples: readonly string[]): Corpus {
  const lines: string[] = [];
  let bytes = 0;
  while (bytes < megabytes * 1e6) {
    const line = samples[lines.length % samples.length] ?? "";
    lines.push(Buffer.from(line).toString("latin1"));
    bytes += line.length + 1;
  }
  const all = Buffer.from(`${lines.join("\n")}\n`, "latin1");
  const runs: string[] = [];
  for (let start = 0; start < all.length; start += RUN_BYTES)
    runs.push(all.toString("latin1", start, Math.min(all.length, start + RUN_BYTES)));
  return { bytes, lines, runs };
}

function printPresets(
  name: string,
  presets: readonly RedactionPreset[],
  style: "mask" | "hash" | "partial" = "mask",
): void {
  const redactor = createRedactor({ presets, style, salt });
  print(name, clean, access, (text) => (redactor.redact(text) === undefined ? 0 : 1));
}

function print(name: string, nothing: Corpus, found: Corpus, scan: (text: string) => number): void {
  const speeds = [
    ["lines", speed(nothing.bytes, nothing.lines, scan)],
    ["runs", speed(nothing.bytes, nothing.runs, scan)],
    ["access log, lines", speed(found.bytes, found.lines, scan)],
    ["access log, runs", speed(found.bytes, found.runs, scan)],
  ] as const;
  const columns = speeds.map(([what, value]) => `${what} ${value.toFixed(0).padStart(6)}`).join("   ");
  process.stdout.write(`${name.padEnd(24)}${columns}   MB/s\n`);
}

function speed(bytes: number, texts: readonly string[], scan: (text: string) => number): number {
  let best = Number.POSITIVE_INFINITY;
  let found = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const start = process.cpuUsage();
    for (const text of texts) found += scan(text);
    // Both together: the kernel's share of each is an estimate.
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, user + system);
  }
  if (found < 0) throw new Error("what is counted is used, so that counting is not left out");
  return bytes / best;
}
