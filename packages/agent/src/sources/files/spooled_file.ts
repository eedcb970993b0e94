import type { StoredSegment } from "../../state/spool_records.ts";
import type { TailedFile } from "./tailed_file.ts";

/** A deleted file of which something is in the spool, or goes there. */
export interface SpooledFile {
  readonly file: TailedFile;
  /** What is there, in order. What was dropped to make room is missing at the front, but for what is on its way. */
  segments: StoredSegment[];
  /** Segments that were dropped while the file itself is still open: nothing is lost by that yet. */
  dropped: StoredSegment[];
  /** Bytes of the file that were copied, dropped ones included. */
  end: number;
  /** The deleted file is open: it is read, not the spool. */
  source: boolean;
  /** Offset up to which it is unpacked, or being unpacked; 0 while it is not. */
  unpackedTo: number;
}

/** The segment that has the byte at an offset, or the first one behind it. */
export function segmentAt({ segments }: SpooledFile, offset: number): StoredSegment | undefined {
  return segments.find(({ end }) => end > offset);
}

/** The segment that goes on where another one ends. */
export function segmentFrom({ segments }: SpooledFile, offset: number): StoredSegment | undefined {
  return segments.find(({ start, end }) => start <= offset && end > offset);
}

/**
 * Whether a segment can be dropped to make room: not what is on its way, which may have to be sent again, and not what is
 * being read.
 */
function isDroppable({ file, source, unpackedTo }: SpooledFile, { start, end }: StoredSegment): boolean {
  if (file.inFlight > 0 && start < file.position.offset && end > file.checkpoint.offset) return false;
  return source || start >= unpackedTo;
}

/** The oldest segments that make so many bytes of room; undefined where all that can be dropped is not enough. */
export function roomIn(
  items: Iterable<SpooledFile>,
  bytes: number,
): { readonly item: SpooledFile; readonly segment: StoredSegment }[] | undefined {
  const droppable = [...items].flatMap((item) =>
    item.segments.filter((segment) => isDroppable(item, segment)).map((segment) => ({ item, segment })),
  );
  droppable.sort((a, b) => a.segment.id - b.segment.id);
  let room = 0;
  let count = 0;
  for (; room < bytes && count < droppable.length; count += 1) room += droppable[count]?.segment.size ?? 0;
  return room < bytes ? undefined : droppable.slice(0, count);
}
