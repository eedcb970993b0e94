import { closeSync, write } from "node:fs";
import { promisify } from "node:util";
import { DamagedSegment, type SegmentStore } from "../../spool/segment_store.ts";
import type { StoredSegment } from "../../state/spool_records.ts";
import type { StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { HotFiles } from "./hot_files.ts";
import { errnoName } from "./open_log.ts";
import { type SpooledFile, segmentAt, segmentFrom } from "./spooled_file.ts";
import type { TailedFile } from "./tailed_file.ts";

const writeAsync = promisify(write);

interface SpoolReaderOptions {
  readonly state: Pick<StateStore, "scratchFile">;
  readonly store: SegmentStore;
  readonly hot: HotFiles;
  /** Bytes that one read of a file asks for. */
  readonly readAhead: number;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** Nothing of a path is to be read until it is released: what comes first of it is being unpacked. */
  readonly hold: (path: string) => void;
  readonly release: (path: string) => void;
  /** A file may have something to read. */
  readonly onReady: (file: TailedFile) => void;
  /** A segment does not hold what it should. */
  readonly onDamaged: (item: SpooledFile, segment: StoredSegment, reason: string) => void;
}

/** Files that are unpacked at once: each takes a descriptor, and space for a segment. */
const MAX_UNPACKED = 2;
/** After a failure nothing is tried for this time. */
const RETRY_MS = 1000;

/**
 * Reads files from the spool. Their segments are unpacked, one after the other, into a file without a name, at the offsets
 * that the bytes had; so they are read as any other file is.
 */
export class SpoolReader {
  readonly #options: SpoolReaderOptions;
  /** Files that are being read from the spool. */
  readonly #reading = new Set<SpooledFile>();
  /** Those that are being unpacked, out of these. */
  readonly #unpacking = new Set<SpooledFile>();
  /** Files whose turn it was while others were being read. */
  readonly #waiting = new Set<SpooledFile>();
  /** Files that hold what is newer of their logs: it is their turn, and they cannot be read yet. */
  readonly #holding = new Set<SpooledFile>();
  #retryAt = 0;
  #closed = false;

  constructor(options: SpoolReaderOptions) {
    this.#options = options;
  }

  /** Goes on with files that had to wait. */
  poll(now: number): void {
    if (now >= this.#retryAt) this.#next();
  }

  /** It is the turn of a file whose rest is in the spool. */
  wants(item: SpooledFile): void {
    if (item.file.position.offset >= item.end || this.#reading.has(item)) return;
    this.#waiting.add(item);
    this.#hold(item);
    this.poll(this.#options.clock());
  }

  /** What was unpacked of a file was read. */
  read(item: SpooledFile): void {
    const { file } = item;
    this.#options.hot.close(file);
    item.unpackedTo = 0;
    if (file.position.offset < item.end) void this.#unpack(item, file.position.offset + this.#options.readAhead);
    else this.forget(item);
  }

  /** What was unpacked of a file cannot be read. */
  failed(item: SpooledFile): void {
    this.#putOff(item);
  }

  /** A file is not read any more. */
  forget(item: SpooledFile): void {
    this.#waiting.delete(item);
    this.#reading.delete(item);
    item.unpackedTo = 0;
    this.#letGo(item);
    this.#next();
  }

  /** Unpacks a file up to an offset and further, to be read at once; `release` ends that. */
  async prepare(item: SpooledFile, until: number): Promise<void> {
    this.#reading.add(item);
    await this.#unpack(item, until + this.#options.readAhead);
  }

  /** Gives back what was unpacked for `prepare`; the rest is read in turn. */
  release(item: SpooledFile): void {
    const { hot, onReady } = this.#options;
    if (item.file.unpacked !== undefined) hot.close(item.file);
    this.forget(item);
    onReady(item.file);
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
  }

  #next(): void {
    for (const item of this.#waiting) {
      if (this.#closed) return;
      if (this.#reading.size >= MAX_UNPACKED && !this.#isHeldBy(item)) continue;
      this.#waiting.delete(item);
      this.#reading.add(item);
      void this.#unpack(item, item.file.position.offset + this.#options.readAhead);
    }
  }

  /** Whether a file that is being read waits for another one: that must not wait for it. */
  #isHeldBy({ file }: SpooledFile): boolean {
    return [...this.#reading].some((other) => other.file.path === file.path);
  }

  #hold(item: SpooledFile): void {
    if (this.#holding.has(item)) return;
    this.#holding.add(item);
    this.#options.hold(item.file.path);
  }

  #letGo(item: SpooledFile): void {
    if (this.#holding.delete(item)) this.#options.release(item.file.path);
  }

  async #unpack(item: SpooledFile, until: number): Promise<void> {
    if (this.#unpacking.has(item)) return;
    this.#unpacking.add(item);
    this.#hold(item);
    const { hot, emit, clock, onReady } = this.#options;
    const { file } = item;
    let fd = -1;
    try {
      fd = this.#options.state.scratchFile();
      const end = await this.#fill(item, fd, until);
      if (end === undefined || !this.#goesOn(item)) return;
      hot.add(file, fd);
      fd = -1;
      file.verified = true;
      file.unpacked = segmentFrom(item, end) === undefined ? "end" : "part";
      file.pending = 0;
      file.size = end;
      file.activeAt = clock();
      onReady(file);
    } catch (error) {
      if (!this.#goesOn(item)) return;
      emit({ name: "spool_unreadable", path: file.path, code: errnoName(error) });
      this.#putOff(item);
    } finally {
      if (fd >= 0) closeSync(fd);
      this.#unpacking.delete(item);
      // Nothing holds up a log for ever: what cannot be unpacked comes later, in whatever order.
      this.#letGo(item);
    }
  }

  /** @returns the offset behind what was unpacked; undefined when there is nothing any more. */
  async #fill(item: SpooledFile, into: number, until: number): Promise<number | undefined> {
    const { store, onDamaged } = this.#options;
    const { file } = item;
    for (;;) {
      const first = segmentAt(item, file.position.offset);
      const start = first?.start ?? item.end;
      // What is missing was dropped, and counted.
      if (start > file.position.offset) file.skipTo(start);
      if (first === undefined) {
        this.forget(item);
        return undefined;
      }
      file.unpackedFrom = first.start;
      const { offset, anchor } = file.position;
      await writeAsync(into, anchor, 0, anchor.length, offset - anchor.length);
      let end = offset;
      let segment: StoredSegment | undefined = first;
      while (segment !== undefined && (end === offset || end < until)) {
        // From now on it is not dropped.
        item.unpackedTo = segment.end;
        try {
          const bytes = await store.read(segment);
          await writeAsync(into, bytes, 0, bytes.length, segment.start);
        } catch (error) {
          if (!(error instanceof DamagedSegment)) throw error;
          if (!this.#goesOn(item)) return undefined;
          item.unpackedTo = end;
          onDamaged(item, segment, error.message);
          break;
        }
        end = segment.end;
        if (!this.#goesOn(item)) return undefined;
        segment = segmentFrom(item, end);
      }
      if (end > offset) return end;
    }
  }

  #goesOn(item: SpooledFile): boolean {
    return !this.#closed && this.#reading.has(item) && !item.file.abandoned;
  }

  #putOff(item: SpooledFile): void {
    this.#retryAt = this.#options.clock() + RETRY_MS;
    this.#reading.delete(item);
    item.unpackedTo = 0;
    this.#waiting.add(item);
  }
}
