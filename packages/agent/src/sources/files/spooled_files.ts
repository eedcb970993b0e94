import { fstatSync } from "node:fs";
import { adoptOrphans } from "../../spool/orphans.ts";
import { SegmentStore } from "../../spool/segment_store.ts";
import { SPOOLED_DEVICE, type StoredSegment } from "../../state/spool_records.ts";
import type { KnownFile, StateStore, StoredBatch } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { FileNames } from "./file_names.ts";
import type { FileRecords } from "./file_records.ts";
import type { HotFiles, NamelessFile } from "./hot_files.ts";
import { errnoName } from "./open_log.ts";
import { UNTOLD_POLL_MS } from "./poll_timer.ts";
import { SpoolLosses } from "./spool_losses.ts";
import { SpoolReader } from "./spool_reader.ts";
import { SpoolWriter } from "./spool_writer.ts";
import { roomIn, type SpooledFile } from "./spooled_file.ts";
import type { TailedFile } from "./tailed_file.ts";

interface SpooledFilesOptions {
  readonly state: StateStore;
  /** Bytes on disk that the spool may take; 0 for none. */
  readonly limit: number;
  readonly readAhead: number;
  readonly records: FileRecords;
  readonly names: FileNames;
  readonly hot: HotFiles;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** Nothing of a path is to be read until it is released: what comes first of it is being unpacked. */
  readonly hold: (path: string) => void;
  readonly release: (path: string) => void;
  /** A file may have something to read. */
  readonly onReady: (file: TailedFile) => void;
  /** A deleted file was truncated before that. */
  readonly onRewritten: (file: TailedFile) => void;
  /** Everything of a file was acknowledged, or is lost. */
  readonly onDone: (file: TailedFile) => void;
}

/**
 * Deleted files whose rest is in the spool, or goes there. While the deleted file itself is open, it is read; then it is
 * closed, which frees its space, and the rest is read from the spool. A file is forgotten when all of it is acknowledged.
 */
export class SpooledFiles {
  readonly #options: SpooledFilesOptions;
  readonly #store: SegmentStore;
  readonly #writer: SpoolWriter;
  readonly #reader: SpoolReader;
  readonly #losses: SpoolLosses;
  readonly #items = new Map<TailedFile, SpooledFile>();
  #prepared: SpooledFile[] = [];
  #polledAt = 0;

  constructor(options: SpooledFilesOptions) {
    const { state, limit, readAhead, hot, emit, clock, hold, release, onReady } = options;
    this.#options = options;
    const store = new SegmentStore({ directory: state.directory, records: state.spool, limit });
    this.#store = store;
    this.#losses = new SpoolLosses(limit, emit);
    this.#writer = new SpoolWriter({
      state,
      store,
      hot,
      emit,
      clock,
      of: (file) => this.#items.get(file),
      onRewritten: options.onRewritten,
      begin: (file, size) => this.#begin(file, size),
      makeRoom: (bytes) => this.#makeRoom(bytes),
      onCopied: (item) => this.#leaveSource(item),
    });
    this.#reader = new SpoolReader({
      state,
      store,
      hot,
      readAhead,
      emit,
      clock,
      hold,
      release,
      onReady,
      onDamaged: (item, segment, reason) => this.#damaged(item, segment, reason),
    });
  }

  /** Files of which something is in the spool. */
  get size(): number {
    return this.#items.size;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#store.bytes;
  }

  has(file: TailedFile): boolean {
    return this.#items.has(file);
  }

  /** Whether a file that was read to its end stays open: what is on its way may have to be copied yet. */
  holds(file: TailedFile): boolean {
    return this.#store.limit > 0 && file.inFlight > 0 && (this.#items.has(file) || !this.#options.hot.isCrowded);
  }

  /**
   * Goes on with what an earlier run, or an earlier configuration, left in the spool.
   * @param open deleted files that are still open.
   * @returns ids of those among them that were being spooled, which are taken over.
   */
  load(open: readonly NamelessFile[]): ReadonlySet<number> {
    const { state, emit } = this.#options;
    const taken = new Set<number>();
    try {
      this.#adopt();
      const { whole, damaged } = this.#store.check();
      const sizes = state.spool.sizes();
      for (const known of state.files()) {
        if (known.dev !== SPOOLED_DEVICE) continue;
        const isOf = ({ fileId }: StoredSegment): boolean => fileId === known.id;
        const source = open.find(({ known: { id } }) => id === known.id);
        const bad = damaged.filter(({ segment }) => isOf(segment));
        this.#take(known, { segments: whole.filter(isOf), bad, size: sizes.get(known.id) ?? 0, fd: source?.fd });
        if (source !== undefined) taken.add(known.id);
      }
    } catch (error) {
      emit({ name: "spool_unreadable", path: state.directory, code: errnoName(error) });
    }
    if (this.#items.size > 0) emit({ name: "spool_found", files: this.#items.size, bytes: this.#store.bytes });
    return taken;
  }

  poll(now: number): void {
    if (now - this.#polledAt <= UNTOLD_POLL_MS) return;
    this.#polledAt = now;
    this.#writer.poll(now);
    this.#reader.poll(now);
    this.settle();
  }

  /** It is the turn of a file that cannot be opened by a name. */
  wants(file: TailedFile): void {
    const item = this.#items.get(file);
    if (item?.source === false) this.#reader.wants(item);
  }

  /** What was unpacked of a file was read. */
  unpackedRead(file: TailedFile): void {
    const item = this.#items.get(file);
    if (item !== undefined) this.#reader.read(item);
  }

  /** A file that is open cannot be read, or does not hold what was read before. */
  broken(file: TailedFile): void {
    const item = this.#items.get(file);
    if (item === undefined) return;
    this.#options.hot.close(file);
    if (!item.source) return this.#reader.failed(item);
    this.#losses.tail(item, file.size);
    this.#leaveSource(item);
  }

  /** Removes what was acknowledged. */
  settle(): void {
    for (const item of this.#items.values()) {
      const { offset } = item.file.checkpoint;
      if ((item.segments[0]?.end ?? Number.POSITIVE_INFINITY) <= offset) this.#options.records.saveNow();
      for (let first = item.segments[0]; first !== undefined && first.end <= offset; first = item.segments[0]) {
        item.segments.shift();
        this.#store.remove(first);
      }
      if (!item.source && offset >= item.end) this.#options.onDone(item.file);
    }
  }

  /** Nothing is left of a file, or nobody waits for it. */
  forget(file: TailedFile): void {
    const item = this.#items.get(file);
    if (item === undefined) return;
    this.#items.delete(file);
    for (const segment of item.segments) this.#store.remove(segment);
    for (const segment of item.dropped) this.#store.forget(segment);
    this.#reader.forget(item);
  }

  /** Unpacks what batches of an earlier run hold, to be read again at once. */
  async prepare(batches: readonly StoredBatch[]): Promise<void> {
    const ranges = batches.flatMap((batch) => batch.ranges);
    for (const item of this.#items.values()) {
      const ends = ranges.filter(({ fileId }) => fileId === item.file.id).map(({ end }) => end);
      // What is not prepared is read in turn, and comes under another id.
      if (item.source || ends.length === 0 || this.#options.hot.isCrowded) continue;
      this.#prepared.push(item);
      await this.#reader.prepare(item, Math.max(...ends));
    }
  }

  /** They were read again. */
  prepared(): void {
    const items = this.#prepared;
    this.#prepared = [];
    for (const item of items) this.#reader.release(item);
  }

  /** Copies the rest of deleted files that are open; resolves when that is done or not possible. */
  finish(): Promise<void> {
    return this.#writer.finish();
  }

  /** Resolves when nothing is being copied any more. */
  async close(): Promise<void> {
    this.#reader.close();
    await this.#writer.close();
  }

  /** Takes over what is in the spool and the state does not know; on a full disk that waits until the next start. */
  #adopt(): void {
    const { state, emit } = this.#options;
    try {
      const { files, segments, strays } = adoptOrphans(state);
      for (const { path, reason } of strays) emit({ name: "spool_stray", path, reason });
      if (segments > 0) emit({ name: "spool_adopted", files, segments });
    } catch (error) {
      emit({ name: "spool_unreadable", path: state.directory, code: errnoName(error) });
    }
  }

  #take(
    known: KnownFile,
    found: {
      readonly segments: StoredSegment[];
      readonly bad: readonly { readonly segment: StoredSegment; readonly reason: string }[];
      readonly size: number;
      readonly fd: number | undefined;
    },
  ): void {
    const { records, names, hot, onReady } = this.#options;
    const { dev, ino, path, checkpoint } = known;
    const { segments, bad, size, fd } = found;
    const head = { length: known.headLength, crc: known.headCrc };
    const file = names.follow(records.create({ dev, ino, path, head, position: checkpoint }));
    file.id = known.id;
    file.presence = "deleted";
    const ends = [...segments, ...bad.map(({ segment }) => segment)].map(({ end }) => end);
    const end = Math.max(checkpoint.offset, ...ends);
    const item: SpooledFile = { file, segments, dropped: [], end, source: fd !== undefined, unpackedTo: 0 };
    this.#items.set(file, item);
    if (fd !== undefined) {
      file.mtimeNs = fstatSync(fd, { bigint: true }).mtimeNs;
      hot.add(file, fd);
      // What is damaged is copied again.
      if (bad.length > 0) this.#copyAnew(item, bad);
    } else {
      for (const { segment, reason } of bad) {
        this.#losses.damaged(item, segment, reason);
        this.#store.discard(segment);
      }
      this.#losses.tail(item, size);
      this.settle();
    }
    if (this.#items.has(file)) onReady(file);
  }

  #copyAnew(item: SpooledFile, bad: readonly { readonly segment: StoredSegment }[]): void {
    for (const { segment } of bad) this.#store.discard(segment);
    for (const segment of item.segments) this.#store.remove(segment);
    item.segments = [];
    item.end = 0;
  }

  #begin(file: TailedFile, size: number): SpooledFile {
    const { records, names } = this.#options;
    const { activeAt } = file;
    records.beginSpool(file, size);
    names.release(file);
    file.dev = SPOOLED_DEVICE;
    file.ino = BigInt(file.id);
    names.follow(file);
    file.activeAt = activeAt;
    const item: SpooledFile = { file, segments: [], dropped: [], end: 0, source: true, unpackedTo: 0 };
    this.#items.set(file, item);
    return item;
  }

  /** The deleted file is closed, and the rest of it is read from the spool. */
  #leaveSource(item: SpooledFile): void {
    const { hot, emit, onReady } = this.#options;
    const { file } = item;
    hot.close(file);
    item.source = false;
    file.presence = "deleted";
    for (const segment of item.dropped) {
      this.#losses.dropped(item, segment);
      this.#store.forget(segment);
    }
    item.dropped = [];
    const kept = item.segments.reduce((sum, { size }) => sum + size, 0);
    emit({ name: "file_spooled", path: file.path, bytes: item.end - file.checkpoint.offset, disk: kept });
    this.settle();
    if (this.#items.has(file)) onReady(file);
  }

  /** Drops the oldest segments, so that so many bytes are free; none where that is not enough. */
  #makeRoom(bytes: number): boolean {
    const room = roomIn(this.#items.values(), bytes);
    for (const { item, segment } of room ?? []) this.#drop(item, segment);
    return room !== undefined;
  }

  #drop(item: SpooledFile, segment: StoredSegment): void {
    item.segments = item.segments.filter((other) => other !== segment);
    if (item.source) {
      // It is still in the file; should the agent end before that is read, the note tells what is lost.
      item.dropped.push(segment);
      return this.#store.empty(segment);
    }
    this.#losses.dropped(item, segment);
    this.#store.remove(segment);
  }

  #damaged(item: SpooledFile, segment: StoredSegment, reason: string): void {
    item.segments = item.segments.filter((other) => other !== segment);
    this.#losses.damaged(item, segment, reason);
    this.#store.remove(segment);
  }
}
