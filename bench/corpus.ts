/** Log text that a seed determines: lines as servers write them, of several kinds, about 180 bytes each. */
import { Buffer } from "node:buffer";
import { closeSync, openSync, writeSync } from "node:fs";
import { Random } from "../faults/random.ts";

/** What was written. */
export interface Corpus {
  readonly bytes: number;
  readonly lines: number;
  /** Lines that `HEALTH_CHECK` is found in. */
  readonly healthChecks: number;
}

export const NOTHING: Corpus = { bytes: 0, lines: 0, healthChecks: 0 };
export const SEED = 6;
/** A regular expression that is found in about two of a hundred lines, and a way to count them without it. */
export const HEALTH_CHECK = "GET /livez";

const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
/** Bytes after which the text repeats itself where more of it is asked for: beyond what any compressor looks back. */
const REPEAT_BYTES = 64_000_000;
const STEP_BYTES = 16_000_000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const HOSTS = Array.from({ length: 30 }, (_, n) => `${["web", "api", "db", "queue", "edge"][n % 5]}-${n}.prod.example`);
const SERVICES = ["orders", "payments", "accounts", "catalogue", "shipping", "mailer", "sessions", "reports"] as const;
const PROGRAMS = ["systemd", "sshd", "CRON", "kernel", "dhclient", "postfix/qmgr", "containerd", "chronyd"] as const;
const LEVELS = ["info", "info", "info", "info", "debug", "debug", "warn", "error"] as const;
const METHODS = ["GET", "GET", "GET", "GET", "POST", "PUT", "DELETE"] as const;
const STATUSES = [200, 200, 200, 200, 200, 201, 204, 301, 304, 400, 401, 404, 500, 503] as const;
const PLACES = [
  "/",
  "/login",
  "/basket",
  "/api/v1/orders",
  "/api/v1/items",
  "/api/v2/search",
  "/assets/main.css",
] as const;
const BROWSERS = [
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_2) AppleWebKit/605.1.15 Version/17.2 Safari/605.1.15",
  "Mozilla/5.0 (Windows NT 10.0; rv:133.0) Gecko/20100101 Firefox/133.0",
  "curl/8.11.0",
  "okhttp/4.12.0",
] as const;
const WORDS =
  "the a job for user order item was is not found done after before waiting retry queue batch cache key lock row table index connection closed opened by peer timeout slow query took plan fallback upstream answered with empty body accepted rejected token expired renewed session stored removed file written read partition leader election lost quorum member joined left config reloaded".split(
    " ",
  );
const FOREIGN = ["Zoë Müller", "naïve café", "東京の注文", "Привет", "🚀 released", "größer als"] as const;

/** Text and what it has. */
interface Block extends Corpus {
  readonly text: Buffer;
}

/** Blocks of whole lines, some hundred kilobytes each, without end. */
export function* corpusBlocks(seed: number): Generator<Block, never> {
  const random = new Random(seed);
  for (let at = START_MS; ; ) {
    const lines: string[] = [];
    let healthChecks = 0;
    for (let n = 0; n < 2000; n += 1) {
      at += random.between(0, 12);
      const text = line(random, new Date(at));
      if (text.includes(HEALTH_CHECK)) healthChecks += 1;
      lines.push(text);
    }
    const text = Buffer.from(`${lines.join("\n")}\n`);
    yield { text, bytes: text.length, lines: lines.length, healthChecks };
  }
}

/** The text of a seed, piece by piece. */
export class CorpusText {
  readonly #source: Generator<Block, never>;
  readonly #blocks: Block[] = [];
  #known = 0;
  #block = 0;
  /** Bytes of the current block that were taken. */
  #taken = 0;

  constructor(seed = SEED) {
    this.#source = corpusBlocks(seed);
  }

  /** The next lines, at least so many bytes of them and less than a line more. */
  take(size: number): Block[] {
    const taken: Block[] = [];
    for (let missing = size; missing > 0; ) {
      const block = this.#current();
      const isWhole = this.#taken === 0 && block.bytes <= missing;
      const part = isWhole ? block : beginning(block.text.subarray(this.#taken), missing);
      taken.push(part);
      missing -= part.bytes;
      this.#taken += part.bytes;
      if (this.#taken < block.bytes) continue;
      this.#block += 1;
      this.#taken = 0;
    }
    return taken;
  }

  #current(): Block {
    const known = this.#blocks[this.#block % Math.max(1, this.#blocks.length)];
    if (known !== undefined && (this.#block < this.#blocks.length || this.#known >= REPEAT_BYTES)) return known;
    const { value } = this.#source.next();
    this.#blocks.push(value);
    this.#known += value.bytes;
    return value;
  }
}

/** Writes about so many bytes of lines into a file, those that come next in the text. */
export function writeCorpus(path: string, size: number, from = new CorpusText()): Corpus {
  const fd = openSync(path, "w");
  try {
    let written: Corpus = NOTHING;
    while (written.bytes < size) {
      // Not all at once, which could be more than fits into memory.
      for (const block of from.take(Math.min(size - written.bytes, STEP_BYTES))) {
        writeSync(fd, block.text);
        written = sum(written, block);
      }
    }
    return written;
  } finally {
    closeSync(fd);
  }
}

/** The whole lines of a text that begin within so many bytes. */
function beginning(text: Buffer, size: number): Block {
  const part = size >= text.length ? text : text.subarray(0, text.indexOf(10, size - 1) + 1);
  const lines = part.toString("latin1").split("\n").slice(0, -1);
  const healthChecks = lines.filter((line) => line.includes(HEALTH_CHECK)).length;
  return { text: part, bytes: part.length, lines: lines.length, healthChecks };
}

/** Both together. */
export function sum(one: Corpus, other: Corpus): Corpus {
  return {
    bytes: one.bytes + other.bytes,
    lines: one.lines + other.lines,
    healthChecks: one.healthChecks + other.healthChecks,
  };
}

/** Writes about so many bytes of the same text, in lines of one length, the newline included. */
export function writeLinesOf(length: number, path: string, size: number): Corpus {
  const fd = openSync(path, "w");
  try {
    const blocks = corpusBlocks(SEED);
    for (let lines = 0; ; ) {
      const { text } = blocks.next().value;
      // Lengths count bytes, so a character of several may be cut: what is left of it is bytes like any other.
      const flat = Buffer.from(text.toString("latin1").replaceAll("\n", " "), "latin1");
      const cut = Buffer.alloc(Math.ceil(flat.length / (length - 1)) * length, 0x20);
      let at = 0;
      for (let from = 0; from < flat.length; from += length - 1, at += length) {
        flat.copy(cut, at, from, from + length - 1);
        cut[at + length - 1] = 10;
      }
      writeSync(fd, cut);
      lines += at / length;
      if (lines * length >= size) return { bytes: lines * length, lines, healthChecks: 0 };
    }
  } finally {
    closeSync(fd);
  }
}

function line(random: Random, date: Date): string {
  const kind = random.next();
  const text = kind < 0.4 ? accessLine(random, date) : kind < 0.7 ? jsonLine(random, date) : systemLine(random, date);
  const rare = random.next();
  // What an escaper has to do with now and then: characters of several bytes, controls, and what rules look for.
  if (rare < 0.01) return `${text} ${random.pick(FOREIGN)}`;
  if (rare < 0.013) return `\u001b[3${random.between(0, 7)}m${text}\u001b[0m`;
  if (rare < 0.017) return text.replace(" ", "\t");
  if (rare < 0.019) return `${text} password=${hex(random, 12)}`;
  return text;
}

function accessLine(random: Random, date: Date): string {
  const time = date.toISOString();
  const when = `${time.slice(8, 10)}/${MONTHS[date.getUTCMonth()]}/${time.slice(0, 4)}:${time.slice(11, 19)} +0000`;
  if (random.chance(0.05))
    return `10.0.0.${random.between(2, 9)} - - [${when}] "${HEALTH_CHECK} HTTP/1.1" 200 2 "-" "kube-probe/1.31" ${random.between(1, 9)}`;
  const query = random.chance(0.3) ? `?id=${random.between(1, 999_999)}&sort=${random.pick(WORDS)}` : "";
  return `${address(random)} - ${random.chance(0.8) ? "-" : `user${random.between(1, 500)}`} [${when}] "${random.pick(METHODS)} ${random.pick(PLACES)}${query} HTTP/1.1" ${random.pick(STATUSES)} ${random.between(20, 90_000)} "${random.chance(0.6) ? "-" : `https://shop.example${random.pick(PLACES)}`}" "${random.pick(BROWSERS)}" ${random.between(1, 2500)}`;
}

function jsonLine(random: Random, date: Date): string {
  return JSON.stringify({
    time: date.toISOString(),
    level: random.pick(LEVELS),
    service: random.pick(SERVICES),
    host: random.pick(HOSTS),
    request: `${hex(random, 8)}-${hex(random, 4)}-${hex(random, 12)}`,
    message: words(random, random.between(4, 12)),
    durationMs: random.between(1, 5000) / 10,
  });
}

function systemLine(random: Random, date: Date): string {
  const time = date.toISOString();
  const when = `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${time.slice(11, 19)}`;
  const what = random.next();
  const text =
    what < 0.3
      ? `Accepted publickey for user${random.between(1, 500)} from ${address(random)} port ${random.between(1024, 65_535)} ssh2: ED25519 SHA256:${hex(random, 24)}`
      : what < 0.5
        ? `[${random.between(1, 9_999_999) / 1000}] nf: IN=eth0 OUT= SRC=${address(random)} DST=${address(random)} LEN=${random.between(40, 1500)} TTL=${random.between(30, 255)} PROTO=TCP SPT=${random.between(1024, 65_535)} DPT=443`
        : `${words(random, random.between(6, 22))} (code=${random.between(0, 255)}, after ${random.between(1, 90_000)} ms)`;
  return `${when} ${random.pick(HOSTS)} ${random.pick(PROGRAMS)}[${random.between(1, 32_767)}]: ${text}`;
}

function address(random: Random): string {
  return `${random.between(11, 220)}.${random.between(0, 255)}.${random.between(0, 255)}.${random.between(1, 254)}`;
}

function words(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.pick(WORDS)).join(" ");
}

function hex(random: Random, digits: number): string {
  let text = "";
  while (text.length < digits) text += random.between(0, 0xffffff).toString(16).padStart(6, "0");
  return text.slice(0, digits);
}
