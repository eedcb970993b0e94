import type { Buffer } from "node:buffer";
import type { Chunk } from "../../chunk.ts";
import type { PartPiece } from "../../lines/pieces.ts";

const NEWLINE = 10;
const RETURN = 13;

/** The line that a part of a line belongs to, as far as rules look at it. */
export interface LongLine {
  /** Bytes without its line end. */
  readonly text: Buffer;
  /** Bytes with it. */
  readonly length: number;
}

/**
 * The whole line of a part: from the chunk where it holds it, otherwise read anew, so that what is decided of a line is the same for
 * all its parts, whichever way they come: also after a crash in the middle of the line.
 * @param most bytes that are looked at.
 * @returns undefined where the beginning of the line cannot be read any more.
 */
export function longLineOf(chunk: Chunk, lineStart: number, most: number): LongLine | undefined {
  const from = lineStart - chunk.start;
  if (from >= 0) {
    const rest = chunk.bytes.subarray(from, from + most);
    const isWhole = rest.includes(NEWLINE) || rest.length === most || endsHere(chunk, lineStart);
    if (isWhole) return lineIn(rest);
  }
  const looked = chunk.look?.(lineStart, most);
  return looked === undefined || looked.length === 0 ? undefined : lineIn(looked);
}

/** Whether a line without a newline ends with the chunk. */
function endsHere({ pieces }: Chunk, lineStart: number): boolean {
  const last = pieces.at(-1);
  if (last?.kind === "dropped") return last.lineStart === lineStart && last.total !== undefined;
  return last?.kind === "part" && last.lineStart === lineStart && last.last;
}

function lineIn(bytes: Buffer): LongLine {
  const newline = bytes.indexOf(NEWLINE);
  if (newline < 0) return { text: bytes, length: bytes.length };
  const end = newline > 0 && bytes[newline - 1] === RETURN ? newline - 1 : newline;
  return { text: bytes.subarray(0, end), length: newline + 1 };
}

/**
 * What a part of a line ships of the text that takes the line's place: as large a share of it, cut between characters.
 * @param from where in the line the part begins, in bytes.
 * @param length bytes of the line.
 */
export function shareOf(text: Buffer, from: number, to: number, length: number): Buffer {
  return text.subarray(cutAt(text, from / length), cutAt(text, to / length));
}

function cutAt(text: Buffer, share: number): number {
  let cut = Math.min(text.length, Math.floor(text.length * share));
  while (cut > 0 && cut < text.length && ((text[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
  return cut;
}

/** Where in its line a part stands. */
export function placeOf(chunk: Chunk, { from, to, lineStart }: PartPiece): { from: number; to: number } {
  return { from: chunk.start + from - lineStart, to: chunk.start + to - lineStart };
}
