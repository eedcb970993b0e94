import { Buffer, isUtf8 } from "node:buffer";
import { crc32 } from "node:zlib";
import { GrowingRegion, Kernel, KernelError } from "./kernel.ts";

/** What a body consists of besides its lines, one character of latin1 for each byte. */
export interface BodyParts {
  /** Before the first line, such as `{"lines":[`. */
  readonly head: string;
  /** What each line begins with, its opening quote included. */
  readonly opening: string;
  /** After the last line. */
  readonly tail: string;
}

export interface KernelBodyOptions extends BodyParts {
  /** Bytes before compression, at most. */
  readonly maxBody: number;
  /** Whether portions are compressed while the body grows. */
  readonly compress: boolean;
  /** Whether lines tell the id of the body: see `LineClosing`. */
  readonly tellsId?: boolean;
}

/**
 * What is put behind the text of each line, its closing quote not included: one character of latin1 for each byte. Where it is
 * several texts, the offset at which the line begins stands between them.
 */
export interface LineClosing {
  readonly texts: readonly [string, ...string[]];
  /** Where in the second text the id of the body is to be put once it is known; undefined where it is not told. */
  readonly idAt?: number | undefined;
}

/** What became of a run. */
export interface Added {
  readonly lines: number;
  /** Bytes of empty lines, which are left out. */
  readonly emptyBytes: number;
}

/** Flags of `escape`. */
const SINGLE = 1;
const REPAIR = 2;

const NEWLINE = 10;
const RETURN = 13;

/** RFC 1952: deflate, no flags, no time, the fastest method, an unknown system. */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff]);
/** CRC-32 and length. */
const GZIP_TRAILER_BYTES = 8;
/** What a portion that cannot be compressed takes more than it has, at most: the heads of three stored blocks. */
const STORED_BYTES = 24;

const RUN_BYTES = 256 * 1024;
const CLOSING_BYTES = 1024;
const ID_BYTES = 64;
/** Bytes of a line with the id of its body at least; so many fewer places of ids than bytes need to be remembered. */
const LEAST_WITH_ID = 64;
const PLACE_BYTES = 4;

/**
 * One body at a time, built in the memory of a kernel: lines are escaped behind one another, and compressed a portion at a
 * time while they are still in the cache of the core. The whole text stays until the body is finished. So a run that turns
 * out not to fit is simply not counted, matches are looked for in what is there anyway, and if the compression should
 * ever fail, another one can have the text.
 *
 * The text always ends with the opening of a line that may come.
 */
export class KernelBody {
  readonly #kernel: Kernel;
  readonly #options: KernelBodyOptions;
  /** What stands between the closing quote of a line with what follows it, and the next line's text. */
  readonly #between: string;
  readonly #head: Buffer;
  readonly #portion: number;
  /** Addresses of the text and of what it is compressed to. */
  readonly #text: number;
  readonly #output: number;
  readonly #outputSize: number;
  readonly #run: GrowingRegion;
  readonly #closing: GrowingRegion;
  #lastClosing: LineClosing | undefined;
  /** Bytes of each of its parts, with what comes before the next line. */
  #closingLengths: readonly number[] = [];
  /** Where in the text the id of the body is to be put, and how far behind each of these places. */
  readonly #places: number;
  readonly #id: number;
  #placeCount = 0;
  #idAt = 0;
  /** Nothing is compressed before the end. */
  #isLate = false;
  /** Bytes of text, the opening of the next line included; and how many of them are compressed already. */
  #end = 0;
  #done = 0;
  #crc = 0;
  #isEmpty = true;
  /** Why this body cannot be compressed any more. */
  #failure: unknown;

  /** @throws {KernelError} when the kernel cannot be loaded, or gets no memory. */
  constructor(options: KernelBodyOptions) {
    this.#kernel = new Kernel();
    this.#options = options;
    this.#between = `,${options.opening}`;
    this.#head = Buffer.from(options.head + options.opening, "latin1");
    this.#portion = this.#kernel.calls.portion();
    const size = Math.max(options.maxBody, this.#head.length + options.tail.length) + this.#between.length;
    const portions = Math.ceil(size / this.#portion) + 1;
    this.#text = this.#kernel.reserve(size);
    this.#outputSize = GZIP_HEADER.length + size + portions * STORED_BYTES + GZIP_TRAILER_BYTES;
    this.#output = this.#kernel.reserve(options.compress ? this.#outputSize : 0);
    this.#run = new GrowingRegion(this.#kernel, RUN_BYTES);
    this.#closing = new GrowingRegion(this.#kernel, CLOSING_BYTES);
    const places = options.tellsId === true ? Math.ceil(size / LEAST_WITH_ID) + 1 : 0;
    this.#places = this.#kernel.reserve(places * PLACE_BYTES);
    this.#id = this.#kernel.reserve(ID_BYTES);
    this.begin();
  }

  /** True when it holds no line. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Bytes of the text so far, without its tail. */
  get size(): number {
    return this.#end - (this.#isEmpty ? this.#options.opening : this.#between).length;
  }

  /** Begins a new body. @param isLate nothing of it is compressed before its end, and perhaps not then. */
  begin(isLate = false): void {
    this.#isLate = isLate;
    this.#placeCount = 0;
    this.#head.copy(this.#kernel.bytes, this.#text);
    this.#end = this.#head.length;
    this.#done = 0;
    this.#crc = 0;
    this.#isEmpty = true;
    this.#failure = undefined;
    if (!this.#options.compress) return;
    GZIP_HEADER.copy(this.#kernel.bytes, this.#output);
    this.#kernel.calls.beginDeflate(
      this.#output + GZIP_HEADER.length,
      this.#output + this.#outputSize - GZIP_TRAILER_BYTES,
    );
  }

  /**
   * Adds the lines of a run; undefined when they do not fit, and then nothing was added.
   * @param run lines with their newlines (the last may lack it); borrowed for the call.
   * @param closing the same object where it is the same: it is not looked at again.
   * @param isSingle the run is one line, whatever newlines it has within.
   * @param offset where the run begins in its file, in bytes.
   */
  add(run: Buffer, closing: LineClosing, isSingle: boolean, offset = 0): Added | undefined {
    const length = isSingle ? singleLength(run) : run.length;
    if (length === 0) return { lines: 0, emptyBytes: run.length };
    const { calls } = this.#kernel;
    const [first = 0, second = 0, third = 0] = this.#setClosing(closing);
    const places = closing.idAt === undefined ? 0 : this.#nextPlace(first + second + third);
    const source = this.#run.for(length + 1);
    calls.setClosing(this.#closing.for(first + second + third), first, second, third, places);
    const { bytes } = this.#kernel;
    bytes.set(length === run.length ? run : run.subarray(0, length), source);
    // What stops the kernel at the end of the run.
    bytes[source + length] = 0;
    const flags = (isSingle ? SINGLE : 0) | (isUtf8(run) ? 0 : REPAIR);
    const limit = this.#text + this.#options.maxBody - this.#options.tail.length + this.#between.length;
    const end = calls.escape(source, length, this.#text + this.#end, limit, offset, flags);
    if (end === 0) return undefined;
    const added = { lines: calls.lines.value, emptyBytes: calls.emptyBytes.value };
    if (added.lines > 0) this.#isEmpty = false;
    this.#end = end - this.#text;
    if (closing.idAt !== undefined) {
      this.#placeCount += added.lines;
      this.#idAt = closing.idAt;
    }
    // What is still to be changed cannot be compressed yet.
    if (this.#options.compress && !this.#isLate && this.#placeCount === 0)
      while (this.size - this.#done >= this.#portion) this.#compress(this.#done + this.#portion, false);
    return added;
  }

  /**
   * Ends the text; what follows is `compressed`, `text` and `begin`.
   * @param id what is put where lines tell the id of the body.
   * @returns the size of the text.
   */
  end(id = ""): number {
    if (this.#placeCount > 0 && id !== "") {
      const length = this.#kernel.bytes.write(id, this.#id, ID_BYTES, "latin1");
      this.#kernel.calls.putAtPlaces(this.#places, this.#placeCount, this.#idAt, this.#id, length);
    }
    const size = this.size;
    return size + this.#kernel.bytes.write(this.#options.tail, this.#text + size, "latin1");
  }

  /** The first `size` bytes of the text as they are, valid until anything is called. */
  text(size: number): Buffer {
    return this.#kernel.bytes.subarray(this.#text, this.#text + size);
  }

  /**
   * The ended text as gzip.
   * @param size what `end` gave.
   * @throws {KernelError} when the kernel fails; the text is there all the same.
   */
  compressed(size: number): Buffer {
    while (size - this.#done > this.#portion) this.#compress(this.#done + this.#portion, false);
    this.#compress(size, true);
    if (this.#failure !== undefined) throw this.#failure;
    const { bytes, calls } = this.#kernel;
    const trailer = calls.deflated();
    bytes.writeUInt32LE(this.#crc, trailer);
    bytes.writeUInt32LE(size, trailer + 4);
    const length = trailer + GZIP_TRAILER_BYTES - this.#output;
    // It waits for a server in memory of its own: the kernel's is needed for the next body, and may move.
    const result = Buffer.allocUnsafeSlow(length);
    bytes.copy(result, 0, this.#output, this.#output + length);
    return result;
  }

  #compress(to: number, isLast: boolean): void {
    const { calls, bytes } = this.#kernel;
    const from = this.#done;
    this.#done = to;
    if (this.#failure !== undefined) return;
    // Native code does this five times as fast as WebAssembly could.
    this.#crc = crc32(bytes.subarray(this.#text + from, this.#text + to), this.#crc);
    try {
      if (calls.deflate(this.#text, from, to, isLast ? 1 : 0) === 0)
        throw new KernelError("a compressed body takes more room than any can");
    } catch (error) {
      this.#failure = error;
    }
  }

  /** Puts what stands between two lines where the kernel finds it. @returns the bytes of each part. */
  #setClosing(closing: LineClosing): readonly number[] {
    if (closing === this.#lastClosing) return this.#closingLengths;
    const { texts } = closing;
    const last = texts.length - 1;
    const parts = texts.map((text, n) => `${n === 0 ? '"' : ""}${text}${n === last ? this.#between : ""}`);
    const all = parts.join("");
    const address = this.#closing.for(all.length);
    this.#kernel.bytes.write(all, address, "latin1");
    this.#lastClosing = closing;
    this.#closingLengths = parts.map(({ length }) => length);
    return this.#closingLengths;
  }

  /** Where the place of the next id is remembered. */
  #nextPlace(lineBytes: number): number {
    if (lineBytes < LEAST_WITH_ID) throw new KernelError("lines with an id are too short");
    return this.#places + this.#placeCount * PLACE_BYTES;
  }
}

/** Bytes of a run that is one line, without its line end. */
function singleLength(run: Buffer): number {
  const { length } = run;
  if (run[length - 1] !== NEWLINE) return length;
  return run[length - 2] === RETURN ? length - 2 : length - 1;
}
