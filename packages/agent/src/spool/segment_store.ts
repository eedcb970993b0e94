import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  statfsSync,
  unlinkSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants as zlib, zstdCompress, zstdDecompress } from "node:zlib";
import type { SpoolRecords, StoredSegment } from "../state/spool_records.ts";
import type { Orphan } from "./orphans.ts";
import {
  decodeHeader,
  encodeHeader,
  MAX_HEADER_BYTES,
  type SegmentHeader,
  type SegmentOrigin,
} from "./segment_header.ts";

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Bytes of a file that one segment holds at most: what is in memory while it is written or read, and what is dropped as one. */
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;
/** With a small limit segments are smaller, so that a part of what is there can make room. */
const MIN_SEGMENT_BYTES = 64 * 1024;
const SEGMENTS_IN_LIMIT = 8;
/** What is left of a disk for the state itself: this part of it, and at most so many bytes. */
const RESERVE = { part: 0.05, bytes: 64 * 1024 * 1024 } as const;
/** Every name of the spool. Segments are `spool-ID.zst`; one that is being written ends in `.tmp`. */
const NAME = /^spool-/;
const TEMPORARY = /^spool-[\w-]+\.tmp$/;
const SEGMENT = /^spool-([1-9]\d{0,14})\.zst$/;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
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

/** Something in the directory that has the name of a segment and is none. */
export interface Stray {
  readonly path: string;
  readonly reason: string;
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
   * Looks for what is there and not noted. Temporary files are removed, and so are segments that were done with, and what no
   * agent can have put there; what says nothing of itself is set aside. Links are never followed.
   * @returns the segments that say what they hold, and what else was found.
   * @throws a system error when the directory cannot be listed, or an error of SQLite.
   */
  orphans(): { orphans: Orphan[]; strays: Stray[] } {
    const { directory, records } = this.#options;
    const orphans: Orphan[] = [];
    const strays: Stray[] = [];
    const names = new Set(records.segments().map(nameOf));
    for (const name of readdirSync(directory)) {
      if (!NAME.test(name) || names.has(name)) continue;
      const path = join(directory, name);
      if (TEMPORARY.test(name)) {
        const failed = tryTo(() => unlinkSync(path));
        if (failed !== undefined) strays.push({ path, reason: failed });
        continue;
      }
      const found = lookAt(path);
      const id = Number(SEGMENT.exec(name)?.[1] ?? 0);
      if (found.kind === "unreadable") strays.push({ path, reason: found.reason });
      else if (found.kind === "planted") {
        const failed = tryTo(() => unlinkSync(path));
        strays.push({
          path,
          reason: `${found.reason}${failed === undefined ? "" : `, and cannot be removed (${failed})`}`,
        });
      } else if (found.header === undefined || id === 0)
        strays.push(this.#putAside(name, "it does not say what it is of"));
      else if (!this.#isDone(id, found.header)) orphans.push({ id, header: found.header, size: found.size });
      else tryTo(() => unlinkSync(path));
    }
    return { orphans, strays };
  }

  /** What is not noted, and cannot be, is kept under a name that is none of a segment's. */
  setAside(id: number, reason: string): Stray {
    return this.#putAside(nameOf({ id }), reason);
  }

  #putAside(name: string, reason: string): Stray {
    const { directory } = this.#options;
    const path = join(directory, name);
    const aside = join(directory, `aside-${randomUUID()}-${name}`);
    const failed = tryTo(() => renameSync(path, aside));
    return { path, reason: failed === undefined ? `${reason}; it is kept as ${aside}` : `${reason} (${failed})` };
  }

  /** Whether this very state has known a segment and let it go: a power loss can bring such a one back. */
  #isDone(id: number, { state }: SegmentHeader): boolean {
    const { records } = this.#options;
    return state === records.identity() && id <= records.lastId();
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

function nameOf({ id }: Pick<StoredSegment, "id">): string {
  return `spool-${id}.zst`;
}

/** What has the name of a segment and is not noted. */
type Found =
  | { readonly kind: "whole"; readonly size: number; readonly header: SegmentHeader | undefined }
  /** No agent can have put it there. */
  | { readonly kind: "planted"; readonly reason: string }
  | { readonly kind: "unreadable"; readonly reason: string };

function lookAt(path: string): Found {
  let fd = -1;
  try {
    fd = openSync(path, READ);
    const stat = fstatSync(fd);
    const problem = stat.size === 0 && stat.isFile() ? "it is empty" : problemOf(stat, stat.size);
    if (problem !== undefined) return { kind: "planted", reason: problem };
    const beginning = Buffer.alloc(Math.min(stat.size, MAX_HEADER_BYTES));
    const length = readSync(fd, beginning, 0, beginning.length, 0);
    return { kind: "whole", size: stat.size, header: decodeHeader(beginning.subarray(0, length)) };
  } catch (error) {
    const code = codeOf(error);
    return { kind: code === "ELOOP" || code === "ENXIO" ? "planted" : "unreadable", reason: reasonOf(code) };
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

function problemOf(stat: Stats, size: number): string | undefined {
  if (!stat.isFile()) return "it is not a regular file";
  if (stat.uid !== process.geteuid?.()) return `it belongs to user ${stat.uid}`;
  if (stat.nlink !== 1) return "it has another name";
  if ((stat.mode & 0o022) !== 0) return "others may write to it";
  return stat.size === size ? undefined : `it has ${stat.size} bytes instead of ${size}`;
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at, at)).bytesWritten;
}

function tryTo(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return reasonOf(codeOf(error));
  }
}

function reasonOf(code: string): string {
  if (code === "ENOENT") return "it is missing";
  return code === "ELOOP" ? "it is a symbolic link" : code;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // SQLite's own words.
  if (error.message.includes("disk is full")) return "ENOSPC";
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
