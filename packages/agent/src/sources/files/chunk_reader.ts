import { Buffer } from "node:buffer";
import { readSync } from "node:fs";
import type { Chunk } from "../../chunk.ts";
import type { JoinerFor } from "../../lines/multiline/mod.ts";
import { type LineLimits, type Piece, splitPieces } from "../../lines/pieces.ts";
import type { Checkpoint } from "../../state/state_store.ts";
import { ANCHOR_BYTES, type TailedFile } from "./tailed_file.ts";

const NEWLINE = 10;

/** What one read of a file gave. */
export type ReadOutcome =
  /** Bytes to hand on; the file's position has moved behind them. `more` when the read was full, so that there may be more. */
  | { readonly kind: "chunk"; readonly chunk: Chunk; readonly more: boolean }
  /** Nothing that can be handed on; `grown` when there are new bytes of a line, or an event, that has not ended. */
  | { readonly kind: "nothing"; readonly grown: boolean }
  /** What lies before the position is not what was read: the file was truncated or written anew. */
  | { readonly kind: "rewritten" };

/** Bytes of one read. Larger ones gain nothing: 64 to 256 KiB cost the same for each byte. */
const READ_BYTES = 128 * 1024;

/** Bytes that one read asks for at most: with so many a line that has not ended is handed on in parts. */
export function readAhead({ maxPart, whole = 0 }: LineLimits): number {
  return ANCHOR_BYTES + Math.max(READ_BYTES, 2 * maxPart, whole);
}

/** What counts for files of a path, where it is something else than for all. */
export interface PerPath {
  readonly limitsFor?: ((path: string) => LineLimits) | undefined;
  readonly joinerFor?: JoinerFor | undefined;
}

/** Reads bytes of a file at a place, as readSync does. @returns how many; fewer than asked for where there are no more. */
export type ReadAt = (file: TailedFile, buffer: Buffer, length: number, position: number) => number;

const readOpened: ReadAt = (file, buffer, length, position) => readSync(file.fd, buffer, 0, length, position);

interface Reading {
  /** The file will not grow. */
  readonly complete: boolean;
  /** What may go on is not waited for. */
  readonly over: boolean;
  /** Bytes that are asked for at most. */
  readonly most: number;
  /** Where in the file it ends. */
  readonly end: number;
}

/**
 * Reads files from their positions into one buffer, which all files share.
 *
 * Each read begins a few bytes before the position and compares them with what was there before: it costs nothing more
 * than the read itself, and notices a file that was truncated and has grown beyond the old position since.
 */
export class ChunkReader {
  readonly #limitsFor: (path: string) => LineLimits;
  /** Of usual size; and one for lines that are held until they have ended, made when the first such line comes. */
  readonly #usual: Buffer;
  #large: Buffer | undefined;
  readonly #now: () => number;
  readonly #joinerFor: JoinerFor;
  readonly #readAt: ReadAt;

  /**
   * @param perPath what counts for files of a path.
   * @param readAt where the bytes come from; by default the file's descriptor.
   */
  constructor(limits: LineLimits, now: () => number = Date.now, perPath: PerPath = {}, readAt: ReadAt = readOpened) {
    this.#limitsFor = perPath.limitsFor ?? (() => limits);
    this.#joinerFor = perPath.joinerFor ?? (() => undefined);
    this.#now = now;
    this.#readAt = readAt;
    this.#usual = Buffer.allocUnsafeSlow(readAhead(limits));
  }

  /**
   * Reads the next bytes of an open file.
   * @param complete the file will not grow: a last line without a newline is handed on too.
   * @param over when the file has not grown, lines that may go on are handed on as they are.
   * @throws a system error.
   */
  read(file: TailedFile, complete: boolean, over = false): ReadOutcome {
    return this.#read(file, { complete, over, most: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY });
  }

  /**
   * Reads a known range again, as the pieces that it was read as before. Where the limits are others, less of it may come, and
   * nothing when no piece ends in it.
   * @param end offset at which the range ends.
   * @param lineStart where the line begins that this end stands in: `end` when a line ended there.
   * @throws a system error.
   */
  readAgain(file: TailedFile, end: number, lineStart: number): ReadOutcome {
    const { anchor, offset } = file.position;
    // A part of a line is told by what follows it; where a line ended, nothing that follows may count.
    if (lineStart === end)
      return this.#read(file, { complete: true, over: false, most: end - offset + anchor.length, end });
    return this.#read(file, { complete: false, over: false, most: Number.POSITIVE_INFINITY, end });
  }

  #read(file: TailedFile, how: Reading, buffer = this.#usual): ReadOutcome {
    const { complete, over, most, end } = how;
    const { anchor, offset } = file.position;
    const limits = this.#limitsFor(file.path);
    const want = Math.min(buffer.length, most);
    const size = this.#readAt(file, buffer, want, offset - anchor.length);
    if (size < anchor.length || !buffer.subarray(0, anchor.length).equals(anchor)) return { kind: "rewritten" };
    const fresh = size - anchor.length;
    const isFull = size === buffer.length;
    const grown = fresh > file.pending;
    if (fresh === 0 || (fresh === file.pending && !complete && !over && !isFull))
      return { kind: "nothing", grown: false };
    const bytes = buffer.subarray(anchor.length, size);
    const all = complete && !isFull;
    const split = splitPieces(bytes, offset, file.position, limits, all);
    if (split.consumed === 0 && isFull && buffer === this.#usual && limits.whole !== undefined) {
      this.#large ??= Buffer.allocUnsafeSlow(readAhead(limits));
      if (this.#large.length > buffer.length) return this.#read(file, how, this.#large);
    }
    const joiner = split.consumed === 0 ? undefined : this.#joinerFor(file.path);
    const joined = joiner?.join(bytes, split, limits.maxPart, all || (over && !grown));
    const covered = joined?.consumed ?? split.consumed;
    file.pending = fresh - covered;
    file.held = joined?.held ?? false;
    if (covered === 0) return { kind: "nothing", grown };
    const pieces = upTo(joined?.pieces ?? split.pieces, end - offset, bytes);
    const consumed = pieces.at(-1)?.to ?? 0;
    if (consumed < covered) {
      file.pending = 0;
      file.held = false;
    }
    // Cut as they are now, no piece ends within the range.
    if (consumed === 0) return { kind: "nothing", grown: false };
    const chunk = this.#chunk(file, bytes.subarray(0, consumed), pieces, buffer);
    file.position = chunk.positionAfter(consumed);
    if (joined?.cut === true) file.cutAt = file.position.offset;
    return { kind: "chunk", chunk, more: isFull };
  }

  #chunk(file: TailedFile, bytes: Buffer, pieces: readonly Piece[], buffer: Buffer): Chunk {
    const start = file.position.offset;
    const before = file.position.anchor.length;
    return {
      bytes,
      pieces,
      start,
      file: file.path,
      readAt: this.#now(),
      source: file,
      apart: start === file.cutAt,
      positionAfter(length: number): Checkpoint {
        const end = before + length;
        const anchor = new Uint8Array(buffer.subarray(Math.max(0, end - ANCHOR_BYTES), end));
        return { offset: start + length, anchor, ...positionAt(pieces, start, length) };
      },
      look: (from, length) => look(file, from, length, this.#readAt),
    };
  }
}

/** Reads around a chunk. Of a file in the spool not everything is unpacked: what a line goes on with may not be there. */
function look(file: TailedFile, offset: number, length: number, readAt: ReadAt): Buffer | undefined {
  if (file.fd < 0 || (file.unpacked !== undefined && offset < file.unpackedFrom)) return undefined;
  const buffer = Buffer.allocUnsafe(length);
  try {
    const bytes = buffer.subarray(0, readAt(file, buffer, length, offset));
    return file.unpacked === "part" && bytes.length < length && !bytes.includes(NEWLINE) ? undefined : bytes;
  } catch {
    return undefined;
  }
}

/** Where in a line the end of a piece stands. */
function positionAt(pieces: readonly Piece[], start: number, end: number): { lineStart: number; part: number } {
  const piece = pieceThrough(pieces, end);
  if (piece?.kind === "part" && !piece.last) return { lineStart: piece.lineStart, part: piece.number };
  if (piece?.kind === "dropped" && piece.total === undefined)
    return { lineStart: piece.lineStart, part: piece.number - 1 };
  return { lineStart: start + end, part: 0 };
}

/** The piece that has the byte before a position, if it ends there. With many events there are many pieces. */
function pieceThrough(pieces: readonly Piece[], end: number): Piece | undefined {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pieces[middle]?.to ?? 0) < end) low = middle + 1;
    else high = middle;
  }
  const piece = pieces[low];
  return piece?.to === end ? piece : undefined;
}

/** The pieces up to a position; a run of whole lines may be cut there, behind the last line that ends by then. */
function upTo(pieces: readonly Piece[], end: number, bytes: Buffer): readonly Piece[] {
  const last = pieces.at(-1);
  if (last === undefined || last.to <= end) return pieces;
  return pieces.flatMap((piece) => {
    if (piece.to <= end) return [piece];
    if (piece.from >= end || piece.kind !== "lines") return [];
    const to = piece.from + bytes.subarray(piece.from, end).lastIndexOf(NEWLINE) + 1;
    return to > piece.from ? [{ ...piece, to }] : [];
  });
}
