/** Runs of bytes that are to find mistakes of the kernel; the same for the same seed. */
import { Buffer } from "node:buffer";

/** Numbers that are the same each time (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  /** One of them. */
  of<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  /** A size of at most `most`: small ones are as likely as large ones. */
  size(most: number): number {
    return Math.min(most, Math.floor(2 ** (this.below(1000 * Math.log2(most + 2)) / 1000)) - 1);
  }

  bytes(count: number): Buffer {
    const words = new Int32Array((count >> 2) + 1);
    for (let at = 0; at < words.length; at += 1) words[at] = this.below(2 ** 32);
    return Buffer.from(words.buffer, 0, count);
  }
}

/** Bytes that mean something: line ends, what is escaped, and what UTF-8 is made of, well and ill. */
const CRITICAL = Buffer.from([
  ...[10, 10, 13, 34, 92, 0, 8, 9, 27, 31, 32, 127, 65],
  ...[0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0x9f, 0xa0, 0xed, 0xef, 0xf0, 0x8f, 0x90, 0xf4, 0xf5, 0xff],
]);

const SCRIPTS = [
  "ascii text",
  "größer, naïve",
  "日本語のログ",
  "ошибка",
  "🚀🔥",
  "한국어",
  "\u2028\u0085\ufeff",
] as const;

/** Distances at which deflate or the kernel changes its mind. */
const BORDERS = [16, 32, 258, 4096, 32_768, 65_536, 131_072] as const;

/** A maker of runs; each is a share of the cases. */
const KINDS: readonly [(random: Random, size: number) => Buffer, ...((random: Random, size: number) => Buffer)[]] = [
  (random, size) => random.bytes(size),
  (random, size) => random.bytes(size).map((byte) => CRITICAL[byte % CRITICAL.length] ?? 0) as Buffer,
  (random, size) => random.bytes(size).map((byte) => (byte % 60 === 0 ? 10 : 97 + (byte % 16))) as Buffer,
  (random, size) => logLines(random, size),
  (random, size) => repeated(random, size),
  (random, size) => Buffer.alloc(size, random.below(256)),
  (random, size) => apart(random, size),
  (random, size) => Buffer.from(random.of(SCRIPTS).repeat(size)).subarray(0, size),
];

/** A run of at most `most` bytes. */
export function randomRun(random: Random, most: number): Buffer {
  const near = random.below(8) === 0 ? random.of(BORDERS) + random.below(9) - 4 : random.size(most);
  const run = random.of(KINDS)(random, Math.min(near, most));
  const ending = random.below(4);
  if (run.length > 1 && ending > 0) run[run.length - 1] = 10;
  if (run.length > 2 && ending === 1) run[run.length - 2] = 13;
  return run;
}

function logLines(random: Random, size: number): Buffer {
  let text = "";
  while (text.length < size) {
    const level = random.of(["info", "warn", "error"]);
    const end = random.of(["\n", "\n", "\n", "\r\n", "\n\n"]);
    text += `2026-01-02T03:04:0${random.below(10)}Z ${level} "GET /items/${random.below(1000)}" ${"x".repeat(random.size(40))}${end}`;
  }
  return Buffer.from(text.slice(0, size));
}

/** The same again and again, with a change now and then. */
function repeated(random: Random, size: number): Buffer {
  const pattern = random.bytes(1 + random.size(600));
  const run = Buffer.alloc(size);
  for (let at = 0; at < size; at += 1) run[at] = pattern[at % pattern.length] ?? 0;
  for (let changes = random.below(6); changes > 0 && size > 0; changes -= 1)
    run[random.below(size)] = random.below(256);
  return run;
}

/** The same twice, so far apart as a border says. */
function apart(random: Random, size: number): Buffer {
  const run = random.bytes(size);
  const distance = random.of(BORDERS) + random.below(3) - 1;
  const length = random.size(600);
  const from = random.below(Math.max(1, size - distance - length));
  if (from + distance < size) run.copy(run, from + distance, from, from + length);
  return run;
}
