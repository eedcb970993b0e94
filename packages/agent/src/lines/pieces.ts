import type { Buffer } from "node:buffer";

/** Where in its line a file's read position stands. */
export interface LinePosition {
  /** File offset at which the current line begins. */
  readonly lineStart: number;
  /** Parts of the current line that were already given out; 0 at the beginning of a line. */
  readonly part: number;
}

/** Bounds on one line, in bytes without its newline. */
export interface LineLimits {
  /** A longer line is given out in parts of at most this size. */
  readonly maxPart: number;
  /** Bytes of a line beyond this are dropped and counted. */
  readonly maxLine: number;
  /** Where it is set, nothing of a line is given out before it has ended or so many bytes of it are there. */
  readonly whole?: number;
}

/**
 * A run of bytes that is dealt with in one way. `from` and `to` are positions within the chunk.
 *
 * - `lines`: whole lines, each with its newline (the last one may lack it when the file will not grow any more).
 * - `part`: a part of a line that is longer than `maxPart`; `last` when it ends the line.
 * - `dropped`: bytes of a line beyond `maxLine`; `total` is set once the line has ended: the bytes dropped of it in all.
 * - `event`: several lines that are shipped as one, or one that is not shipped as it is.
 * - `replaced`: one line, event or part of a line, with the text that is shipped in its place.
 * - `excluded`: lines that are not shipped.
 * - `note`: a line of the agent's own, which takes no bytes.
 */
export type Piece = SplitPiece | EventPiece | ReplacedPiece | ExcludedPiece | NotePiece;

/** What the bytes of a file are split into. */
type SplitPiece =
  | { readonly kind: "lines"; readonly from: number; readonly to: number }
  | PartPiece
  | {
      readonly kind: "dropped";
      readonly from: number;
      readonly to: number;
      readonly lineStart: number;
      readonly number: number;
      readonly total: number | undefined;
    };

export interface PartPiece {
  readonly kind: "part";
  readonly from: number;
  readonly to: number;
  readonly number: number;
  readonly lineStart: number;
  readonly last: boolean;
}

export interface EventPiece {
  readonly kind: "event";
  readonly from: number;
  readonly to: number;
  /** Lines that it consists of. */
  readonly lines: number;
  /** Where its first line begins, where that is not `from`: of no other event, also where several begin at one place. */
  readonly at?: number;
  /** What is shipped of it, where that is not its bytes; of lines that stand within each other all but the last take no bytes. */
  readonly text?: Buffer;
  /** What a line of a container says of itself. */
  readonly said?: SaidOfLine;
}

/** What a container's runtime says of a line where that is not in its text. */
interface SaidOfLine {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly stream: string;
  /** It does not end here: it is longer than a line may be, or had not gone on for a while. */
  readonly goesOn: boolean;
}

/** The bytes of an event that are shipped. */
export function eventText({ from, to, text }: EventPiece, bytes: Buffer): Buffer {
  return text ?? bytes.subarray(from, to);
}

interface ReplacedPiece {
  readonly kind: "replaced";
  readonly from: number;
  readonly to: number;
  /** The text that is shipped, without a line end. */
  readonly text: Buffer;
  /** What it was; undefined for a single line. */
  readonly of: EventPiece | PartPiece | undefined;
}

export interface ExcludedPiece {
  readonly kind: "excluded";
  readonly from: number;
  readonly to: number;
  /** Those that begin in it. */
  readonly lines: number;
  /** A rule on its text, the limit on the rate, the share that is shipped; or no rule could say whether it may be shipped. */
  readonly reason: "rule" | "rate" | "sample" | "undecided";
}

export interface NotePiece {
  readonly kind: "note";
  readonly from: number;
  /** The same. */
  readonly to: number;
  readonly text: string;
  /** Offset in the file of a line that was left out and that it stands for: no other line has that place. */
  readonly offset: number;
  /** How many it stands for. */
  readonly lines: number;
}

/** The pieces of a chunk, and the position after the last of them. */
export interface Split {
  readonly pieces: readonly SplitPiece[];
  /** Bytes of the chunk that the pieces cover; the rest is a line that has not ended yet. */
  readonly consumed: number;
  readonly position: LinePosition;
}

const NEWLINE = 10;

/**
 * Splits the bytes of one file, read from `offset`, into pieces that can be shipped now.
 *
 * Lines are not looked at one by one: from the start of a line the last newline within `maxPart` bytes is searched
 * backwards, so the cost is one search for each `maxPart` bytes, however short the lines are.
 *
 * @param bytes what was read; borrowed, never copied.
 * @param offset file offset of the first byte.
 * @param position where in a line that byte stands.
 * @param complete the file will not grow: what follows the last newline is a line too.
 */
export function splitPieces(
  bytes: Buffer,
  offset: number,
  position: LinePosition,
  limits: LineLimits,
  complete: boolean,
): Split {
  const pieces: SplitPiece[] = [];
  let at = 0;
  let { lineStart, part } = position;
  let linesFrom = -1;
  const closeLines = (): void => {
    if (linesFrom >= 0) pieces.push({ kind: "lines", from: linesFrom, to: at });
    linesFrom = -1;
  };
  const beginLine = (): void => {
    lineStart = offset + at;
    part = 0;
  };

  while (at < bytes.length) {
    if (part === 0) {
      const newline = lastNewline(bytes, at, at + limits.maxPart);
      if (newline >= 0) {
        if (linesFrom < 0) linesFrom = at;
        at = newline + 1;
        beginLine();
        continue;
      }
      if (bytes.length - at <= limits.maxPart) {
        if (!complete) break;
        if (linesFrom < 0) linesFrom = at;
        at = bytes.length;
        beginLine();
        continue;
      }
    }
    // Also of a line that an agent without the bound had begun to give out.
    const isHeld = limits.whole !== undefined && offset + bytes.length - lineStart < limits.whole;
    if (isHeld && !complete && !bytes.subarray(at).includes(NEWLINE)) break;
    closeLines();
    const keep = limits.maxLine - (offset + at - lineStart);
    if (keep <= 0) {
      const newline = bytes.indexOf(NEWLINE, at);
      const ended = newline >= 0 || complete;
      const to = newline >= 0 ? newline + 1 : bytes.length;
      const total = ended ? offset + (newline >= 0 ? newline : to) - (lineStart + limits.maxLine) : undefined;
      pieces.push({ kind: "dropped", from: at, to, lineStart, number: part + 1, total });
      at = to;
      if (ended) beginLine();
      continue;
    }
    const room = Math.min(limits.maxPart, keep);
    // The newline may stand right behind a part of full size.
    const newline = bytes.subarray(at, at + room + 1).indexOf(NEWLINE);
    if (newline >= 0) {
      pieces.push({ kind: "part", from: at, to: at + newline + 1, number: part + 1, lineStart, last: true });
      at += newline + 1;
      beginLine();
    } else if (bytes.length - at > room) {
      const size = keep > room ? characterBoundary(bytes, at, room) : room;
      pieces.push({ kind: "part", from: at, to: at + size, number: part + 1, lineStart, last: false });
      at += size;
      part += 1;
    } else if (complete) {
      pieces.push({ kind: "part", from: at, to: bytes.length, number: part + 1, lineStart, last: true });
      at = bytes.length;
      beginLine();
    } else {
      break;
    }
  }
  closeLines();
  return { pieces, consumed: at, position: { lineStart, part } };
}

/** Position of the last newline in `[from, through]`, or -1. */
function lastNewline(bytes: Buffer, from: number, through: number): number {
  const found = bytes.subarray(from, through + 1).lastIndexOf(NEWLINE);
  return found < 0 ? -1 : from + found;
}

/** The largest size of at most `size` that does not cut a UTF-8 sequence (RFC 3629: a sequence has at most three continuation bytes). */
function characterBoundary(bytes: Buffer, from: number, size: number): number {
  let back = 0;
  while (back < 3 && back < size - 1 && isContinuation(bytes[from + size - back])) back += 1;
  return isContinuation(bytes[from + size - back]) ? size : size - back;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
