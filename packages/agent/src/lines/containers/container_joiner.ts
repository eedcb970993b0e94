import { Buffer } from "node:buffer";
import type { Joined, LineJoiner } from "../multiline/joiner.ts";
import type { EventPiece, Piece, Split } from "../pieces.ts";
import { DOCKER_STREAM, endsDockerLine, type RuntimeLine, runtimeLine, runtimeTime } from "./runtime_line.ts";

/** Without growth of the file, after this time in milliseconds a line that goes on is shipped as far as it is there. */
const TIMEOUT_MS = 1000;

const NEWLINE = 10;
const RETURN = 13;
const BRACE = 123;

/** Lines of the runtime that are read together: those of a line that goes on, and what other streams have in between. */
interface Region {
  readonly from: number;
  to: number;
  /** Lines that go on, by their stream. */
  readonly open: Map<string, RuntimeLine[]>;
  /** What is whole, in the order in which it was ended. */
  readonly whole: RuntimeLine[][];
  lines: number;
}

/**
 * Puts the lines of a container's log together that its runtime has cut (after 16 KiB, or where a program has paused within a line).
 * It keeps nothing between two calls: what may go on is left in the file, as far as it is no longer than one part of a line.
 *
 * A line that goes on may have lines of the other stream in between. These are shipped before it, and nothing of all of them counts
 * as read before the last one is: reading that begins anew finds the beginning of each.
 */
export class ContainerJoiner implements LineJoiner {
  readonly timeout = TIMEOUT_MS;
  readonly #isParsed: boolean;

  /** @param isParsed lines are shipped as the container has written them, without what the runtime puts around them. */
  constructor(isParsed: boolean) {
    this.#isParsed = isParsed;
  }

  join(bytes: Buffer, split: Split, maxPart: number, final: boolean): Joined {
    const pieces: Piece[] = [];
    for (const [n, piece] of split.pieces.entries()) {
      if (piece.kind !== "lines" || (!this.#isParsed && isWhole(bytes, piece.from, piece.to))) {
        pieces.push(piece);
        continue;
      }
      const isLast = n === split.pieces.length - 1;
      const rest = isLast ? bytes.length - split.consumed : 0;
      const walk = new Walk(
        bytes.toString("latin1", piece.from, piece.to),
        piece.from,
        maxPart,
        this.#isParsed,
        pieces,
      );
      const open = walk.through();
      if (open === undefined) continue;
      // What comes next would not fit: what it is need not be known.
      const waits = isLast && !final && walk.length - open.from + rest <= maxPart;
      if (waits) return { pieces, consumed: piece.from + open.from, held: true, cut: false };
      walk.end(open);
      if (isLast) return { pieces, consumed: split.consumed, held: false, cut: final };
    }
    return { pieces, consumed: split.consumed, held: false, cut: false };
  }
}

/** Whether no line of a run goes on. Most runs are like that: one search through all of it tells. */
function isWhole(bytes: Buffer, from: number, to: number): boolean {
  const run = bytes.subarray(from, to);
  if (run[0] !== BRACE) return !run.includes(" stdout P") && !run.includes(" stderr P");
  const text = run.toString("latin1");
  for (let at = text.indexOf(DOCKER_STREAM); at >= 0; at = text.indexOf(DOCKER_STREAM, at + 1))
    if (!endsDockerLine(text, at)) return false;
  return true;
}

/** One way through a run of whole lines. */
class Walk {
  readonly #text: string;
  /** Where in the chunk the text begins. */
  readonly #start: number;
  readonly #maxPart: number;
  readonly #isParsed: boolean;
  readonly #pieces: Piece[];
  /** Where lines begin that stay as they are. */
  #asIs = 0;

  constructor(text: string, start: number, maxPart: number, isParsed: boolean, pieces: Piece[]) {
    this.#text = text;
    this.#start = start;
    this.#maxPart = maxPart;
    this.#isParsed = isParsed;
    this.#pieces = pieces;
  }

  get length(): number {
    return this.#text.length;
  }

  /** @returns what goes on at the end of it. */
  through(): Region | undefined {
    const text = this.#text;
    let region: Region | undefined;
    for (let from = 0; from < text.length; ) {
      const newline = text.indexOf("\n", from);
      const to = newline < 0 ? text.length : newline + 1;
      const line = runtimeLine(text, from, contentEnd(text, from, to));
      if (region !== undefined && (line === undefined || to - region.from > this.#maxPart)) {
        this.end(region);
        region = undefined;
      }
      if (line !== undefined && region === undefined && line.ends) {
        if (this.#isParsed) {
          this.#keep(from);
          this.#pieces.push(this.#event([line], this.#start + from, this.#start + to, 1));
          this.#asIs = to;
        }
      } else if (line !== undefined) {
        if (region === undefined) {
          this.#keep(from);
          region = { from, to, open: new Map(), whole: [], lines: 0 };
        }
        add(region, line, to);
        if (region.open.size === 0) {
          this.end(region);
          region = undefined;
        }
      }
      from = to;
    }
    if (region === undefined) this.#keep(text.length);
    return region;
  }

  /** Ships a region, whatever of it goes on. */
  end({ from, to, open, whole, lines }: Region): void {
    const all = [...whole, ...open.values()];
    for (const [n, parts] of all.entries()) {
      const isLast = n === all.length - 1;
      const size = isLast ? { lines: lines - all.length + 1, to } : { lines: 1, to: from };
      this.#pieces.push(this.#event(parts, this.#start + from, this.#start + size.to, size.lines));
    }
    this.#asIs = to;
  }

  #event(parts: readonly RuntimeLine[], from: number, to: number, lines: number): EventPiece {
    const [first] = parts;
    const last = parts.at(-1);
    const piece = { kind: "event", from, to, lines } as const;
    if (first === undefined || last === undefined) return piece;
    const { format, stream, time } = first;
    const text = parts.map((part) => part.text).join("");
    const plain = this.#isParsed ? format.plain(text) : undefined;
    const at = runtimeTime(time);
    if (plain === undefined || at === undefined)
      return { ...piece, text: Buffer.from(format.written(first, text, last), "latin1") };
    return { ...piece, text: plain, said: { time: at, stream, goesOn: !last.ends } };
  }

  /** Lines up to a place stay as they are. */
  #keep(to: number): void {
    if (to > this.#asIs) this.#pieces.push({ kind: "lines", from: this.#start + this.#asIs, to: this.#start + to });
    this.#asIs = to;
  }
}

function add(region: Region, line: RuntimeLine, to: number): void {
  const parts = region.open.get(line.stream) ?? [];
  parts.push(line);
  region.to = to;
  region.lines += 1;
  if (!line.ends) region.open.set(line.stream, parts);
  else {
    region.open.delete(line.stream);
    region.whole.push(parts);
  }
}

/** Where a line's text ends, without LF or CR LF. */
function contentEnd(text: string, from: number, to: number): number {
  let end = to;
  if (end > from && text.charCodeAt(end - 1) === NEWLINE) end -= 1;
  if (end > from && text.charCodeAt(end - 1) === RETURN) end -= 1;
  return end;
}
