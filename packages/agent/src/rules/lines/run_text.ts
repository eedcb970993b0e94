import { type Buffer, isAscii, isUtf8 } from "node:buffer";
import { type CandidateSearch, EVERY_LINE } from "./candidates.ts";

/** The text of a run of lines, in which lines are looked for; a line is decoded only where it is looked at itself. */
export class RunText {
  readonly #bytes: Buffer;
  /** Each byte as one character (latin1), with a newline at the end in any case. */
  readonly text: string;
  /** Whether the search for candidates can be trusted: what is not UTF-8 is shipped as U+FFFD, which no byte stands for. */
  readonly isUtf8: boolean;
  readonly isAscii: boolean;
  readonly #ends: boolean;

  /** @param bytes whole lines; the last may lack its newline. Borrowed. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.isAscii = isAscii(bytes);
    this.isUtf8 = this.isAscii || isUtf8(bytes);
    this.#ends = bytes[bytes.length - 1] === 10;
    const text = bytes.toString("latin1");
    this.text = this.#ends ? text : `${text}\n`;
  }

  /** Whether one of some bytes is anywhere in it. */
  hasAny(some: readonly number[]): boolean {
    return some.some((byte) => this.#bytes.includes(byte));
  }

  /** Where the line ends that a place is in: behind its newline. */
  endOf(at: number): number {
    return this.text.indexOf("\n", at) + 1;
  }

  /** Where it begins, not before `least`. */
  startOf(at: number, least: number): number {
    return at <= least ? least : Math.max(least, this.text.lastIndexOf("\n", at - 1) + 1);
  }

  /** Lines between the beginnings of two lines. */
  linesBetween(from: number, to: number): number {
    let count = 0;
    for (let at = from; at < to; at = this.endOf(at)) count += 1;
    return count;
  }

  /** A place as one of the bytes. */
  byteAt(at: number): number {
    return Math.min(at, this.#bytes.length);
  }

  /** All of it as one line, as it is shipped: line ends within are newlines. */
  whole(): string {
    const text = this.line(0, this.text.length);
    return text.includes("\r\n") ? text.replaceAll("\r\n", "\n") : text;
  }

  /** A line as it is shipped: without its line end, decoded. */
  line(from: number, to: number): string {
    let end = to - 1;
    const hasReturn = end > from && this.text.charCodeAt(end - 1) === 13;
    if (hasReturn && (this.#ends || to < this.text.length)) end -= 1;
    if (this.isAscii) return this.text.slice(from, end);
    const line = this.#bytes.subarray(from, end);
    return isAscii(line) ? this.text.slice(from, end) : line.toString("utf8");
  }
}

/** Finds candidates in a run, from left to right, and searches no part of it twice. */
export class Hits {
  readonly #text: string;
  readonly #search: RegExp | undefined;
  readonly #places: ((from: number) => number) | undefined;
  #next = -1;

  /** @param search by default every place is one. */
  constructor(run: RunText, search = EVERY_LINE) {
    this.#text = run.text;
    if (run.isUtf8) this.#search = searchFor(run, search);
    if (this.#search !== undefined) this.#places = search.places?.(run.text);
  }

  /** The first from a place on, which is not before that of an earlier call; Infinity when there is none. */
  from(at: number): number {
    if (this.#search === undefined) return at;
    if (this.#next < at) {
      this.#search.lastIndex = at;
      this.#next = this.#search.exec(this.#text)?.index ?? Number.POSITIVE_INFINITY;
    }
    return this.#places === undefined ? this.#next : Math.min(this.#next, this.#places(at));
  }
}

function searchFor(run: RunText, { ascii, utf8, plain }: CandidateSearch): RegExp | undefined {
  if (run.isAscii) return ascii;
  return plain === undefined || run.hasAny(plain.without) ? utf8 : plain.search;
}
