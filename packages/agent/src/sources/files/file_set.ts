import { type BigIntStats, closeSync, fstatSync, ftruncateSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Chunk } from "../../chunk.ts";
import type { LineLimits } from "../../lines/pieces.ts";
import type { KnownFile, StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { WatchSink } from "../../watch/sink.ts";
import { ChunkReader } from "./chunk_reader.ts";
import { CompressedForms, type GoneLog } from "./compressed.ts";
import { type FoundCopy, findCopy, rotatedFrom } from "./copies.ts";
import { CopyWatch } from "./copy_watch.ts";
import { type AgentLife, endOfFile, endPosition, fromBeginning, type Lookback } from "./first_position.ts";
import { errnoName, isInside, type OpenRefusal, openLog, typeName } from "./open_log.ts";
import {
  BEGINNING,
  EMPTY_HEAD,
  HEAD_BYTES,
  hasAnchor,
  hasHead,
  inodeKey,
  type Presence,
  readHead,
  TailedFile,
} from "./tailed_file.ts";

export interface FileSetOptions {
  /** Real paths of the directories and files that may be read. */
  readonly roots: readonly string[];
  /** Whether a path is to be shipped. */
  readonly includes: (path: string) => boolean;
  readonly lookback: Lookback;
  readonly limits: LineLimits;
  /** Descriptors that may be open at once. */
  readonly maxOpenFiles: number;
  readonly state: StateStore;
  readonly emit: (event: AgentEvent) => void;
  /** Called when there may be something to read after a time when there was not. */
  readonly onReady: () => void;
  /** Inode keys of files that must never be shipped: the agent's own log. */
  readonly excludedInodes?: ReadonlySet<string>;
  /** Monotonic clock, in milliseconds. */
  readonly clock?: () => number;
  /** Wall clock, in milliseconds since the epoch. */
  readonly wallClock?: () => number;
}

/** A quiet file is closed after this time; while it is open it is polled, not waited for. */
const COLD_AFTER_MS = 2000;
/** What a rotated or deleted file holds behind its last newline is shipped when it has been quiet for this time. */
const ROTATION_GRACE_MS = 1000;
/** A deleted file is closed when it has been quiet for this time: its writer may not have noticed yet. */
const DELETED_LINGER_MS = 10_000;
/** Open files are polled at this interval; with many of them less often, which costs less and reads more at a time. */
const POLL_MS = { few: 10, many: 50 } as const;
const FEW_FILES = 32;

/**
 * Every file that is followed, by name and by inode: told by the watcher what happens to names, asked by the pump for
 * chunks. A cold file has no descriptor and wakes by an event; a hot one is open and polled until it is quiet again.
 */
export class FileSet implements WatchSink {
  readonly #options: FileSetOptions;
  readonly #reader: ChunkReader;
  readonly #clock: () => number;
  readonly #wallClock: () => number;
  readonly #life: AgentLife;
  readonly #byPath = new Map<string, TailedFile>();
  readonly #byInode = new Map<string, TailedFile>();
  /** Files of an earlier run that were not met yet. */
  readonly #stored = new Map<string, KnownFile>();
  /** Names that were refused, with the reason, so that each is said once. */
  readonly #refused = new Map<string, string>();
  /** Sizes at the start of files that could not be read then: what was in them before is as old as in any other file. */
  readonly #unreadableSizes = new Map<string, number>();
  readonly #hot = new Set<TailedFile>();
  /** Files whose checkpoint is ahead of the state. */
  readonly #moved = new Set<TailedFile>();
  /** Devices that followed files are on. */
  readonly #devices = new Set<bigint>();
  readonly #copies = new CopyWatch();
  readonly #compressed: CompressedForms;
  /** Ends the reading of compressed files. */
  readonly #closing = new AbortController();
  #ready: TailedFile[] = [];
  #readyFrom = 0;
  #timer: NodeJS.Timeout | undefined;
  #pollMs = 0;
  #scanning = true;
  readonly #unsaved: TailedFile[] = [];

  constructor(options: FileSetOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#wallClock = options.wallClock ?? Date.now;
    this.#reader = new ChunkReader(options.limits, this.#wallClock);
    this.#compressed = new CompressedForms(options.roots);
    this.#life = { startedAt: this.#wallClock(), lastAlive: options.state.lastAlive() };
    for (const file of options.state.files()) this.#stored.set(inodeKey(file.dev, file.ino), file);
  }

  /** Files followed, files open, files that wait to be read. */
  counts(): { readonly files: number; readonly open: number; readonly ready: number } {
    return { files: this.#byInode.size, open: this.#hot.size, ready: this.#ready.length - this.#readyFrom };
  }

  /** True when a file may have something to read. */
  get hasReady(): boolean {
    return this.#readyFrom < this.#ready.length;
  }

  /** A followed file by its id in the state. */
  byId(id: number): TailedFile | undefined {
    for (const file of this.#byInode.values()) if (file.id === id) return file;
    return undefined;
  }

  /** Ends the first scan: what was found is written to the state, and reading may begin. */
  scanned(): void {
    this.#scanning = false;
    this.#options.state.transaction(() => {
      for (const file of this.#unsaved) this.#save(file);
      for (const [key, known] of this.#stored) {
        // A file that is gone while its directory is there will not come back; a missing directory may be mounted later.
        if (!isDirectory(dirname(known.path))) continue;
        this.#stored.delete(key);
        this.#gone(known);
      }
    });
    this.#unsaved.length = 0;
  }

  // --- what the watcher says -------------------------------------------------------------------------------------

  entry(path: string, why: "scan" | "created" | "changed" | "attributes" | "sweep"): void {
    const file = this.#byPath.get(path);
    if (file === undefined) {
      if (this.#copies.has(path)) return;
      if (this.#refused.has(path) && why === "changed") return;
      this.#discover(path, why === "created");
    } else if (why === "changed") this.#wake(file);
    else this.#look(path, file);
  }

  removed(path: string): void {
    this.#refused.delete(path);
    this.#unreadableSizes.delete(path);
    const file = this.#byPath.get(path);
    if (file !== undefined) this.#detach(path, file, "deleted");
  }

  renamed(from: string, to: string): void {
    this.#refused.delete(from);
    this.#refused.delete(to);
    this.#copies.renamed(from, to);
    const replaced = this.#byPath.get(to);
    if (replaced !== undefined) this.#detach(to, replaced, "deleted");
    const file = this.#byPath.get(from);
    if (file === undefined) {
      if (!this.#copies.has(to)) this.#discover(to, true);
      return;
    }
    this.#byPath.delete(from);
    file.names.delete(from);
    this.#attach(to, file);
    if (!this.#isIncluded(file)) this.#leave(file, "rotated");
  }

  directoryRemoved(path: string): void {
    for (const [name, file] of this.#under(path)) this.#detach(name, file, "deleted");
  }

  directoryRenamed(from: string, to: string): void {
    for (const [name] of this.#under(from)) this.renamed(name, to + name.slice(from.length));
  }

  overflow(): void {
    this.#options.emit({ name: "queue_overflow" });
  }

  // --- what the pump asks ----------------------------------------------------------------------------------------

  /**
   * The next chunk, of the file that has waited longest; undefined when nothing can be read now.
   * A file gives one chunk at a time and goes to the end of the queue, so that one backlog does not hold up the others.
   */
  next(): Chunk | undefined {
    for (let file = this.#dequeue(); file !== undefined; file = this.#dequeue()) {
      const chunk = this.#read(file, this.#isComplete(file));
      if (chunk !== undefined) return chunk;
    }
    return undefined;
  }

  /**
   * Reads `[start, end)` of a file again, as the pieces that it was read as before.
   * @returns undefined when the range cannot be read any more.
   */
  readAgain(file: TailedFile, end: number): Chunk | undefined {
    if (!this.#open(file)) return undefined;
    const outcome = this.#reader.read(file, true, end);
    return outcome.kind === "chunk" ? outcome.chunk : undefined;
  }

  /** Writes the checkpoints that have moved to the state. */
  saveCheckpoints(): void {
    const { state } = this.#options;
    for (const { id, head, checkpoint } of this.#moved)
      if (id !== 0) state.saveCheckpoint({ id, headLength: head.length, headCrc: head.crc, checkpoint });
  }

  /** They are in the state for good. */
  checkpointsSaved(): void {
    this.#moved.clear();
  }

  /** Closes every file. */
  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
    this.#copies.close();
    for (const file of this.#hot) file.close();
    this.#hot.clear();
    this.#ready = [];
    this.#readyFrom = 0;
  }

  // --- discovery -------------------------------------------------------------------------------------------------

  /** @param created the name is new for certain. */
  #discover(path: string, created: boolean): void {
    const included = this.#options.includes(path);
    if (!included && !this.#mayBeRotated()) return;
    const target = this.#target(path, included);
    if (target === undefined) return;
    const { realPath, stat } = target;
    // On a device that is known, what is found later came later, such as a directory that was moved here with its
    // files. A device that is new was mounted, with files as old as those that are there at the start.
    const appeared = created || (!this.#scanning && this.#devices.has(stat.dev));
    const key = inodeKey(stat.dev, stat.ino);
    if (this.#options.excludedInodes?.has(key)) return this.#refuse(path, "own_log", { name: "own_log_skipped", path });
    const known = this.#byInode.get(key);
    if (known !== undefined) return this.#alias(path, realPath, known);
    const stored = this.#stored.get(key);
    const original = appeared && stored === undefined ? this.#original(path) : undefined;
    if (!included && original === undefined && (stored === undefined || stored.checkpoint.offset >= Number(stat.size)))
      return;
    const opened = openLog(realPath, this.#options.roots);
    if (!("fd" in opened)) return this.#refuseOpening(path, opened, stat);
    this.#refused.delete(path);
    if (original !== undefined) {
      const { fd, stat: found } = opened;
      this.#copies.add({ path, fd, dev: found.dev, ino: found.ino, original, since: this.#clock() });
      this.#schedule();
      return;
    }
    this.#begin(path, realPath, opened.fd, opened.stat, stored, appeared, included);
  }

  /** Starts following a file that is open and was not followed yet. */
  #begin(
    path: string,
    realPath: string,
    fd: number,
    stat: BigIntStats,
    stored: KnownFile | undefined,
    appeared: boolean,
    included: boolean,
  ): void {
    const { lookback, limits, emit } = this.#options;
    const size = Number(stat.size);
    this.#stored.delete(inodeKey(stat.dev, stat.ino));
    const file = this.#follow({
      dev: stat.dev,
      ino: stat.ino,
      path: stored !== undefined && !included ? stored.path : path,
      head: readHead(fd),
      position: BEGINNING,
    });
    file.fd = fd;
    file.size = size;
    file.mtimeNs = stat.mtimeNs;
    let rewritten = false;
    if (lookback === "none" && !appeared && this.#scanning) {
      file.position = endPosition(fd, size, limits.maxPart);
    } else if (stored !== undefined) {
      file.head = { length: stored.headLength, crc: stored.headCrc };
      file.position = stored.checkpoint;
      rewritten = size < file.position.offset || !hasHead(fd, file.head) || !hasAnchor(fd, file.position);
      file.id = stored.id;
    } else {
      const unreadable = this.#unreadableSizes.get(path);
      const unknown = {
        size,
        bornAt: Number(stat.birthtimeMs),
        changedAt: Number(stat.ctimeMs),
        appeared,
      };
      if (unreadable !== undefined) file.position = endPosition(fd, Math.min(unreadable, size), limits.maxPart);
      else if (!fromBeginning(lookback, unknown, this.#life)) file.position = endPosition(fd, size, limits.maxPart);
    }
    this.#unreadableSizes.delete(path);
    file.checkpoint = file.position;
    this.#attach(path, file);
    if (realPath !== path) this.#attach(realPath, file);
    this.#devices.add(file.dev);
    this.#hot.add(file);
    if (!included) this.#leave(file, "rotated");
    emit({ name: "file_found", path, offset: file.position.offset, size });
    if (rewritten) return this.#rewritten(file);
    if (stored === undefined || lookback === "none") this.#keep(file);
    if (file.position.offset < size) this.#enqueue(file);
    else this.#retire(file);
    file.activeAt = this.#clock();
  }

  /** The real path and the status behind a name; undefined, with the reason said, where there is nothing to follow. */
  #target(path: string, included: boolean): { realPath: string; stat: BigIntStats } | undefined {
    try {
      const stat = lstatSync(path, { bigint: true });
      if (stat.isFile()) return { realPath: path, stat };
      if (!included || stat.isDirectory()) return undefined;
      if (!stat.isSymbolicLink()) {
        this.#refuse(path, "not_regular", { name: "file_not_regular", path, type: typeName(stat) });
        return undefined;
      }
      const realPath = realpathSync(path);
      if (!isInside(realPath, this.#options.roots)) {
        this.#refuse(path, realPath, { name: "link_outside_refused", path, target: realPath });
        return undefined;
      }
      const target = lstatSync(realPath, { bigint: true });
      if (target.isFile()) return { realPath, stat: target };
      // A link to a directory inside a root: what is in it is found under its own name.
      if (!target.isDirectory())
        this.#refuse(path, "not_regular", { name: "file_not_regular", path, type: typeName(target) });
    } catch (error) {
      const code = errnoName(error);
      if (code !== "ENOENT" && code !== "ENOTDIR")
        this.#refuse(path, code, { name: "file_unreadable", path, code, attempt: "look at" });
    }
    return undefined;
  }

  /** Another name of a file that is followed: a hard link, a link, or the new name after a rename that was not seen. */
  #alias(path: string, realPath: string, file: TailedFile): void {
    this.#refused.delete(path);
    this.#attach(path, file);
    if (realPath !== path) this.#attach(realPath, file);
    for (const name of [...file.names]) if (!this.#names(name, file)) this.#detach(name, file, "rotated");
    if (file.presence !== "present" && this.#isIncluded(file)) file.presence = "present";
    this.#wake(file);
  }

  /** The followed file that a new name may be a rotated form of. */
  #original(path: string): TailedFile | undefined {
    const directory = dirname(path);
    for (const name of rotatedFrom(basename(path))) {
      const file = this.#byPath.get(join(directory, name));
      if (file !== undefined && file.head.length > 0) return file;
    }
    return undefined;
  }

  /** Names that are not included matter while they may be rotated forms of files that are. */
  #mayBeRotated(): boolean {
    return this.#stored.size > 0 || this.#byInode.size > 0;
  }

  #refuse(path: string, reason: string, event: AgentEvent): void {
    if (this.#refused.get(path) === reason) return;
    this.#refused.set(path, reason);
    this.#options.emit(event);
  }

  #refuseOpening(path: string, refusal: OpenRefusal, stat: BigIntStats): void {
    switch (refusal.kind) {
      case "missing":
        return;
      case "outside":
        return this.#refuse(path, refusal.realPath, {
          name: "link_outside_refused",
          path,
          target: refusal.realPath,
        });
      case "not_regular":
        return this.#refuse(path, "not_regular", { name: "file_not_regular", path, type: refusal.type });
      case "unreadable":
        if (this.#scanning) this.#unreadableSizes.set(path, Number(stat.size));
        return this.#refuse(path, refusal.code, {
          name: "file_unreadable",
          path,
          code: refusal.code,
          attempt: "open",
        });
    }
  }

  // --- names -----------------------------------------------------------------------------------------------------

  #attach(path: string, file: TailedFile): void {
    const other = this.#byPath.get(path);
    if (other !== undefined && other !== file) this.#detach(path, other, "rotated");
    this.#byPath.set(path, file);
    file.names.add(path);
  }

  /** A name does not refer to a file any more; without any other name the file is rotated or deleted. */
  #detach(path: string, file: TailedFile, presence: Exclude<Presence, "present">): void {
    this.#byPath.delete(path);
    file.names.delete(path);
    if (file.names.size === 0) this.#leave(file, presence);
    else if (!this.#isIncluded(file)) this.#leave(file, "rotated");
  }

  /** A file is not followed as the present one of its name any more: what it still holds is drained. */
  #leave(file: TailedFile, presence: Exclude<Presence, "present">): void {
    if (file.presence === presence) return;
    file.presence = presence;
    file.activeAt = this.#clock();
    if (presence === "rotated") this.#options.emit({ name: "file_rotated", path: file.path, to: [...file.names][0] });
    if (file.fd >= 0 || file.names.size > 0) this.#wake(file);
    else this.#restore(file, () => this.#lost(file));
  }

  #isIncluded(file: TailedFile): boolean {
    for (const name of file.names) if (this.#options.includes(name)) return true;
    return false;
  }

  #under(directory: string): [string, TailedFile][] {
    const prefix = `${directory}/`;
    return [...this.#byPath].filter(([path]) => path.startsWith(prefix));
  }

  /** True when a name refers to a file, now. */
  #names(path: string, file: TailedFile): boolean {
    try {
      const stat = lstatSync(path, { bigint: true });
      if (stat.isSymbolicLink()) return true;
      return stat.ino === file.ino && stat.dev === file.dev;
    } catch {
      return false;
    }
  }

  /** Compares a followed name with what is there now, and wakes the file when it has changed. */
  #look(path: string, file: TailedFile): void {
    let stat: BigIntStats;
    try {
      stat = lstatSync(path, { bigint: true });
      if (stat.isSymbolicLink()) stat = lstatSync(realpathSync(path), { bigint: true });
    } catch (error) {
      if (errnoName(error) === "ENOENT") this.#detach(path, file, "deleted");
      return;
    }
    if (stat.ino !== file.ino || stat.dev !== file.dev) {
      this.#detach(path, file, "rotated");
      this.#discover(path, true);
    } else if (Number(stat.size) !== file.size || stat.mtimeNs !== file.mtimeNs || this.#refused.has(path)) {
      this.#wake(file);
    }
  }

  // --- hot and cold ----------------------------------------------------------------------------------------------

  /** A file may have new bytes: opens it and puts it into the queue. */
  #wake(file: TailedFile): void {
    if (file.fd >= 0) {
      // Many hot files are polled: reading each of them on every event costs five times as much.
      if (this.#hot.size <= FEW_FILES) this.#enqueue(file);
      return;
    }
    if (this.#hot.size < this.#options.maxOpenFiles && !this.#open(file)) return;
    file.activeAt = this.#clock();
    this.#enqueue(file);
  }

  #open(file: TailedFile): boolean {
    if (file.fd >= 0) return true;
    for (const path of [...file.names]) {
      const opened = openLog(path, this.#options.roots);
      if (!("fd" in opened)) {
        if (opened.kind === "unreadable")
          this.#refuse(path, opened.code, { name: "file_unreadable", path, code: opened.code, attempt: "open" });
        else if (opened.kind === "missing") this.#detach(path, file, "deleted");
        continue;
      }
      const { fd, stat } = opened;
      if (stat.ino === file.ino && stat.dev === file.dev) {
        this.#refused.delete(path);
        file.fd = fd;
        file.size = Number(stat.size);
        file.mtimeNs = stat.mtimeNs;
        this.#hot.add(file);
        return true;
      }
      closeSync(fd);
      this.#detach(path, file, "rotated");
      this.#discover(path, true);
    }
    return false;
  }

  #enqueue(file: TailedFile): void {
    this.#schedule();
    if (file.queued) return;
    file.queued = true;
    this.#ready.push(file);
    if (!this.#scanning && this.#ready.length - this.#readyFrom === 1) this.#options.onReady();
  }

  #dequeue(): TailedFile | undefined {
    const file = this.#ready[this.#readyFrom];
    if (file === undefined) {
      this.#ready = [];
      this.#readyFrom = 0;
      return undefined;
    }
    this.#readyFrom += 1;
    if (this.#readyFrom > 1024 && this.#readyFrom * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#readyFrom);
      this.#readyFrom = 0;
    }
    file.queued = false;
    return file;
  }

  #schedule(): void {
    const interval = this.#hot.size <= FEW_FILES ? POLL_MS.few : POLL_MS.many;
    if (this.#timer !== undefined && this.#pollMs === interval) return;
    clearInterval(this.#timer);
    this.#pollMs = interval;
    this.#timer = setInterval(() => this.#poll(), interval);
  }

  /** Looks at every open file; quiet ones become cold, rotated and deleted ones are finished. */
  #poll(): void {
    const now = this.#clock();
    for (const path of this.#copies.decided(now)) this.#discoverDecided(path);
    for (const file of this.#hot) {
      const quiet = now - file.activeAt;
      if (file.queued) this.#notice(file);
      else if (file.presence === "deleted" && quiet > DELETED_LINGER_MS) this.#retire(file);
      else if (file.presence !== "deleted" && quiet > COLD_AFTER_MS && file.pending === 0) this.#retire(file);
      else if (quiet <= COLD_AFTER_MS || file.presence !== "present") this.#enqueue(file);
    }
    if ([...this.#hot].every((file) => this.#rests(file, now)) && this.#copies.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else this.#schedule();
  }

  /** True for a file that is open only because its last line has not ended: an event will wake it. */
  #rests(file: TailedFile, now: number): boolean {
    return file.presence === "present" && !file.queued && now - file.activeAt > COLD_AFTER_MS;
  }

  #discoverDecided(path: string): void {
    if (!this.#options.includes(path)) return;
    const target = this.#target(path, true);
    if (target === undefined || this.#byInode.has(inodeKey(target.stat.dev, target.stat.ino))) return;
    const opened = openLog(target.realPath, this.#options.roots);
    if ("fd" in opened) this.#begin(path, target.realPath, opened.fd, opened.stat, undefined, true, true);
    else this.#refuseOpening(path, opened, target.stat);
  }

  /** A file that waits for delivery is not read, but its truncation must be seen while the copy of it still exists. */
  #notice(file: TailedFile): void {
    if (file.fd < 0 || file.presence !== "present") return;
    const size = Number(fstatSync(file.fd, { bigint: true }).size);
    if (size < file.position.offset) return this.#rewritten(file);
    // The head is what a copy is recognised by, should this be truncated before it is read.
    if (file.head.length < HEAD_BYTES && size > file.head.length && hasHead(file.fd, file.head))
      file.head = readHead(file.fd);
  }

  /** Closes a quiet file after one last read; forgets a deleted one. */
  #retire(file: TailedFile): void {
    if (file.fd >= 0) {
      const stat = fstatSync(file.fd, { bigint: true });
      if (Number(stat.size) !== file.position.offset + file.pending) {
        file.activeAt = this.#clock();
        return this.#enqueue(file);
      }
      file.size = Number(stat.size);
      file.mtimeNs = stat.mtimeNs;
      if (file.pending > 0 && file.presence === "present") return;
    }
    this.#cool(file);
    if (file.presence === "deleted" || file.names.size === 0) this.#forget(file);
  }

  #cool(file: TailedFile): void {
    file.close();
    this.#hot.delete(file);
  }

  #forget(file: TailedFile): void {
    this.#cool(file);
    file.presence = "deleted";
    if (this.#byInode.get(file.key) === file) this.#byInode.delete(file.key);
    for (const name of file.names) this.#byPath.delete(name);
    file.names.clear();
    if (file.inFlight === 0 && file.id !== 0) {
      this.#options.state.removeFile(file.id);
      file.id = 0;
    }
    this.#options.emit({ name: "file_closed", path: file.path });
  }

  // --- reading ---------------------------------------------------------------------------------------------------

  #isComplete(file: TailedFile): boolean {
    return file.presence !== "present" && this.#clock() - file.activeAt > ROTATION_GRACE_MS;
  }

  #read(file: TailedFile, complete: boolean): Chunk | undefined {
    if (!this.#open(file)) return undefined;
    try {
      if (!file.verified) {
        if (!hasHead(file.fd, file.head)) {
          this.#rewritten(file);
          return undefined;
        }
        file.verified = true;
      }
      const outcome = this.#reader.read(file, complete);
      if (outcome.kind === "rewritten") {
        this.#rewritten(file);
        return undefined;
      }
      if (outcome.kind === "nothing") {
        if (outcome.grown) file.activeAt = this.#clock();
        return undefined;
      }
      if (file.head.length < HEAD_BYTES) file.head = readHead(file.fd);
      file.activeAt = this.#clock();
      if (outcome.more) this.#enqueue(file);
      else if (this.#hot.size > this.#options.maxOpenFiles && file.pending === 0) this.#cool(file);
      this.#options.emit({ name: "chunk_read", bytes: outcome.chunk.bytes.length });
      return outcome.chunk;
    } catch (error) {
      const code = errnoName(error);
      this.#refuse(file.path, code, { name: "file_unreadable", path: file.path, code, attempt: "read" });
      this.#cool(file);
      return undefined;
    }
  }

  /**
   * A file was truncated or written anew. Where a copy of the old content exists, the copy becomes the file that was
   * followed so far, with its position and everything on its way, as if it had been renamed; the file itself begins anew.
   */
  #rewritten(file: TailedFile): void {
    const { emit, roots } = this.#options;
    const { dev, ino, fd, position } = file;
    const names = [...file.names];
    const isFollowed = (key: string): boolean => this.#byInode.has(key);
    const copy = this.#copies.take(file) ?? findCopy(file, roots, isFollowed);
    const useful = copy?.reaches === true && !isFollowed(inodeKey(copy.dev, copy.ino));
    emit({
      name: "file_truncated",
      path: file.path,
      offset: position.offset,
      recovered: useful ? copy.path : undefined,
    });
    for (const name of names) {
      this.#byPath.delete(name);
      file.names.delete(name);
    }
    this.#byInode.delete(file.key);
    this.#hot.delete(file);
    file.fd = -1;
    file.verified = false;
    file.presence = "deleted";
    if (useful) this.#becomeCopy(file, copy);
    else if (copy !== undefined) {
      this.#abandon(file);
      this.#followCopy(copy);
    } else this.#restore(file, () => this.#abandon(file));
    const head = fd >= 0 ? readHead(fd) : EMPTY_HEAD;
    const fresh = this.#follow({ dev, ino, path: file.path, head, position: BEGINNING });
    fresh.fd = fd;
    if (fd >= 0) this.#hot.add(fresh);
    for (const name of names) this.#attach(name, fresh);
    this.#keep(fresh);
    this.#enqueue(fresh);
  }

  #becomeCopy(file: TailedFile, copy: FoundCopy): void {
    file.dev = copy.dev;
    file.ino = copy.ino;
    file.fd = copy.fd;
    file.size = copy.size;
    file.pending = 0;
    file.presence = "rotated";
    file.activeAt = this.#clock();
    if (file.id !== 0) this.#options.state.moveFile(file.id, copy.dev, copy.ino);
    this.#byInode.set(file.key, file);
    this.#attach(copy.path, file);
    this.#hot.add(file);
    this.#enqueue(file);
  }

  /** What was read of a file is acknowledged to nobody any more. */
  #abandon(file: TailedFile): void {
    if (file.id !== 0) this.#options.state.removeFile(file.id);
    file.id = 0;
  }

  /** Deleted while nobody held it open. */
  #lost(file: TailedFile): void {
    const unread = file.size - file.position.offset;
    if (unread > 0) this.#options.emit({ name: "file_lost_unread", path: file.path, bytes: unread });
    this.#forget(file);
  }

  /** A file of an earlier run that is not there any more. */
  #gone(known: KnownFile): void {
    const { dev, ino, path, checkpoint, id } = known;
    const head = { length: known.headLength, crc: known.headCrc };
    const file = new TailedFile({
      dev,
      ino,
      path,
      head,
      position: checkpoint,
      onAcknowledged: (acknowledged) => this.#acknowledged(acknowledged),
    });
    file.id = id;
    file.presence = "deleted";
    this.#restore(file, () => {
      this.#abandon(file);
      this.#options.emit({ name: "file_gone_while_down", path });
    });
  }

  /**
   * Looks for what a file held behind its position in compressed forms of it, which a rotation may have made before it
   * was read: meanwhile, and when it is found, the file has no name and is known by the inode of what is found.
   */
  #restore(file: TailedFile, onNothing: () => void): void {
    const { state, emit } = this.#options;
    const { head, position } = file;
    const log = { paths: new Set([file.path, ...file.names]), head, position };
    if (this.#closing.signal.aborted || !this.#compressed.mayExist(log)) return onNothing();
    let fd = -1;
    try {
      fd = state.scratchFile();
      const { dev, ino } = fstatSync(fd, { bigint: true });
      if (file.id !== 0) state.moveFile(file.id, dev, ino);
      if (this.#byInode.get(file.key) === file) this.#byInode.delete(file.key);
      file.dev = dev;
      file.ino = ino;
    } catch (error) {
      if (fd >= 0) closeSync(fd);
      emit({ name: "file_unreadable", path: file.path, code: errnoName(error), attempt: "restore" });
      return onNothing();
    }
    void this.#fill(file, log, fd).then((restored) => {
      if (restored) return;
      closeSync(fd);
      if (!this.#closing.signal.aborted) onNothing();
    });
  }

  async #fill(file: TailedFile, log: GoneLog, fd: number): Promise<boolean> {
    const { state, emit } = this.#options;
    const { signal } = this.#closing;
    const { path } = file;
    try {
      const found = await this.#compressed.restore(log, fd, state.scratchRoom(), signal);
      if (found === undefined || signal.aborted) return false;
      ftruncateSync(fd, found.size);
      emit({ name: "file_restored", path, from: found.path, bytes: found.size - log.position.offset });
      file.fd = fd;
      file.verified = true;
      file.size = found.size;
      file.activeAt = this.#clock();
      this.#byInode.set(file.key, file);
      this.#hot.add(file);
      this.#enqueue(file);
      return true;
    } catch (error) {
      if (!signal.aborted) emit({ name: "file_unreadable", path, code: errnoName(error), attempt: "restore" });
      return false;
    }
  }

  /** Follows a copy that holds nothing new from its end on, so that it is known whenever it is met. */
  #followCopy(copy: FoundCopy): void {
    const { fd, path, dev, ino, size } = copy;
    if (!this.#options.includes(path) || this.#byInode.has(inodeKey(dev, ino))) return closeSync(fd);
    const position = endOfFile(fd, size);
    const file = this.#follow({ dev, ino, path, head: readHead(fd), position });
    file.fd = fd;
    file.size = size;
    this.#attach(path, file);
    this.#hot.add(file);
    this.#keep(file);
  }

  #follow(init: Omit<ConstructorParameters<typeof TailedFile>[0], "onAcknowledged">): TailedFile {
    const file = new TailedFile({ ...init, onAcknowledged: (acknowledged) => this.#acknowledged(acknowledged) });
    file.activeAt = this.#clock();
    this.#byInode.set(file.key, file);
    return file;
  }

  // --- state -----------------------------------------------------------------------------------------------------

  #keep(file: TailedFile): void {
    if (this.#scanning) this.#unsaved.push(file);
    else this.#save(file);
  }

  #save(file: TailedFile): void {
    file.id = this.#options.state.addFile(stored(file));
  }

  #acknowledged(file: TailedFile): void {
    if (file.id === 0) return;
    this.#moved.add(file);
    if (file.presence === "deleted" && file.fd < 0 && file.inFlight === 0) this.#forget(file);
  }
}

function stored(file: TailedFile): Omit<KnownFile, "id"> {
  return {
    dev: file.dev,
    ino: file.ino,
    path: file.path,
    headLength: file.head.length,
    headCrc: file.head.crc,
    checkpoint: file.checkpoint,
  };
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}
