import { Buffer, isUtf8 } from "node:buffer";
import type { LineColumns, LineFields } from "../store/line_columns.ts";
import { levelIn } from "./level.ts";
import { MAX_LINES, readFields, repeatsTooMuch, type Sender, timeOf } from "./lines.ts";
import { Refusal } from "./refusal.ts";

const HEAD = Buffer.from('{"lines":[');
const LINE = Buffer.from('{"line":"');
const TIME = Buffer.from(',"timestamp":');
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

/** 1 for bytes that stand for themselves within a text of JSON. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);
/** What stands for a character behind a backslash, and that character; 0 for what does not. */
const ESCAPED = new Uint8Array(256);
for (const [n, byte] of Buffer.from('"\\/bfnrt').entries()) ESCAPED[byte] = Buffer.from('"\\/\b\f\n\r\t')[n] ?? 0;
/** Values of hexadecimal digits. */
const HEX = Int8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? -1 : value;
});
/** Digits of a number that is certainly a safe integer. */
const MAX_DIGITS = 15;
/** Bytes in which the characters are that a level is looked for in; it may be fewer characters, if all are of one byte. */
const LEVEL_BYTES = 256;
/** Bytes that as many characters can come to. */
const LEVEL_BYTES_MAX = LEVEL_BYTES * 3;
const SMALL = 0x3fff_ffff;
/** Different fields of lines that are remembered in one body. */
const MAX_FIELDS = 10_000;

/**
 * Reads the lines of a body as agents write it: an object with nothing but `lines`, each of which begins with its text, which its time
 * may follow. What stands behind these, the same for most lines, is read once. Everything else is left to `readLines`, and this never
 * takes what that would refuse, or reads anything in it differently.
 * @returns undefined for any other body.
 */
export function scanLines(body: Buffer, sender: Sender): LineColumns | undefined {
  if (!isUtf8(body) || !startsWith(body, 0, HEAD)) return undefined;
  try {
    return new Scan(body, sender).lines();
  } catch (error) {
    if (error instanceof Unusual || error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The body is none that is read here. */
class Unusual extends Error {
  override readonly name = "Unusual";
}

interface KnownFields {
  /** As the fields stand in the body. */
  readonly bytes: Buffer;
  readonly number: number;
  /** Where the time stood among them. */
  readonly timestamp: number | undefined;
}

class Scan {
  readonly #body: Buffer;
  readonly #sender: Sender;
  #at = HEAD.length;
  /** A text is never longer, together with its length, than what it was made of. */
  readonly #texts: Buffer;
  #textsEnd = 0;
  #timestamps = new Float64Array(4096);
  #fieldsOf = new Uint32Array(4096);
  readonly #levels: string[] = [];
  readonly #fields: LineFields[] = [];
  readonly #known = new Map<number, KnownFields>();

  constructor(body: Buffer, sender: Sender) {
    this.#body = body;
    this.#sender = sender;
    this.#texts = Buffer.allocUnsafeSlow(body.length);
  }

  lines(): LineColumns {
    let rows = 0;
    for (;;) {
      if (rows === MAX_LINES) throw new Unusual();
      if (rows === this.#timestamps.length) this.#grow();
      this.#line(rows);
      rows += 1;
      const next = this.#body[this.#at++];
      if (next === CLOSE_LIST) break;
      if (next !== COMMA) throw new Unusual();
    }
    if (this.#body[this.#at] !== CLOSE || this.#at + 1 !== this.#body.length) throw new Unusual();
    if (repeatsTooMuch(rows, this.#sender)) throw new Unusual();
    return {
      rows,
      timestamps: this.#timestamps.subarray(0, rows),
      levels: this.#levels,
      fieldsOf: this.#fieldsOf.subarray(0, rows),
      fields: this.#fields,
      texts: this.#texts.subarray(0, this.#textsEnd),
    };
  }

  #line(row: number): void {
    if (!startsWith(this.#body, this.#at, LINE)) throw new Unusual();
    this.#at += LINE.length;
    const start = this.#text();
    let time = this.#sender.received;
    const timed = startsWith(this.#body, this.#at, TIME);
    if (timed) time = timeOf(this.#number(), row, time);
    const known = this.#knownFields(row, timed);
    this.#timestamps[row] = known.timestamp ?? time;
    this.#fieldsOf[row] = known.number;
    this.#levels.push(this.#fields[known.number]?.level ?? this.#level(start));
  }

  /** Takes a text to behind its closing quote, and writes it behind its length. Returns where it begins there. */
  #text(): number {
    const body = this.#body;
    const from = this.#at;
    let end = from;
    while (PLAIN[body[end] ?? 0] === 1) end += 1;
    if (body[end] !== QUOTE) return this.#escapedText(end);
    const length = end - from;
    this.#at = end + 1;
    const start = this.#length(this.#textsEnd, length);
    body.copy(this.#texts, start, from, end);
    this.#textsEnd = start + length;
    return start;
  }

  /** The same for a text that has something to be read at `end`. */
  #escapedText(end: number): number {
    const body = this.#body;
    const texts = this.#texts;
    const from = this.#at;
    // Where the text would begin if its length took one byte: each escape is longer than what it stands for.
    const start = this.#textsEnd + 1;
    body.copy(texts, start, from, end);
    let to = start + end - from;
    let at = end;
    for (;;) {
      const byte = body[at] ?? 0;
      if (PLAIN[byte] === 1) {
        texts[to++] = byte;
        at += 1;
      } else if (byte === QUOTE) break;
      else if (byte !== BACKSLASH) throw new Unusual();
      else if (body[at + 1] === 0x75) {
        const unit = this.#unit(at + 2);
        at += 6;
        if (unit < 0x80) texts[to++] = unit;
        else {
          // Of two halves of a character, or one without the other, the engine knows best.
          const pair = unit >= 0xd800 && unit < 0xdc00 && body[at] === BACKSLASH && body[at + 1] === 0x75;
          const low = pair ? this.#unit(at + 2) : 0;
          const both = low >= 0xdc00 && low < 0xe000;
          if (both) at += 6;
          const text = (both ? String.fromCharCode(unit, low) : String.fromCharCode(unit)).toWellFormed();
          to += texts.write(text, to, "utf8");
        }
      } else {
        const character = ESCAPED[body[at + 1] ?? 0] ?? 0;
        if (character === 0) throw new Unusual();
        texts[to++] = character;
        at += 2;
      }
    }
    this.#at = at + 1;
    const length = to - start;
    const width = widthOf(length);
    if (width > 1) texts.copyWithin(start - 1 + width, start, to);
    this.#length(start - 1, length);
    this.#textsEnd = to - 1 + width;
    return start - 1 + width;
  }

  /** The UTF-16 unit of four hexadecimal digits. */
  #unit(at: number): number {
    let unit = 0;
    for (let n = at; n < at + 4; n += 1) {
      const digit = HEX[this.#body[n] ?? 0] ?? -1;
      if (digit < 0) throw new Unusual();
      unit = unit * 16 + digit;
    }
    return unit;
  }

  #length(at: number, length: number): number {
    let end = at;
    let left = length;
    for (; left > 0x7f; left >>>= 7) this.#texts[end++] = (left & 0x7f) | 0x80;
    this.#texts[end++] = left;
    return end;
  }

  /** The number of a time, a whole one without a sign. */
  #number(): number {
    const body = this.#body;
    const from = this.#at + TIME.length;
    let at = from;
    let number = 0;
    for (let digit = (body[at] ?? 0) - 0x30; digit >= 0 && digit <= 9; digit = (body[at] ?? 0) - 0x30) {
      number = number * 10 + digit;
      at += 1;
    }
    const digits = at - from;
    if (digits === 0 || digits > MAX_DIGITS || (body[from] === 0x30 && digits > 1)) throw new Unusual();
    if (body[at] !== COMMA && body[at] !== CLOSE) throw new Unusual();
    this.#at = at;
    return number;
  }

  /** Takes the rest of a line's object, to behind its closing brace. */
  #knownFields(row: number, timed: boolean): KnownFields {
    const body = this.#body;
    const from = this.#at;
    let hash = timed ? 1 : 0;
    let depth = 0;
    let at = from;
    for (let inText = false; ; at += 1) {
      const byte = body[at];
      if (byte === undefined) throw new Unusual();
      if (inText) {
        if (byte === QUOTE) inText = false;
        else if (byte === BACKSLASH) at += 1;
      } else if (byte === QUOTE) inText = true;
      else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        if (depth === 0 && byte === CLOSE) break;
        depth -= 1;
      }
      hash = Math.imul(hash, 31) + byte;
    }
    this.#at = at + 1;
    // A small integer, of which no object has to be made.
    hash &= SMALL;
    const known = this.#known.get(hash);
    if (known !== undefined && known.bytes.length === at - from && startsWith(body, from, known.bytes)) return known;
    return this.#readFields(row, hash, timed, body.subarray(from, at));
  }

  #readFields(row: number, hash: number, timed: boolean, bytes: Buffer): KnownFields {
    if (bytes[0] !== COMMA || this.#fields.length === MAX_FIELDS) throw new Unusual();
    let value: Record<string, unknown>;
    try {
      value = JSON.parse(`{${bytes.toString("utf8", 1)}}`) as Record<string, unknown>;
    } catch {
      throw new Unusual();
    }
    // What is said twice is read from where it stands last.
    if (Object.hasOwn(value, "line") || (timed && Object.hasOwn(value, "timestamp"))) throw new Unusual();
    const timestamp = Object.hasOwn(value, "timestamp")
      ? timeOf(value.timestamp, row, this.#sender.received)
      : undefined;
    const known = { bytes, number: this.#fields.length, timestamp };
    this.#fields.push(readFields(value, row, this.#sender));
    this.#known.set(hash, known);
    return known;
  }

  #level(start: number): string {
    const texts = this.#texts;
    const end = Math.min(this.#textsEnd, start + LEVEL_BYTES);
    let ascii = 0;
    for (let at = start; at < end; at += 1) ascii |= texts[at] ?? 0;
    return levelIn(
      ascii < 0x80
        ? texts.toString("latin1", start, end)
        : texts.toString("utf8", start, Math.min(this.#textsEnd, start + LEVEL_BYTES_MAX)),
    );
  }

  #grow(): void {
    const rows = this.#timestamps.length * 2;
    const timestamps = new Float64Array(rows);
    timestamps.set(this.#timestamps);
    const fieldsOf = new Uint32Array(rows);
    fieldsOf.set(this.#fieldsOf);
    [this.#timestamps, this.#fieldsOf] = [timestamps, fieldsOf];
  }
}

function startsWith(bytes: Buffer, at: number, part: Buffer): boolean {
  for (let n = 0; n < part.length; n += 1) if (bytes[at + n] !== part[n]) return false;
  return true;
}

/** Bytes of a length. */
function widthOf(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x4000) return 2;
  if (length < 0x20_0000) return 3;
  return 4;
}
