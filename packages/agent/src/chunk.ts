import type { Buffer } from "node:buffer";
import type { OwnFields } from "./lines/fields/line_fields.ts";
import type { Piece } from "./lines/pieces.ts";
import type { Checkpoint } from "./state/state_store.ts";

/**
 * The unit of flow: a run of bytes of one source, with the byte range that it came from, and what has to happen for its
 * acknowledgement. Never an object for each line.
 */
export interface Chunk {
  /** Borrowed: valid until the next chunk is asked for. */
  readonly bytes: Buffer;
  /** What the bytes consist of, in order and without gaps. */
  readonly pieces: readonly Piece[];
  /** Offset in the source of the first byte. */
  readonly start: number;
  /** The `file` field of its lines. */
  readonly file: string;
  /** When it was read, in milliseconds since the epoch: the `timestamp` of its lines. */
  readonly readAt: number;
  readonly source: ChunkSource;
  /** What its lines say of themselves, where they are of no file. */
  readonly own?: OwnFields;
  /**
   * What comes before it in its source was cut off without waiting for it: in one batch, both would be joined when they are
   * read again.
   */
  readonly apart?: boolean;
  /** The position of the source after the first `length` bytes of this chunk, at the end of a piece. */
  positionAfter(length: number): Checkpoint;
  /** Reads bytes of the source at an offset, fewer where there are no more; undefined where it cannot be read any more. */
  look?(offset: number, length: number): Buffer | undefined;
}

/** Where chunks come from; told what became of each range. */
export interface ChunkSource {
  /** The file's id in the state; 0 before it has one. */
  readonly id: number;
  /**
   * Notes that `[start, end.offset)` is on its way. Ranges of a source are sent in order and without gaps.
   * What comes back is acknowledged once the range is safe at its destination, or deliberately given up and counted.
   */
  sent(start: number, end: Checkpoint): SentRange;
}

/** A range on its way. */
export interface SentRange {
  /** The file's id in the state, undefined for a range that can no longer be read again. */
  readonly fileId: number | undefined;
  readonly start: number;
  readonly end: number;
  /** Offset at which the line begins that the end stands in; the end itself when no line is cut there. */
  readonly lineStart: number;
  /** The source's checkpoint is behind the range. */
  readonly settled: boolean;
  /** Moves the end of the range, when more of the same source goes into the same batch. */
  extend(end: Checkpoint): void;
  /** The range is dealt with; the source's checkpoint moves over the contiguous run of such ranges. */
  acknowledge(): void;
}
