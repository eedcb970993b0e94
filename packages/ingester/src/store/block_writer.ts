import { Buffer } from "node:buffer";

/** Keys version of a dictionary: with keys of its own. */
const DICTIONARY_VERSION = 1;
/** Flags of a dictionary: it has keys of its own, and they take the place of those before. The lowest byte is the type of the numbers. */
const OWN_KEYS = 0x600;
const TWO_32 = 2 ** 32;

/** Values, and for each row the number of its value. */
export class Dictionary {
  readonly keys: string[] = [];
  readonly numbers: Uint32Array;
  readonly #known = new Map<string, number>();
  #rows = 0;

  constructor(rows: number) {
    this.numbers = new Uint32Array(rows);
  }

  add(key: string): void {
    let number = this.#known.get(key);
    if (number === undefined) {
      number = this.keys.length;
      this.#known.set(key, number);
      this.keys.push(key);
    }
    this.numbers[this.#rows] = number;
    this.#rows += 1;
  }
}

/** Writes what blocks of ClickHouse's format `Native` consist of, little-endian as all processors here are, into one buffer. */
export class BlockWriter {
  #buffer: Buffer;
  #end = 0;

  /** @param room bytes that are expected, or memory for them; more are possible. */
  constructor(room: number | Buffer) {
    this.#buffer = typeof room === "number" ? Buffer.allocUnsafeSlow(room) : room;
  }

  /** What was written. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  varint(number: number): this {
    this.#room(8);
    let left = number;
    while (left > 0x7f) {
      this.#buffer[this.#end++] = (left & 0x7f) | 0x80;
      left = Math.floor(left / 128);
    }
    this.#buffer[this.#end++] = left;
    return this;
  }

  /** A text in UTF-8 behind its length. */
  text(text: string): this {
    const units = text.length;
    if (units === 0) return this.varint(0);
    // UTF-8 has at most three bytes for each unit; most texts have one, so that the length in units tells the room for the length in bytes.
    this.#room(units * 3 + 8);
    const buffer = this.#buffer;
    const start = this.#end;
    const expected = widthOf(units);
    const bytes = buffer.write(text, start + expected, "utf8");
    const width = widthOf(bytes);
    if (width > expected) buffer.copyWithin(start + width, start + expected, start + expected + bytes);
    this.varint(bytes);
    this.#end += bytes;
    return this;
  }

  /** The same text, for every row. */
  repeated(text: string, rows: number): this {
    const one = new BlockWriter(text.length * 3 + 8).text(text).bytes();
    this.#room(one.length * rows);
    this.#buffer.fill(one, this.#end, this.#end + one.length * rows);
    this.#end += one.length * rows;
    return this;
  }

  /** What is written as this writer would have. */
  copy(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
    return this;
  }

  /** Safe integers in eight bytes each. */
  integers64(rows: number, of: (row: number) => number): this {
    const halves = new Uint32Array(rows * 2);
    for (let row = 0; row < rows; row += 1) {
      const value = of(row);
      halves[2 * row] = value;
      halves[2 * row + 1] = Math.floor(value / TWO_32);
    }
    return this.#numbers(halves);
  }

  /** The same one for every row. */
  repeated64(value: number, rows: number): this {
    return this.#numbers(new BigInt64Array(rows).fill(BigInt(value)));
  }

  /** So many bytes of 0. */
  zeros(bytes: number): this {
    this.#room(bytes);
    this.#buffer.fill(0, this.#end, this.#end + bytes);
    this.#end += bytes;
    return this;
  }

  /** 0, 1, 2 and so on. */
  counting32(rows: number): this {
    const numbers = new Uint32Array(rows);
    for (let row = 0; row < rows; row += 1) numbers[row] = row;
    return this.#numbers(numbers);
  }

  /** Stands before the values of a column that has a dictionary, also where there are none. */
  dictionaryVersion(): this {
    return this.integers64(1, () => DICTIONARY_VERSION);
  }

  /** Not for a dictionary without rows, of which there is nothing. */
  dictionaryOf({ keys, numbers }: Pick<Dictionary, "keys" | "numbers">): this {
    const type = keys.length <= 0x100 ? 0 : keys.length <= 0x1_0000 ? 1 : 2;
    this.integers64(1, () => OWN_KEYS | type).integers64(1, () => keys.length);
    for (const key of keys) this.text(key);
    this.integers64(1, () => numbers.length);
    return this.#numbers(type === 0 ? new Uint8Array(numbers) : type === 1 ? new Uint16Array(numbers) : numbers);
  }

  #numbers(numbers: Uint8Array | Uint16Array | Uint32Array | BigInt64Array): this {
    this.#room(numbers.byteLength);
    this.#buffer.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), this.#end);
    this.#end += numbers.byteLength;
    return this;
  }

  #room(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil(this.#buffer.length * 1.5)));
    larger.set(this.bytes());
    this.#buffer = larger;
  }
}

/** Bytes of the length of so many bytes. */
function widthOf(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x4000) return 2;
  if (length < 0x20_0000) return 3;
  return 4;
}
