import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  renameSync,
  statfsSync,
  unlinkSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants as zlib, zstdCompress, zstdDecompress } from "node:zlib";
import type { SpoolRecords, StoredSegment } from "../state/spool_records.ts";
import { codeOf, nameOf, problemOf, READ, reasonOf, tryTo } from "./segment_file.ts";
import { encodeHeader, type SegmentHeader, type SegmentOrigin } from "./segment_header.ts";

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Bytes of a file that one segment holds at most: what is in memory while it is written or read, and what is dropped as one. */
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;
/** With a small limit segments are smaller, so that a part of what is there can make room. */
const MIN_SEGMENT_BYTES = 64 * 1024;
const SEGMENTS_IN_LIMIT = 8;
/** What is left of a disk for the state itself: this part of it, and at most so many bytes. */
const RESERVE = { part: 0.05, bytes: 64 * 1024 * 1024 } as const;
/** Writing waits for the disk, data and attributes (O_SYNC of open(2)): under Node's permissions fsync(2) is not to be had. */
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_SYNC;

/** A segment does not hold what it should. */
export class DamagedSegment extends Error {
  override readonly name = "DamagedSegment";
}

/** Nothing can be written for now; `code` is the system's (errno name). */
export class NoRoom extends Error {
  override readonly name = "NoRoom";
  readonly code: string;

  constructor(code: string, cause?: unknown) {
    super(`The spool cannot be written: ${code}`, { cause });
    this.code = code;
  }
}

export interface SegmentStoreOptions {
  /** The state directory. */
  readonly directory: string;
  readonly records: SpoolRecords;
  /** Bytes on disk that all segments may take. */
  readonly limit: number;
}

/**
 * The files of the spool: runs of bytes of deleted logs, each compressed by zstd with a check sum, mode 0600.
 *
 * A segment is written under a temporary name, made durable, noted in the state, and only then given its name. So after a
 * crash at any moment there are: temporary files, which are removed; notes without a file, which are removed; and whole segments.
 * Each says at its beginning what it holds, so that it outlives the state.
 */
export class SegmentStore {
  readonly #options: SegmentStoreOptions;
  readonly #segmentBytes: number;
  #bytes = 0;

  constructor(options: SegmentStoreOptions) {
    this.#options = options;
    const share = Math.floor(options.limit / SEGMENTS_IN_LIMIT);
    this.#segmentBytes = Math.max(MIN_SEGMENT_BYTES, Math.min(MAX_SEGMENT_BYTES, share));
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  get limit(): number {
    return this.#options.limit;
  }

  /** Bytes of a file that one segment should hold at most. */
  get segmentBytes(): number {
    return this.#segmentBytes;
  }

  /**
   * Compares what is noted with what is there.
   * @returns the segments that can be read, and why each of the others cannot.
   */
  check(): { whole: StoredSegment[]; damaged: { segment: StoredSegment; reason: string }[] } {
    const whole: StoredSegment[] = [];
    const damaged: { segment: StoredSegment; reason: string }[] = [];
    for (const segment of this.#options.records.segments()) {
      const reason = this.#problemOf(segment);
      if (reason === undefined) {
        this.#bytes += segment.size;
        whole.push(segment);
      } else damaged.push({ segment, reason });
    }
    return { whole, damaged };
  }

  /**
   * Writes a run of bytes.
   * @param makeRoom frees so many bytes below the limit, or tells that it cannot.
   * @param isWanted asked before anything is kept.
   * @returns undefined when it is not wanted any more.
   * @throws {NoRoom}
   */
  async write(
    whole: { readonly fileId: number; readonly start: number; readonly bytes: Buffer; readonly origin: SegmentOrigin },
    makeRoom: (size: number) => boolean,
    isWanted: () => boolean,
  ): Promise<StoredSegment | undefined> {
    const { directory, limit } = this.#options;
    const { fileId, start, bytes, origin } = whole;
    const run = { fileId, start, end: start + bytes.length };
    const content = await compress(bytes, { params: { [zlib.ZSTD_c_checksumFlag]: 1 } });
    const packed = Buffer.concat([this.#headerOf({ ...run, ...origin }), content]);
    const size = packed.length;
    if (!isWanted()) return undefined;
    if (this.#bytes + size > limit && !makeRoom(this.#bytes + size - limit)) throw new NoRoom("RETRY_DISK_LIMIT");
    if (this.#free() < size) throw new NoRoom("ENOSPC");
    const temporary = join(directory, `spool-${randomUUID()}.tmp`);
    let file: FileHandle | undefined;
    let segment: StoredSegment | undefined;
    try {
      file = await open(temporary, WRITE, 0o600);
      await writeAll(file, packed);
      if (!isWanted()) {
        unlinkSync(temporary);
        return undefined;
      }
      segment = { ...run, size, id: this.#freeId({ ...run, size }) };
      this.#bytes += size;
      renameSync(temporary, join(directory, nameOf(segment)));
      // Of a file that was renamed, a synchronous write makes the name durable, too.
      await file.write(packed, 0, 1, 0);
      return segment;
    } catch (error) {
      tryTo(() => unlinkSync(temporary));
      if (segment !== undefined) this.remove(segment);
      throw new NoRoom(codeOf(error), error);
    } finally {
      await file?.close();
    }
  }

  /** @throws {NoRoom} */
  #headerOf(header: Omit<SegmentHeader, "state">): Buffer {
    try {
      return encodeHeader({ ...header, state: this.#options.records.identity() });
    } catch (error) {
      throw new NoRoom(codeOf(error), error);
    }
  }

  /** Notes a segment under an id whose name is free: what could not be adopted may have it. */
  #freeId(run: Omit<StoredSegment, "id">): number {
    const { directory, records } = this.#options;
    for (;;) {
      const id = records.add(run);
      if (!existsSync(join(directory, nameOf({ id })))) return id;
      records.remove(id);
    }
  }

  /**
   * The bytes of a segment.
   * @throws {DamagedSegment} when it does not hold them any more.
   * @throws a system error.
   */
  async read(segment: StoredSegment): Promise<Buffer> {
    const length = segment.end - segment.start;
    const packed = await this.#readPacked(segment);
    try {
      const bytes = await decompress(packed, { maxOutputLength: Math.max(1, length) });
      if (bytes.length === length) return bytes;
    } catch {
      // Its check sum differs, or it is none at all.
    }
    throw new DamagedSegment("its content is damaged");
  }

  /** A segment is needed no more. */
  remove(segment: StoredSegment): void {
    this.empty(segment);
    this.forget(segment);
  }

  /** Takes the bytes of a segment off the disk; that they were there stays noted. */
  empty(segment: StoredSegment): void {
    this.#bytes -= segment.size;
    tryTo(() => unlinkSync(join(this.#options.directory, nameOf(segment))));
  }

  /** Takes back that a segment is there. */
  forget(segment: StoredSegment): void {
    tryTo(() => this.#options.records.remove(segment.id));
  }

  /** Removes what is left of a segment that `check` found damaged. */
  discard(segment: StoredSegment): void {
    this.#bytes += segment.size;
    this.remove(segment);
  }

  async #readPacked(segment: StoredSegment): Promise<Buffer> {
    let file: FileHandle;
    try {
      file = await open(join(this.#options.directory, nameOf(segment)), READ);
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ELOOP") throw new DamagedSegment(reasonOf(codeOf(error)));
      throw error;
    }
    try {
      // Its size was compared when it was noted: a longer one costs no more memory than that.
      const packed = Buffer.allocUnsafeSlow(segment.size);
      const { bytesRead } = await file.read(packed, 0, packed.length, 0);
      if (bytesRead < packed.length) throw new DamagedSegment("a part of it is missing");
      return packed;
    } finally {
      await file.close();
    }
  }

  /** What is wrong with a noted segment; undefined when it is as it was left. */
  #problemOf(segment: StoredSegment): string | undefined {
    const path = join(this.#options.directory, nameOf(segment));
    let fd: number;
    try {
      fd = openSync(path, READ);
    } catch (error) {
      return reasonOf(codeOf(error));
    }
    try {
      const stat = fstatSync(fd);
      const problem = problemOf(stat, segment.size);
      if (problem === undefined && (stat.mode & 0o077) !== 0) chmodSync(path, 0o600);
      return problem;
    } catch (error) {
      return reasonOf(codeOf(error));
    } finally {
      closeSync(fd);
    }
  }

  /** Bytes that may be written to the disk. */
  #free(): number {
    const { bavail, blocks, bsize } = statfsSync(this.#options.directory);
    return bavail * bsize - Math.min(RESERVE.bytes, blocks * bsize * RESERVE.part);
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at, at)).bytesWritten;
}
