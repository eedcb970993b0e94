import { Buffer } from "node:buffer";
import { readSync } from "node:fs";
import type { Chunk } from "../../chunk.ts";
import { type LineLimits, type Piece, splitPieces } from "../../lines/pieces.ts";
import type { Checkpoint } from "../../state/state_store.ts";
import { ANCHOR_BYTES, type TailedFile } from "./tailed_file.ts";

/** What one read of a file gave. */
export type ReadOutcome =
  /** Bytes to hand on; the file's position has moved behind them. `more` when the read was full, so that there may be more. */
  | { readonly kind: "chunk"; readonly chunk: Chunk; readonly more: boolean }
  /** Nothing that can be handed on; `grown` when there are new bytes of a line that has not ended. */
  | { readonly kind: "nothing"; readonly grown: boolean }
  /** What lies before the position is not what was read: the file was truncated or written anew. */
  | { readonly kind: "rewritten" };

/** Bytes of one read. Larger ones gain nothing: 64 to 256 KiB cost the same for each byte. */
const READ_BYTES = 128 * 1024;

/**
 * Reads files from their positions into one buffer, which all files share.
 *
 * Each read begins a few bytes before the position and compares them with what was there before: it costs nothing more
 * than the read itself, and notices a file that was truncated and has grown beyond the old position since.
 */
export class ChunkReader {
  readonly #limits: LineLimits;
  readonly #buffer: Buffer;
  readonly #now: () => number;

  constructor(limits: LineLimits, now: () => number = Date.now) {
    this.#limits = limits;
    this.#now = now;
    this.#buffer = Buffer.allocUnsafeSlow(ANCHOR_BYTES + Math.max(READ_BYTES, 2 * limits.maxPart));
  }

  /**
   * Reads the next bytes of an open file.
   * @param complete the file will not grow: a last line without a newline is handed on too.
   * @param until offset at which to stop, to read a known range again; the range then ends there.
   * @throws a system error.
   */
  read(file: TailedFile, complete: boolean, until = Number.POSITIVE_INFINITY): ReadOutcome {
    const { anchor, offset } = file.position;
    const buffer = this.#buffer;
    const want = Math.min(buffer.length, until - offset + anchor.length);
    const size = readSync(file.fd, buffer, 0, want, offset - anchor.length);
    if (size < anchor.length || !buffer.subarray(0, anchor.length).equals(anchor)) return { kind: "rewritten" };
    const fresh = size - anchor.length;
    if (fresh === 0 || (fresh === file.pending && !complete)) return { kind: "nothing", grown: false };
    const bytes = buffer.subarray(anchor.length, size);
    const split = splitPieces(bytes, offset, file.position, this.#limits, complete && size < buffer.length);
    const grown = fresh > file.pending;
    file.pending = fresh - split.consumed;
    if (split.consumed === 0) return { kind: "nothing", grown };
    const chunk = this.#chunk(file, bytes.subarray(0, split.consumed), split.pieces);
    file.position = { ...chunk.positionAfter(split.consumed), ...split.position };
    return { kind: "chunk", chunk, more: size === buffer.length };
  }

  #chunk(file: TailedFile, bytes: Buffer, pieces: readonly Piece[]): Chunk {
    const start = file.position.offset;
    const before = file.position.anchor.length;
    const buffer = this.#buffer;
    return {
      bytes,
      pieces,
      start,
      file: file.path,
      readAt: this.#now(),
      source: file,
      positionAfter(length: number): Checkpoint {
        const end = before + length;
        const anchor = new Uint8Array(buffer.subarray(Math.max(0, end - ANCHOR_BYTES), end));
        return { offset: start + length, anchor, ...positionAt(pieces, start, length) };
      },
    };
  }
}

/** Where in a line the end of a piece stands. */
function positionAt(pieces: readonly Piece[], start: number, end: number): { lineStart: number; part: number } {
  const piece = pieces.find((candidate) => candidate.to === end);
  if (piece?.kind === "part" && !piece.last) return { lineStart: piece.lineStart, part: piece.number };
  if (piece?.kind === "dropped" && piece.total === undefined)
    return { lineStart: piece.lineStart, part: piece.number - 1 };
  return { lineStart: start + end, part: 0 };
}
