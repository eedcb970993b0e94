import { Buffer } from "node:buffer";
import { fstatSync, readSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SegmentOrigin } from "../../spool/segment_header.ts";
import { NoRoom, type SegmentStore } from "../../spool/segment_store.ts";
import type { StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import { DELETED_LINGER_MS } from "./draining.ts";
import type { HotFiles } from "./hot_files.ts";
import { errnoName } from "./open_log.ts";
import type { SpooledFile } from "./spooled_file.ts";
import { statOf } from "./stat_of.ts";
import { hasHead, type TailedFile } from "./tailed_file.ts";

interface SpoolWriterOptions {
  readonly state: Pick<StateStore, "spool">;
  readonly store: SegmentStore;
  readonly hot: Pick<HotFiles, "files" | "isCrowded">;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** What is known of the spooling of a file. */
  readonly of: (file: TailedFile) => SpooledFile | undefined;
  /** A file begins to be spooled. @throws an error of the state. */
  readonly begin: (file: TailedFile, size: number) => SpooledFile;
  /** A deleted file was truncated before that: what it held is to be looked for in a copy. */
  readonly onRewritten: (file: TailedFile) => void;
  /** Frees so many bytes of the spool, if it can. */
  readonly makeRoom: (bytes: number) => boolean;
  /** All of a deleted file that is not acknowledged is in the spool: it need not be held open any more. */
  readonly onCopied: (item: SpooledFile) => void;
}

/** A deleted file that is read to its end within this time is not copied. */
const WAIT_MS = 1500;
/** What a writer that has not noticed yet adds to a deleted file is copied when it has been quiet for this time. */
const QUIET_MS = 1000;
/** After a failure nothing is tried for this time. */
const STALLED_MS = 5000;
/** Bytes that are read at once: other work gets its turn in between. */
const READ_BYTES = 1024 * 1024;

/**
 * Copies what is not acknowledged of deleted files into the spool, one file at a time: as long as they are open, they can be
 * read and cost space; when the agent ends they are gone.
 */
export class SpoolWriter {
  readonly #options: SpoolWriterOptions;
  /** When deleted files were first seen to be. */
  readonly #since = new WeakMap<TailedFile, number>();
  /** Deleted files that hold what they held. */
  readonly #checked = new WeakSet<TailedFile>();
  #wanted: TailedFile[] = [];
  #running: Promise<void> | undefined;
  #stalledUntil = 0;
  /** What a segment is copied through, while there is something to copy. */
  #buffer: Buffer | undefined;
  #closed = false;

  constructor(options: SpoolWriterOptions) {
    this.#options = options;
  }

  /** Looks at the deleted files that are open. */
  poll(now: number): void {
    const { hot, store } = this.#options;
    if (store.limit === 0 || this.#closed) return;
    for (const file of hot.files()) {
      if (file.names.size > 0) continue;
      try {
        this.#look(file, now);
      } catch (error) {
        this.#stall(errnoName(error));
      }
    }
    if (now >= this.#stalledUntil) this.#run();
  }

  /**
   * Copies the rest of every deleted file now, also where nobody has told yet that it is; resolves when that is done or not
   * possible.
   */
  async finish(): Promise<void> {
    const { hot, store } = this.#options;
    if (store.limit === 0 || this.#closed) return;
    await this.#running;
    for (const file of hot.files().filter(isDeleted)) {
      try {
        this.#checkContents(file, Number(fstatSync(file.fd, { bigint: true }).size));
      } catch {
        // Copying it tells.
      }
    }
    this.#wanted = hot.files().filter(isDeleted);
    this.#run();
    await this.#running;
  }

  /** Copies nothing more; resolves when no file is being read. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wanted = [];
    await this.#running;
  }

  #look(file: TailedFile, now: number): void {
    const { hot, store, of, onCopied, state } = this.#options;
    const stat = fstatSync(file.fd, { bigint: true });
    // It was moved to where nobody looks, and may come back.
    if (stat.nlink > 0n) return;
    const size = Number(stat.size);
    if (!this.#checkContents(file, size)) return;
    file.sees(size, now);
    const since = this.#since.get(file) ?? now;
    this.#since.set(file, since);
    const quiet = now - file.grownAt;
    const item = of(file);
    if (item === undefined) {
      const isDue = hot.isCrowded || now - since > WAIT_MS;
      if (isDue && size > file.checkpoint.offset) this.#want(file);
    } else if (size > item.end) {
      if (quiet > QUIET_MS || size - item.end >= store.segmentBytes) this.#want(file);
    } else if (size === item.end && quiet > (hot.isCrowded ? QUIET_MS : DELETED_LINGER_MS)) {
      state.spool.settle(file.id, size);
      onCopied(item);
    }
  }

  /**
   * Looks, once, whether a deleted file still holds what it held: in the spool nobody would find out, and once it is there,
   * nobody looks for a copy of it. @returns whether it does. @throws a system error.
   */
  #checkContents(file: TailedFile, size: number): boolean {
    // What was restored of a compressed file is its rest alone.
    if (this.#checked.has(file) || file.restored || this.#options.of(file) !== undefined) return true;
    if (file.isTruncatedAt(size) || !hasHead(file.fd, file.head)) {
      this.#options.onRewritten(file);
      return false;
    }
    this.#checked.add(file);
    return true;
  }

  #want(file: TailedFile): void {
    if (!this.#wanted.includes(file)) this.#wanted.push(file);
  }

  #run(): void {
    if (this.#running !== undefined || this.#wanted.length === 0) return;
    this.#running = this.#copyWanted().finally(() => {
      this.#buffer = undefined;
      this.#running = undefined;
    });
  }

  async #copyWanted(): Promise<void> {
    let failed: unknown;
    for (let file = this.#wanted[0]; file !== undefined; file = this.#wanted[0]) {
      try {
        await this.#copy(file);
      } catch (error) {
        failed = error;
        // Where there is no room, there is none for the others. One that cannot be read is no reason against them.
        if (error instanceof NoRoom) this.#wanted = [];
      }
      this.#wanted.shift();
    }
    if (failed === undefined || this.#closed) return;
    this.#stall(failed instanceof NoRoom ? failed.code : errnoName(failed));
  }

  /** Copies what a file has beyond its checkpoint, from a few bytes before it on, by which the place is recognised. */
  async #copy(file: TailedFile): Promise<void> {
    const { state, store, emit, of, begin, makeRoom } = this.#options;
    while (this.#isOpen(file)) {
      const size = Number(fstatSync(file.fd, { bigint: true }).size);
      const { offset, anchor } = file.checkpoint;
      const from = Math.max(of(file)?.end ?? 0, offset - anchor.length);
      if (offset >= size || from >= size) return;
      const item = of(file) ?? begin(file, size);
      const bytes = await this.#read(file, from, Math.min(size - from, store.segmentBytes));
      if (bytes === undefined || bytes.length === 0) return;
      const run = {
        fileId: file.id,
        start: from,
        bytes: bytes.length < size - from ? wholeLines(bytes) : bytes,
        origin: originOf(file, size),
      };
      const segment = await store.write(run, makeRoom, () => this.#isOpen(file));
      if (segment === undefined) return;
      // It was read to its end meanwhile.
      if (of(file) !== item) return store.remove(segment);
      item.segments.push(segment);
      item.end = segment.end;
      state.spool.setSize(file.id, size);
      emit({ name: "segment_written", path: file.path, start: from, end: segment.end, disk: segment.size });
    }
  }

  /** @returns bytes that are valid until the next ones are read; undefined when the file was closed meanwhile. */
  async #read(file: TailedFile, from: number, length: number): Promise<Buffer | undefined> {
    this.#buffer ??= Buffer.allocUnsafeSlow(this.#options.store.segmentBytes);
    const bytes = this.#buffer;
    let filled = 0;
    while (filled < length) {
      if (!this.#isOpen(file)) return undefined;
      const count = readSync(file.fd, bytes, filled, Math.min(READ_BYTES, length - filled), from + filled);
      // It was truncated.
      if (count === 0) break;
      filled += count;
      await nextTurn();
    }
    return bytes.subarray(0, filled);
  }

  #isOpen(file: TailedFile): boolean {
    return !this.#closed && file.fd >= 0 && file.unpacked === undefined && !file.abandoned;
  }

  #stall(code: string): void {
    const { emit, clock } = this.#options;
    this.#stalledUntil = clock() + STALLED_MS;
    emit({ name: "spool_unwritable", code });
  }
}

function originOf({ path, head, checkpoint }: TailedFile, size: number): SegmentOrigin {
  const { offset, lineStart, part } = checkpoint;
  return { path, size, headLength: head.length, headCrc: head.crc, offset, lineStart, part };
}

/** Without the beginning of a line at the end, where there are lines: a segment may be dropped without the next one. */
function wholeLines(bytes: Buffer): Buffer {
  const end = bytes.lastIndexOf(10) + 1;
  return end * 2 > bytes.length ? bytes.subarray(0, end) : bytes;
}

function isDeleted(file: TailedFile): boolean {
  return statOf(file.fd)?.nlink === 0n;
}
