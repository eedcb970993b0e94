/**
 * What rules on lines cost: `node bench/line_rules.ts [MEGABYTES]`. Log text is split, ruled and encoded into compressed bodies, all in
 * this process, with several sets of rules in turn, so that what else the machine does falls on all alike; the table has the
 * medians of processor time. Then lines of 1 MB that were made to take patterns long, each against its pattern.
 */
import { Buffer } from "node:buffer";
import { Batcher } from "../packages/agent/src/batch/batcher.ts";
import { chooseEncoder } from "../packages/agent/src/batch/choose_encoder.ts";
import type { Chunk } from "../packages/agent/src/chunk.ts";
import type { LineRules } from "../packages/agent/src/config/line_options.ts";
import { splitPieces } from "../packages/agent/src/lines/pieces.ts";
import { LineMatcher } from "../packages/agent/src/rules/lines/line_matcher.ts";
import { LineRedaction } from "../packages/agent/src/rules/lines/line_redaction.ts";
import { type CompiledLineRules, compileLineRules } from "../packages/agent/src/rules/lines/line_rules.ts";
import { createRedactor } from "../packages/agent/src/rules/redaction/mod.ts";

const RUNS = 7;
const CHUNK_BYTES = 128 * 1024;
const LIMITS = { maxPart: 32 * 1024, maxLine: 10 * 1024 * 1024 };
const NONE: LineRules = {
  ...{ lineExclusion: [], lineInclusion: [], lineRedact: [], redact: [], redactAs: undefined },
  ...{ multiline: undefined, rateLimit: undefined, sample: undefined },
};
/** Of the lines one in fifty is excluded, and one in twenty-five has something to redact. */
const EXCLUSION = ["(?i)healthcheck|GET /livez"];
const REDACTIONS = ["password=\\S+", "\\b\\d{3}-\\d{2}-\\d{4}\\b", "(?i)bearer [a-z0-9._-]+"];
const SETS: readonly (readonly [name: string, rules: Partial<LineRules>])[] = [
  ["none", {}],
  ["1 exclusion, 1 redaction", { lineExclusion: EXCLUSION, lineRedact: REDACTIONS.slice(0, 1) }],
  ["1 exclusion, 3 redactions", { lineExclusion: EXCLUSION, lineRedact: REDACTIONS }],
  ["1 inclusion of half", { lineInclusion: ["level=(?:info|warn)|status=[45]\\d\\d"] }],
  ["redaction in every line", { lineRedact: ["\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}"] }],
  ["without any literal", { lineExclusion: ["^\\S+ \\S+ \\w*z\\w*q "] }],
  ["half of the lines", { sample: 0.5 }],
];
const CATASTROPHES: readonly (readonly [expression: string, repeated: string, end: string])[] = [
  ["(a+)+$", "a", "!"],
  ["(a|aa)+$", "a", "!"],
  ["(.*)*x", "a", ""],
  ["(\\w+\\s?)+$", "word ", "!"],
  ["(x+x+)+y", "x", ""],
  [".*[^a]x|a", "a", ""],
  ["(?:a?){30}a{30}b", "a", ""],
  ["((a{1,10}){1,10}){1,10}b", "a", ""],
  ["(\\d{1,3}\\.){3}\\d{1,3}x", "1.", ""],
  ["[ab]*a[ab]{12}c", "random a and b", ""],
];

const corpus = corpusOf(Number(process.argv[2] ?? 20) * 1e6);
const times = new Map<string, number[]>();
for (let run = -1; run < RUNS; run++) {
  for (const [name, rules] of SETS) {
    const took = await timeOf(rules);
    if (run >= 0) times.set(name, [...(times.get(name) ?? []), took]);
  }
}
const base = median(times.get("none") ?? []);
const mb = corpus.length / 1e6;
process.stdout.write(`${mb.toFixed(0)} MB into compressed bodies, medians of ${RUNS}\n\n`);
print(["rules", "CPU s", "MB per CPU-s", "ratio to none"]);
for (const [name, all] of times) {
  const took = median(all);
  print([name, took.toFixed(3), (mb / took).toFixed(0), (base / took).toFixed(3)]);
}

process.stdout.write(
  "\nA line of 1 MB, milliseconds of processor time: as an exclusion and as a redaction, the first time and again\n\n",
);
print(["pattern", "exclusion", "again", "redaction", "again"]);
for (const [expression, repeated, end] of CATASTROPHES) {
  const line = (repeated.startsWith("random") ? randomLetters(1e6) : repeated.repeat(1e6 / repeated.length)) + end;
  const matcher = new LineMatcher([expression]);
  const redaction = new LineRedaction([expression], undefined);
  const cells = [() => matcher.test(line), () => redaction.redact(line)].flatMap((run) => [took(run), took(run)]);
  print([expression, ...cells]);
}

/** CPU time of all threads, in seconds. */
async function timeOf(given: Partial<LineRules>): Promise<number> {
  const events: string[] = [];
  const rules = compileLineRules({
    rules: { ...NONE, pathRules: [], ...given },
    createRedactor: (presets, style) => createRedactor({ presets, style, salt: Buffer.alloc(0) }),
    limits: LIMITS,
    emit: ({ name }) => events.push(name),
  });
  const bodies: Promise<unknown>[] = [];
  const batcher = new Batcher({
    encoder: chooseEncoder({ encoder: "auto", maxBody: 2 * 1024 * 1024, gzipLevel: 2 }, ({ name }) =>
      events.push(name),
    ),
    nextId: () => "id",
    onBatch: ({ body }) => bodies.push(body),
    emit: ({ name }) => events.push(name),
  });
  const start = process.cpuUsage();
  for (const chunk of chunks(rules)) {
    batcher.add(chunk);
    // The bodies are compressed on other threads; as many as an agent has under way.
    if (bodies.length >= 4) await bodies.shift();
  }
  batcher.flush();
  await Promise.all(bodies);
  const { user, system } = process.cpuUsage(start);
  if (events.length > 0) throw new Error(events.join());
  return (user + system) / 1e6;
}

function* chunks(rules: CompiledLineRules | undefined): Generator<Chunk> {
  const source = {
    id: 1,
    sent: (start: number) => ({
      ...{ fileId: 1, start, end: start, lineStart: start, settled: false },
      extend: () => undefined,
      acknowledge: () => undefined,
    }),
  };
  for (let start = 0; start < corpus.length; ) {
    const read = corpus.subarray(start, start + CHUNK_BYTES);
    const { pieces, consumed } = splitPieces(read, start, { lineStart: start, part: 0 }, LIMITS, false);
    const chunk: Chunk = {
      ...{ bytes: read.subarray(0, consumed), pieces, start, file: "/var/log/app.log", readAt: 1.7e12, source },
      positionAfter: (offset) => ({ offset, anchor: new Uint8Array(0), lineStart: offset, part: 0 }),
    };
    yield rules?.apply(chunk) ?? chunk;
    start += consumed;
  }
}

/** Log lines of several kinds, the same in every run. */
function corpusOf(size: number): Buffer {
  const random = randomOf(7);
  const parts: string[] = [];
  let bytes = 0;
  for (let line = 0; bytes < size; line++) {
    const number = Math.floor(random() * 1e9);
    const time = new Date(1.7e12 + line * 3).toISOString();
    const address = `10.${number % 256}.${(number >> 8) % 256}.${(number >> 16) % 256}`;
    const level = ["info", "info", "info", "warn", "debug", "error"][number % 6] ?? "";
    let text = `${time} web-${number % 9} ${address} level=${level} request=${number.toString(16)} GET /api/v1/items/${number} status=${200 + (number % 5) * 100} duration=${number % 999}ms user="Zoë Müller" bytes=${number % 65_536}`;
    if (line % 50 === 0)
      text = `${time} web-${number % 9} ${address} GET /livez status=200 healthcheck passed in ${number % 9}ms`;
    if (line % 50 === 1) text += ` password=${number.toString(36)} ssn=123-45-${1000 + (number % 9000)}`;
    if (line % 50 === 2) text += ` authorization: Bearer ${number.toString(36)}.${number.toString(16)}`;
    parts.push(`${text}\n`);
    bytes += text.length + 1;
  }
  return Buffer.from(parts.join(""));
}

function randomLetters(length: number): string {
  const random = randomOf(3);
  return Array.from({ length }, () => (random() < 0.5 ? "a" : "b")).join("");
}

/** Numbers from 0 to 1 (the "minimal standard" of S. K. Park and K. W. Miller). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

function took(run: () => unknown): string {
  const start = process.cpuUsage();
  let given = "";
  try {
    run();
  } catch (error) {
    given = error instanceof Error && error.name === "WorkLimitError" ? " (given up)" : String(error);
  }
  const { user, system } = process.cpuUsage(start);
  return `${((user + system) / 1000).toFixed(1)}${given}`;
}

function print([first = "", ...cells]: readonly string[]): void {
  process.stdout.write(`  ${first.padEnd(30)}${cells.map((cell) => cell.padStart(20)).join("")}\n`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
