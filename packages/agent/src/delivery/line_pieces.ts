import { Buffer } from "node:buffer";
import { type BodyLine, isObject } from "../batch/body_format.ts";
import { textOf } from "./halves.ts";

/** Bytes of text below which a piece is not cut again: a server that does not take this much takes nothing. */
const SMALLEST_PIECE = 1024;

/** What is left of a line that is too large for the server, which gets it piece by piece. */
export interface LineRest {
  /** The line as it was encoded. */
  readonly line: BodyLine;
  /** The id that the whole line went under: what its pieces have in common. */
  readonly id: string;
  /** UTF-8 of all its text. */
  readonly text: Buffer;
  /** Bytes of it that the server has. */
  readonly offset: number;
  /** Number of the next piece, from 1. */
  readonly number: number;
  /** Bytes of a piece, at most. */
  readonly limit: number;
}

/** A line that nothing was taken of yet; undefined when it is too small to be cut. */
export function restOf(line: BodyLine, id: string): LineRest | undefined {
  const text = Buffer.from(textOf(line));
  return smaller({ line, id, text, offset: 0, number: 1, limit: text.length });
}

/** The same for smaller pieces; undefined when they are as small as they get. */
export function smaller(rest: LineRest): LineRest | undefined {
  const size = Math.min(rest.limit, rest.text.length - rest.offset);
  return size <= SMALLEST_PIECE ? undefined : { ...rest, limit: Math.max(SMALLEST_PIECE, Math.ceil(size / 2)) };
}

/**
 * The next piece, and what is left after it.
 *
 * A piece says in `meta` what the parts of a long line say there: `line_part` and `line_end`. Where in its file the line begins
 * is not known here; `line_id` tells which pieces are of one line instead. A part of a long line keeps its number, and its pieces
 * have theirs in `line_piece`.
 */
export function nextPiece(rest: LineRest): { readonly piece: BodyLine; readonly after: LineRest | undefined } {
  const { line, id, text, offset, number, limit } = rest;
  const end = characterBoundary(text, Math.min(offset + limit, text.length), offset);
  const isLast = end === text.length;
  const meta = isObject(line.meta) ? line.meta : {};
  const mark =
    "line_part" in meta
      ? { line_piece: number, line_end: isLast && meta.line_end === true }
      : { line_part: number, line_end: isLast };
  return {
    piece: { ...line, line: text.toString("utf8", offset, end), meta: { ...meta, ...mark, line_id: id } },
    after: isLast ? undefined : { ...rest, offset: end, number: number + 1 },
  };
}

/** The nearest place before `end` at which no character of UTF-8 is cut (RFC 3629: at most three continuation bytes). */
function characterBoundary(text: Buffer, end: number, from: number): number {
  let at = end;
  while (at < text.length && at > from + 1 && ((text[at] ?? 0) & 0xc0) === 0x80) at -= 1;
  return at;
}
