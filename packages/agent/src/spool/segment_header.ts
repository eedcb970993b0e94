import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** Whose bytes a segment holds: enough to ship them without the state that they were noted in. */
export interface SegmentOrigin {
  /** The name that the file's lines are shipped under. */
  readonly path: string;
  /** Bytes that the file had when the segment was written. */
  readonly size: number;
  /** CRC-32 of the first `headLength` bytes of the file. */
  readonly headLength: number;
  readonly headCrc: number;
  /** Offset up to which everything was acknowledged by then, and where in a line that is (see `LinePosition`). */
  readonly offset: number;
  readonly lineStart: number;
  readonly part: number;
}

/** What a segment says of itself at its beginning. */
export interface SegmentHeader extends SegmentOrigin {
  /** The state that it was noted in, and the file's id there. */
  readonly state: number;
  readonly fileId: number;
  /** Offsets in the file. */
  readonly start: number;
  readonly end: number;
}

/**
 * A skippable frame of zstd (RFC 8878, 3.1.2): decompressors pass over it, those of agents that do not know of it included.
 * Its content is a CRC-32 of the rest, and JSON.
 */
const MAGIC = 0x184d2a5c;
const FRAME_BYTES = 8;
const CRC_BYTES = 4;
const VERSION = 1;
/** A path has 4,096 bytes at most, and in JSON a byte can become six. */
export const MAX_HEADER_BYTES = 32 * 1024;

const NUMBERS = [
  "state",
  "fileId",
  "start",
  "end",
  "size",
  "headLength",
  "headCrc",
  "offset",
  "lineStart",
  "part",
] as const;

export function encodeHeader(header: SegmentHeader): Buffer {
  const json = Buffer.from(JSON.stringify({ version: VERSION, ...header }));
  const frame = Buffer.alloc(FRAME_BYTES + CRC_BYTES);
  frame.writeUInt32LE(MAGIC, 0);
  frame.writeUInt32LE(CRC_BYTES + json.length, 4);
  frame.writeUInt32LE(crc32(json), FRAME_BYTES);
  return Buffer.concat([frame, json]);
}

/** The header that a segment begins with; undefined where there is none that can be used, as in those of earlier versions. */
export function decodeHeader(beginning: Buffer): SegmentHeader | undefined {
  if (beginning.length < FRAME_BYTES + CRC_BYTES || beginning.readUInt32LE(0) !== MAGIC) return undefined;
  const json = beginning.subarray(FRAME_BYTES + CRC_BYTES, FRAME_BYTES + beginning.readUInt32LE(4));
  if (crc32(json) !== beginning.readUInt32LE(FRAME_BYTES)) return undefined;
  try {
    return headerOf(JSON.parse(json.toString("utf8")));
  } catch {
    return undefined;
  }
}

/** Checked by hand: a library for that takes two megabytes of memory, which nothing else in a running agent needs. */
function headerOf(parsed: Record<string, unknown> | null): SegmentHeader | undefined {
  if (parsed?.version !== VERSION || typeof parsed.path !== "string" || !parsed.path.startsWith("/")) return undefined;
  const header = { path: parsed.path } as { path: string } & Record<(typeof NUMBERS)[number], number>;
  for (const name of NUMBERS) {
    const value = parsed[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) return undefined;
    header[name] = value;
  }
  return header.start < header.end ? header : undefined;
}
