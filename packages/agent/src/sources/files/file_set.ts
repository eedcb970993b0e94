import { fstatSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Chunk } from "../../chunk.ts";
import type { JoinerFor } from "../../lines/multiline/mod.ts";
import type { LineLimits } from "../../lines/pieces.ts";
import type { StateStore, StoredBatch } from "../../state/state_store.ts";
import type { Backlog } from "../../status/report.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { WatchSink } from "../../watch/sink.ts";
import { ChunkQueue } from "./chunk_queue.ts";
import { readAhead } from "./chunk_reader.ts";
import { CompressedForms } from "./compressed.ts";
import { CopyWatch } from "./copy_watch.ts";
import { Discovery, type EntryReason } from "./discovery.ts";
import { EarlierFiles } from "./earlier_files.ts";
import { FileNames } from "./file_names.ts";
import { FileRecords } from "./file_records.ts";
import type { AgentLife, Lookback } from "./first_position.ts";
import { HotFiles, type NamelessFile, TOLD_POLL_MS } from "./hot_files.ts";
import { LinkedFiles } from "./linked_files.ts";
import { MissedForms } from "./missed_forms.ts";
import { OlderFiles } from "./older_files.ts";
import { errnoName, type LogRoots } from "./open_log.ts";
import { PollTimer, shortPollMs, UNTOLD_POLL_MS } from "./poll_timer.ts";
import { ReadyQueue } from "./ready_queue.ts";
import { Refusals } from "./refusals.ts";
import { RewrittenFiles } from "./rewritten_files.ts";
import { SpooledFiles } from "./spooled_files.ts";
import { inodeKey, type TailedFile } from "./tailed_file.ts";
import { VanishedFiles } from "./vanished_files.ts";

export interface FileSetOptions {
  /** Real paths of the directories and files that may be read. */
  readonly roots: LogRoots;
  /** Whether a path is to be shipped. */
  readonly includes: (path: string) => boolean;
  /** Whether a directory is not looked into, and so not watched. */
  readonly prunes: (directory: string) => boolean;
  readonly lookback: Lookback;
  readonly limits: LineLimits;
  /** Where lines are looked at as a whole: the limits for files of a path, and the most of them. */
  readonly held?: { readonly limits: LineLimits; readonly limitsFor: (path: string) => LineLimits } | undefined;
  /** What joins the lines of a file; nothing by default. */
  readonly joinerFor?: JoinerFor;
  /** Whether nothing of a path is to be read before `release` is called; see `ChunkQueue`. */
  readonly waits?: ((path: string, release: () => void) => boolean) | undefined;
  /** Descriptors that may be open at once. */
  readonly maxOpenFiles: number;
  readonly state: StateStore;
  /** Bytes on disk that copies of deleted files may take; none by default. */
  readonly spoolLimit?: number;
  /** The same for what is unpacked of compressed files, what is in the spool included; no limit by default. */
  readonly restoreLimit?: number;
  readonly emit: (event: AgentEvent) => void;
  /** Called when there may be something to read after a time when there was not. */
  readonly onReady: () => void;
  /** Whether a new file stays open for a while although it is empty, since it may have no events yet; by default none does. */
  readonly staysOpen?: (path: string) => boolean;
  /** Inode keys of files that must never be shipped: the agent's own log. */
  readonly excludedInodes?: ReadonlySet<string>;
  /** Monotonic clock, in milliseconds. */
  readonly clock?: () => number;
  /** Wall clock, in milliseconds since the epoch. */
  readonly wallClock?: () => number;
}

/**
 * Every file that is followed: told by the watcher what happens to names, asked by the pump for chunks.
 *
 * What a name is, `Discovery` finds out; which names a file has, `FileNames` knows. A file with something to read is open
 * (`HotFiles`) and in the `ReadyQueue`, from which `ChunkQueue` reads. What becomes of it when its content goes is the matter
 * of `RewrittenFiles` and `VanishedFiles`; `FileRecords` tells the state.
 */
export class FileSet implements WatchSink {
  readonly #state: StateStore;
  readonly #emit: (event: AgentEvent) => void;
  readonly #clock: () => number;
  readonly #refusals: Refusals;
  readonly #records: FileRecords;
  readonly #earlier: EarlierFiles;
  readonly #copies = new CopyWatch();
  readonly #ready: ReadyQueue;
  readonly #timer: PollTimer;
  readonly #names: FileNames;
  readonly #hot: HotFiles;
  readonly #chunks: ChunkQueue;
  readonly #linked: LinkedFiles;
  readonly #vanished: VanishedFiles;
  readonly #spool: SpooledFiles;
  readonly #missed: MissedForms;
  readonly #rewritten: RewrittenFiles;
  readonly #discovery: Discovery;
  #begun = false;
  /** What is still to be read; undefined when something happened since. Counting it anew goes through every file, also the idle ones. */
  #backlog: Backlog | undefined;

  constructor(options: FileSetOptions) {
    const { roots, includes, prunes, lookback, limits, maxOpenFiles, state, emit } = options;
    const { clock = () => performance.now(), wallClock = Date.now, excludedInodes = new Set() } = options;
    this.#state = state;
    this.#emit = emit;
    this.#clock = clock;
    const refusals = new Refusals(emit);
    const records = new FileRecords(state, emit, wallClock);
    const compressed = new CompressedForms(roots);
    const earlier = new EarlierFiles(state.files());
    const copies = this.#copies;
    // Reading begins when the first scan has ended, and what an earlier run had under way was read again.
    const ready = new ReadyQueue(() => {
      if (this.#begun) options.onReady();
    });
    const timer = new PollTimer(() => this.#poll(), clock);
    const onReady = (file: TailedFile): void => this.#enqueue(file);
    const onUntold = (): void => timer.within(shortPollMs(this.#hot.size));
    const hold = (path: string): void => ready.hold(path);
    const release = (path: string): void => ready.release(path);
    const onRewritten = (file: TailedFile): void => {
      if (this.#spool.has(file)) return this.#spool.broken(file);
      this.#rewritten.rewritten(file);
    };
    const onDone = (file: TailedFile): void => this.#forget(file);
    const names = new FileNames({
      includes,
      emit,
      clock,
      onLeft: (file) => this.#hot.left(file),
      onNameless: onUntold,
      mayHaveCopy: (file) => copies.mayHave(file),
      hold,
      release,
    });
    const hot = new HotFiles({
      roots,
      maxOpenFiles,
      clock,
      refusals,
      onReady,
      onRewritten,
      onDone,
      holds: (file) => this.#spool.holds(file),
      onStranded: (file) => (this.#spool.has(file) ? this.#spool.broken(file) : names.waitForName(file)),
      onPollDue: (ms) => timer.within(ms),
    });
    this.#spool = new SpooledFiles({
      state,
      limit: options.spoolLimit ?? 0,
      readAhead: readAhead({ ...limits, ...options.held?.limits }),
      records,
      names,
      hot,
      emit,
      clock,
      hold,
      release,
      onReady,
      onRewritten,
      onDone,
    });
    const linked = new LinkedFiles({
      roots,
      prunes,
      look: (path, file) => this.#discovery.look(path, file, "sweep"),
      onUntold,
    });
    const vanished = new VanishedFiles({
      compressed,
      state,
      limit: () => (options.restoreLimit ?? Number.POSITIVE_INFINITY) - this.#spool.bytes,
      records,
      earlier,
      names,
      hot,
      emit,
      clock,
      wallClock,
      hold,
      release,
      onReady,
      onDone,
    });
    const missed = new MissedForms({
      includes,
      compressed,
      filesOf: (path) => [...names.shippedAs(path), ...vanished.restoringOf(path)],
      otherHeads: (path) => [
        ...earlier.shippedAs(path).map(({ headLength, headCrc }) => ({ length: headLength, crc: headCrc })),
        ...state.finished(path),
      ],
      hold,
      release,
      onForm: (file) => {
        if (names.giveUp(file)) this.#gone(file);
      },
      onMissed: (form, path, head) => vanished.missed(form, path, head),
      onUnreadable: (path, error) =>
        emit({ name: "file_unreadable", path, code: errnoName(error), attempt: "restore" }),
    });
    this.#missed = missed;
    this.#refusals = refusals;
    this.#records = records;
    this.#earlier = earlier;
    this.#ready = ready;
    this.#timer = timer;
    this.#names = names;
    this.#hot = hot;
    this.#linked = linked;
    this.#vanished = vanished;
    const older = new OlderFiles({
      names,
      hot,
      clock,
      meet: (path) => this.#discovery.meet(path, true),
      checkContents: (path) => this.#discovery.checkContents(path),
      onReady,
    });
    this.#chunks = new ChunkQueue({
      limits,
      perPath: { limitsFor: options.held?.limitsFor, joinerFor: options.joinerFor },
      ready,
      hot,
      emit,
      clock,
      wallClock,
      waits: options.waits,
      onFirst: (file) => older.meet(file),
      onReady,
      onRewritten,
      onHead: (file) => records.headRead(file),
      onClosed: (file) => this.#spool.wants(file),
      onUnpackedRead: (file) => this.#spool.unpackedRead(file),
      onHeld: (ms) => timer.within(Math.max(ms, shortPollMs(hot.size))),
    });
    const onReplaced = (file: TailedFile): void => {
      names.release(file);
      this.#gone(file);
    };
    this.#rewritten = new RewrittenFiles({
      roots,
      includes,
      names,
      hot,
      records,
      copies,
      emit,
      clock,
      onReady,
      onNoCopy: (file) => vanished.overwritten(file),
      onShortCopy: (file) => vanished.giveUp(file),
      onReplaced,
    });
    this.#discovery = new Discovery({
      roots,
      includes,
      lookback,
      life: lifeOf(state, wallClock()),
      seenUntil: () => state.aliveBefore(),
      missed,
      maxPart: limits.maxPart,
      excludedInodes,
      names,
      hot,
      linked,
      records,
      earlier,
      copies,
      refusals,
      staysOpen: options.staysOpen,
      emit,
      clock,
      onReady,
      onRewritten,
      onReplaced,
      onEarlierReplaced: (known) => vanished.replacedWhileDown(known),
      onUntold,
    });
  }

  /** Whether something may be still to be read, or not any more, since the backlog was last asked for. */
  get hasChanged(): boolean {
    return this.#backlog === undefined;
  }

  /** What is in the files and was not read yet, as far as they were looked at; the files that are furthest behind come first. */
  backlog(): Backlog {
    this.#backlog ??= this.#backlogNow();
    return this.#backlog;
  }

  #backlogNow(): Backlog {
    const behind: { path: string; unread: number; size: number }[] = [];
    let bytes = 0;
    for (const { path, size, position } of this.#names.all()) {
      const unread = size - position.offset;
      if (unread <= 0) continue;
      bytes += unread;
      behind.push({ path, unread, size });
    }
    return { bytes, files: behind.sort((a, b) => b.unread - a.unread).slice(0, SHOWN_BEHIND) };
  }

  /** Files followed, files open, files that wait to be read, files in the spool and the bytes that they take there. */
  counts(): Record<"files" | "open" | "ready" | "spooled" | "spoolBytes", number> {
    return {
      files: this.#names.size,
      open: this.#hot.size,
      ready: this.#ready.size,
      spooled: this.#spool.size,
      spoolBytes: this.#spool.bytes,
    };
  }

  /** The paths that files are shipped as, also those of an earlier run of which something may be left. */
  paths(): Set<string> {
    const paths = new Set<string>();
    for (const { path } of this.#names.all()) paths.add(path);
    for (const { path } of this.#state.files()) paths.add(path);
    return paths;
  }

  /** True when a file may have something to read. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** A followed file by its id in the state. */
  byId(id: number): TailedFile | undefined {
    return this.#names.byId(id);
  }

  /** Ends the first scan: what was found is written to the state, and reading may begin. */
  scanned(): void {
    // What it finds of earlier files has to get their records before others are noted under their inode numbers.
    this.#discovery.scanned();
    this.#records.scanned();
    for (const known of this.#earlier.gone()) this.#vanished.deletedWhileDown(known);
    this.#missed.scanned();
  }

  /**
   * Goes on with deleted files: those in the spool, and open ones that a set which ends leaves. Their lines since the
   * checkpoint are read again.
   */
  adopt(files: readonly NamelessFile[]): void {
    const spooled = this.#spool.load(files);
    for (const { fd, known } of files) {
      if (spooled.has(known.id)) continue;
      const { path, id, checkpoint } = known;
      // In another state it may be known by what it was in the spool of the last one.
      const { dev, ino, mtimeNs } = fstatSync(fd, { bigint: true });
      this.#earlier.remove(inodeKey(dev, ino));
      const head = { length: known.headLength, crc: known.headCrc };
      const file = this.#names.follow(this.#records.create({ dev, ino, path, head, position: checkpoint }));
      file.id = id;
      file.mtimeNs = mtimeNs;
      file.presence = "deleted";
      this.#hot.add(file, fd);
      this.#enqueue(file);
    }
  }

  /** Makes what batches of an earlier run hold readable at once, for `readAgain`. */
  prepareAgain(batches: readonly StoredBatch[]): Promise<void> {
    return this.#spool.prepare(batches);
  }

  /**
   * Resolves when what batches of an earlier run hold is restored where it was compressed meanwhile, for `readAgain`; or
   * when that takes too long: then it is read in turn, and comes under another id.
   */
  async restored(batches: readonly StoredBatch[]): Promise<void> {
    const ids = new Set(batches.flatMap(({ ranges }) => ranges.map(({ fileId }) => fileId)));
    await Promise.race([this.#vanished.restored(ids), delay(RESTORE_MS, undefined, { ref: false })]);
  }

  /** Everything was read again: reading begins. */
  preparedRead(): void {
    this.#begun = true;
    this.#spool.prepared();
  }

  /**
   * Nothing is read any more, and the set is to be closed.
   * @param copies what is deleted and not acknowledged is copied to the spool first.
   */
  async finish(copies: boolean): Promise<void> {
    if (copies) await this.#spool.finish();
    else await this.#spool.close();
  }

  // --- what the watcher says -------------------------------------------------------------------------------------

  entry(path: string, why: EntryReason): void {
    this.#backlog = undefined;
    const file = this.#names.at(path);
    if (file === undefined) {
      if (this.#refusals.has(path) && why === "changed") return;
      this.#discovery.meet(path, why === "created");
    } else if (why === "changed") this.#hot.changed(file);
    else this.#discovery.look(path, file, why);
  }

  removed(path: string): void {
    this.#backlog = undefined;
    this.#discovery.forget(path);
    const file = this.#names.at(path);
    if (file !== undefined) this.#names.detach(path, file, "deleted");
  }

  renamed(from: string, to: string): void {
    this.#backlog = undefined;
    this.#refusals.forget(from);
    this.#refusals.forget(to);
    for (const path of this.#names.rename(from, to)) this.#discovery.meet(path, true);
  }

  directoryRemoved(): void {
    // Every name that was told in it was taken back before.
  }

  directoryRenamed(from: string, to: string): void {
    for (const name of this.#names.under(from)) this.renamed(name, to + name.slice(from.length));
  }

  overflow(): void {
    this.#emit({ name: "queue_overflow" });
  }

  // --- what the pump asks ----------------------------------------------------------------------------------------

  /** The next chunk, of the file that has waited longest; undefined when nothing can be read now. */
  next(): Chunk | undefined {
    this.#backlog = undefined;
    return this.#chunks.next();
  }

  /**
   * Reads a range of a file again, from the file's position on, as the pieces that it was read as before.
   * @returns undefined when it cannot be read any more.
   */
  readAgain(file: TailedFile, range: { readonly end: number; readonly lineStart: number }): Chunk | undefined {
    return this.#chunks.readAgain(file, range);
  }

  /** Writes the checkpoints that have moved to the state. */
  saveCheckpoints(): void {
    this.#records.saveCheckpoints();
  }

  /** They are in the state for good. */
  checkpointsSaved(): void {
    this.#records.checkpointsSaved();
  }

  /**
   * Closes every file.
   * @param keepNameless leaves those open that have no name any more and are not acknowledged to their end, for
   * `adopt` of the next set.
   */
  close(keepNameless = false): NamelessFile[] {
    this.#timer.stop();
    void this.#spool.close();
    this.#vanished.close();
    this.#missed.close();
    this.#copies.close();
    this.#ready.clear();
    return this.#hot.closeAll(keepNameless);
  }

  // --- what no event tells ---------------------------------------------------------------------------------------

  #poll(): void {
    this.#backlog = undefined;
    const now = this.#clock();
    for (const file of this.#names.nameless(now)) this.#gone(file);
    const look = (original: TailedFile): boolean => {
      this.#names.refresh(original, "deleted");
      this.#discovery.checkContents(original.path);
      return !this.#names.isAwaited(original);
    };
    for (const decided of this.#copies.decided(now, look)) this.#discovery.decided(decided);
    this.#hot.wakeStarved();
    this.#linked.poll(now);
    this.#spool.poll(now);
    const nextMs = this.#hot.poll(now);
    const urgent = this.#copies.size + this.#hot.starvedSize;
    const waiting = this.#names.namelessSize + this.#linked.size + this.#spool.size;
    const otherMs = urgent > 0 ? shortPollMs(this.#hot.size) : waiting > 0 ? BETWEEN_UNTOLD_MS : nextMs;
    this.#timer.every(Math.min(nextMs, otherMs));
  }

  /** A file may have something to read. */
  #enqueue(file: TailedFile): void {
    this.#backlog = undefined;
    this.#timer.within(file.told ? TOLD_POLL_MS : shortPollMs(this.#hot.size));
    this.#ready.add(file);
  }

  /** A file is gone that nobody held open. */
  #gone(file: TailedFile): void {
    if (!this.#rewritten.gone(file)) this.#vanished.deleted(file);
  }

  /** A file was read to its end, or its end is lost; it has no name. */
  #forget(file: TailedFile): void {
    this.#backlog = undefined;
    this.#hot.close(file);
    this.#spool.forget(file);
    this.#names.release(file);
    this.#linked.remove(file);
    this.#records.leave(file);
    this.#emit({ name: "file_closed", path: file.path });
  }
}

/** A poll that comes this often does not come too early for what is looked at every `UNTOLD_POLL_MS`. */
const BETWEEN_UNTOLD_MS = UNTOLD_POLL_MS + 1;

/** How long the start of reading waits for what was compressed, in milliseconds. */
const RESTORE_MS = 10_000;

/**
 * The kernel stamps files with a clock that moves on each tick only, every 1 to 10 ms (`current_time` in fs/inode.c): a file
 * may seem born this much before the moment at which it was.
 */
const TICK_MS = 10;

/** Files that are told of a backlog. */
const SHOWN_BEHIND = 10;

function lifeOf(state: StateStore, now: number): AgentLife {
  const alive = state.lastAlive();
  return { startedAt: now - TICK_MS, lastAlive: alive === undefined ? undefined : alive - TICK_MS };
}
