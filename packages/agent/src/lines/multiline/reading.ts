/** Reads bytes as a file's reader does, for tests. */
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import type { MultilineRule } from "../../config/line_options.ts";
import { type LinePosition, type Piece, splitPieces } from "../pieces.ts";
import type { Joiner } from "./joiner.ts";

export const RULE: MultilineRule = {
  presets: [],
  start: undefined,
  continuation: undefined,
  timeout: 1000,
  maxLines: 1000,
  maxBytes: 32_768,
};

/** What was read; positions within all bytes. */
interface Read {
  readonly kind: Piece["kind"];
  readonly from: number;
  readonly to: number;
  readonly lines?: number;
}

/**
 * @param from where reading begins, at the end of a piece.
 * @param steps bytes that come to be seen at a time, in turn.
 * @param buffer bytes that are read at once, at most.
 */
export function read(
  joiner: Joiner,
  bytes: Buffer,
  { from = 0, steps = [bytes.length], maxPart = 32_768, buffer = Math.max(131_072, 2 * maxPart) } = {},
): Read[] {
  const found: Read[] = [];
  let position: LinePosition = { lineStart: from, part: 0 };
  let seen = from;
  for (let at = from, step = 0; at < bytes.length; step += 1) {
    // What is not seen yet is looked at only once all is read of what is.
    seen = Math.max(seen, Math.min(bytes.length, at + (steps[step % steps.length] ?? 1), seen + buffer));
    for (;;) {
      const end = Math.min(seen, at + buffer);
      const complete = end === bytes.length;
      const chunk = bytes.subarray(at, end);
      const split = splitPieces(chunk, at, position, { maxPart, maxLine: 10 * maxPart }, complete);
      const { pieces, consumed } = joiner.join(chunk, split, maxPart, complete);
      let covered = 0;
      for (const piece of pieces) {
        assert.equal(piece.from, covered, "pieces have no gaps");
        covered = piece.to;
        const lines = piece.kind === "event" ? { lines: piece.lines } : {};
        found.push({ kind: piece.kind, from: at + piece.from, to: at + piece.to, ...lines });
      }
      assert.equal(consumed, covered);
      const isFull = end === at + buffer;
      assert.ok(consumed > 0 || !isFull, "a full buffer gives something");
      if (consumed > 0) position = consumed < split.consumed ? { lineStart: at + consumed, part: 0 } : split.position;
      at += consumed;
      if (!isFull || at === bytes.length) break;
    }
    if (seen === bytes.length) assert.equal(at, bytes.length, "all is read at the end");
    else seen = Math.min(bytes.length, seen + (steps[step % steps.length] ?? 1));
  }
  return found;
}

/** What is shipped as one line each: events, and single lines with their ends. */
export function shipped(bytes: Buffer, found: readonly Read[]): string[] {
  return found.flatMap(({ kind, from, to }) => {
    const text = bytes.toString("latin1", from, to);
    return kind === "lines" ? (text.match(/[^\n]*\n|[^\n]+$/g) ?? []) : [text];
  });
}
