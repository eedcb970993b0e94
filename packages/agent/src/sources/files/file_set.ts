import {
  accessSync,
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  realpathSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Chunk } from "../../chunk.ts";
import type { LineLimits } from "../../lines/pieces.ts";
import type { KnownFile, NewFile, StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { WatchSink } from "../../watch/sink.ts";
import { ChunkReader } from "./chunk_reader.ts";
import { CompressedForms, type GoneLog } from "./compressed.ts";
import { type FoundCopy, findCopy, isRotationOf, rotatedFrom } from "./copies.ts";
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
  /** Whether a directory is not looked into, and so not watched. */
  readonly prunes: (directory: string) => boolean;
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

/** An open file that has no name any more, and what the state knows of it. */
export interface NamelessFile {
  readonly fd: number;
  readonly known: KnownFile;
}

type EntryReason = Parameters<WatchSink["entry"]>[1];

/** A file that is to be followed. */
interface FoundFile {
  readonly path: string;
  readonly realPath: string;
  readonly fd: number;
  readonly stat: BigIntStats;
  readonly stored: KnownFile | undefined;
  /** It came under the eyes of the agent. */
  readonly appeared: boolean;
  /** For a rotated file that was never met under its own name: that name. */
  readonly shipsAs?: string | undefined;
}

/** A quiet file is closed after this time; while it is open it is polled, not waited for. */
const COLD_AFTER_MS = 2000;
/** What a rotated or deleted file holds behind its last newline is shipped when it has been quiet for this time. */
const ROTATION_GRACE_MS = 1000;
/** A deleted file is closed when it has been quiet for this time: its writer may not have noticed yet. */
const DELETED_LINGER_MS = 10_000;
/** How long a closed file without a name is waited for; a sweep meets a renamed file within this. */
const NAMELESS_MS = 2000;
/** Files that no event tells of are looked at this often. */
const LINKED_POLL_MS = 250;
/** How long the checkpoint of a file is kept that is not found where it was. */
const MISSING_MS = 7 * 86_400_000;
/** Copies that may be held open at once while it is not known what they are. */
const MAX_SUSPECTS = 64;
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
  /** Cold files without a name: one may be met under another name yet, when events were lost or lag behind. */
  readonly #nameless = new Set<TailedFile>();
  /** Files that could not be opened because too many are. */
  readonly #starved = new Set<TailedFile>();
  /** Names met in the first scan that may be files nobody looked at; each may yet turn out to be a copy. */
  #missed: string[] = [];
  /** Files that are reached through a link into a directory that is not watched. */
  readonly #linked = new Set<TailedFile>();
  #linkedLookedAt = 0;
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
    this.#write("note the files", () =>
      this.#options.state.transaction(() => {
        for (const file of this.#unsaved) file.id = this.#options.state.addFile(stored(file));
      }),
    );
    this.#unsaved.length = 0;
    const missed = this.#missed;
    this.#missed = [];
    for (const path of missed) if (!this.#byPath.has(path)) this.#discoverMissed(path, false);
    for (const [key, known] of this.#stored) {
      if (!isGone(known)) continue;
      // It may be on a file system that is not mounted yet: what is known of it is kept for a while.
      if (known.missingSince === 0) this.#gone(known);
      else if (this.#wallClock() - known.missingSince > MISSING_MS) {
        this.#stored.delete(key);
        this.#write("forget a file", () => this.#options.state.removeFile(known.id));
      }
    }
  }

  /** Takes over open files without a name from a set that ends; their lines since the checkpoint are read again. */
  adopt(files: readonly NamelessFile[]): void {
    for (const { fd, known } of files) {
      const { dev, ino, path, id, checkpoint } = known;
      this.#stored.delete(inodeKey(dev, ino));
      const head = { length: known.headLength, crc: known.headCrc };
      const file = this.#follow({ dev, ino, path, head, position: checkpoint });
      file.id = id;
      file.fd = fd;
      file.presence = "deleted";
      this.#hot.add(file);
      this.#enqueue(file);
    }
  }

  // --- what the watcher says -------------------------------------------------------------------------------------

  entry(path: string, why: EntryReason): void {
    const file = this.#byPath.get(path);
    if (file === undefined) {
      if (this.#refused.has(path) && why === "changed") return;
      this.#discover(path, why === "created");
    } else if (why === "changed") this.#wake(file);
    else this.#look(path, file, why);
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
    const file = this.#byPath.get(from);
    const replaced = this.#byPath.get(to);
    if (replaced !== undefined && replaced !== file) this.#detach(to, replaced, "deleted");
    if (file === undefined) this.#discover(to, true);
    else if (this.#names(to, file)) {
      this.#byPath.delete(from);
      file.names.delete(from);
      this.#attach(to, file);
      if (!this.#isIncluded(file)) this.#leave(file, "rotated");
    } else {
      // The disk is ahead of this event: both names are met as they are now.
      this.#detach(from, file, "rotated");
      this.#discover(to, true);
      this.#discover(from, true);
    }
  }

  directoryRemoved(): void {
    // Every name that was told in it was taken back before.
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
      const chunk = this.#read(file);
      if (chunk !== undefined) return chunk;
    }
    return undefined;
  }

  /**
   * Reads a range of a file again, from the file's position on, as the pieces that it was read as before.
   * @returns undefined when it cannot be read any more.
   */
  readAgain(file: TailedFile, range: { readonly end: number; readonly lineStart: number }): Chunk | undefined {
    if (!this.#open(file)) return undefined;
    try {
      const outcome = this.#reader.readAgain(file, range.end, range.lineStart);
      if (outcome.kind !== "chunk") return undefined;
      this.#options.emit({ name: "chunk_read", bytes: outcome.chunk.bytes.length });
      return outcome.chunk;
    } catch (error) {
      this.#unreadable(file, error);
      return undefined;
    }
  }

  /** Writes the checkpoints that have moved to the state. */
  saveCheckpoints(): void {
    const { state } = this.#options;
    for (const file of this.#moved) {
      const { id, head, checkpoint } = file;
      if (id !== 0) state.saveCheckpoint({ id, headLength: head.length, headCrc: head.crc, checkpoint });
      // It could not be noted when it was found.
      else if (!file.abandoned) file.id = state.addFile(stored(file));
    }
  }

  /** They are in the state for good. */
  checkpointsSaved(): void {
    this.#moved.clear();
  }

  /**
   * Closes every file.
   * @param keepNameless leaves those open that have no name any more and are not acknowledged to their end, for
   * `adopt` of the next set.
   */
  close(keepNameless = false): NamelessFile[] {
    clearInterval(this.#timer);
    this.#closing.abort();
    this.#copies.close();
    const kept: NamelessFile[] = [];
    for (const file of this.#hot) {
      if (keepNameless && file.id !== 0 && file.names.size === 0 && hasMore(file)) {
        kept.push({ fd: file.fd, known: { ...stored(file), id: file.id, missingSince: 0 } });
        file.fd = -1;
      } else file.close();
    }
    this.#hot.clear();
    this.#ready = [];
    this.#readyFrom = 0;
    return kept;
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
    // files. A device that is new was mounted, with files as old as those that are there at the start; likewise what
    // could not be read at the start.
    const appeared = !this.#unreadableSizes.has(path) && (created || (!this.#scanning && this.#devices.has(stat.dev)));
    const key = inodeKey(stat.dev, stat.ino);
    if (this.#options.excludedInodes?.has(key)) return this.#refuse(path, "own_log", { name: "own_log_skipped", path });
    const known = this.#byInode.get(key);
    if (known !== undefined) return this.#alias(path, realPath, known);
    if (this.#copies.meets(key, path)) return;
    const stored = this.#stored.get(key);
    // Known under this very name and not to be shipped: the rules have changed, and may change back.
    if (!included && stored?.path === path) return;
    const original = appeared && stored === undefined ? this.#original(path) : undefined;
    if (!included && original === undefined && stored === undefined) {
      if (this.#missedAs(path, stat, appeared) === undefined) return;
      if (this.#scanning) this.#missed.push(path);
      else this.#discoverMissed(path, appeared);
      return;
    }
    const opened = openLog(realPath, this.#options.roots);
    if (!("fd" in opened)) return this.#refuseOpening(path, opened, stat);
    this.#refused.delete(path);
    if (original !== undefined && this.#copies.size < MAX_SUSPECTS) {
      const { fd, stat: found } = opened;
      this.#copies.add({ path, fd, dev: found.dev, ino: found.ino, original, since: this.#clock() });
      this.#schedule();
      return;
    }
    if (!included && stored === undefined) return closeSync(opened.fd);
    this.#begin({ path, realPath, fd: opened.fd, stat: opened.stat, stored, appeared });
  }

  /** Follows, from its start, a rotated file that was never met under its own name. */
  #discoverMissed(path: string, appeared: boolean): void {
    const target = this.#target(path, true);
    if (target === undefined || this.#byInode.has(inodeKey(target.stat.dev, target.stat.ino))) return;
    const shipsAs = this.#missedAs(path, target.stat, appeared);
    const opened = openLog(target.realPath, this.#options.roots);
    if (!("fd" in opened)) return this.#refuseOpening(path, opened, target.stat);
    if (shipsAs === undefined) return closeSync(opened.fd);
    const { fd, stat } = opened;
    this.#begin({ path, realPath: target.realPath, fd, stat, stored: undefined, appeared, shipsAs });
  }

  /**
   * The name that a file had while nobody looked: it is called like a rotated form of a file that the rules include, by a
   * number or a date, and is younger than the last moment at which the agent is known to have looked.
   */
  #missedAs(path: string, stat: BigIntStats, appeared: boolean): string | undefined {
    const { lastAlive } = this.#life;
    const born = Number(stat.birthtimeMs) || Number(stat.ctimeMs);
    if (!appeared && (lastAlive === undefined || born <= lastAlive)) return undefined;
    const directory = dirname(path);
    const name = basename(path);
    return rotatedFrom(name)
      .filter((original) => isRotationOf(name, original))
      .map((original) => join(directory, original))
      .find((original) => this.#options.includes(original));
  }

  /** Starts following a file that is open and was not followed yet. */
  #begin(found: FoundFile): void {
    const { path, realPath, fd, stat, stored, appeared } = found;
    const { lookback, limits, emit } = this.#options;
    const size = Number(stat.size);
    this.#stored.delete(inodeKey(stat.dev, stat.ino));
    const file = this.#follow({
      dev: stat.dev,
      ino: stat.ino,
      path: this.#options.includes(path) ? path : (stored?.path ?? found.shipsAs ?? path),
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
      if (stored.missingSince > 0) this.#moved.add(file);
    } else {
      const unreadable = this.#unreadableSizes.get(path);
      const unknown = {
        size,
        bornAt: Number(stat.birthtimeMs),
        changedAt: Number(stat.ctimeMs),
        appeared,
      };
      // What could not be read at the start is as old as in any other file; what came since then is new.
      const old = Math.min(unreadable ?? size, size);
      if (found.shipsAs === undefined && !fromBeginning(lookback, unknown, this.#life))
        file.position = endPosition(fd, old, limits.maxPart);
    }
    this.#unreadableSizes.delete(path);
    file.checkpoint = file.position;
    this.#attach(path, file);
    if (realPath !== path) this.#attach(realPath, file);
    this.#devices.add(file.dev);
    this.#hot.add(file);
    if (realPath !== path && !this.#isWatched(realPath)) {
      this.#linked.add(file);
      this.#schedule();
    }
    if (!this.#isIncluded(file)) this.#leave(file, "rotated");
    emit({ name: "file_found", path, offset: file.position.offset, size });
    if (rewritten) return this.#rewritten(file);
    if (stored === undefined || lookback === "none") this.#keep(file);
    if (file.position.offset < size) {
      // It waits closed where many do: it is opened again for reading.
      if (this.#hot.size > this.#options.maxOpenFiles && file.presence === "present") this.#cool(file);
      this.#enqueue(file);
    } else this.#retire(file);
    file.activeAt = this.#clock();
    file.grownAt = file.activeAt;
  }

  /** Whether events tell of changes in the directory of a file. */
  #isWatched(realPath: string): boolean {
    const { prunes, roots } = this.#options;
    for (let directory = dirname(realPath); isInside(directory, roots); directory = dirname(directory)) {
      if (prunes(directory)) return false;
      if (roots.includes(directory)) break;
    }
    return true;
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
    if (!this.#isIncluded(file)) this.#leave(file, "rotated");
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
    return this.#stored.size > 0 || this.#byInode.size > 0 || this.#life.lastAlive !== undefined;
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
        if (this.#scanning && refusal.code !== "EMFILE" && refusal.code !== "ENFILE")
          this.#unreadableSizes.set(path, Number(stat.size));
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
    this.#nameless.delete(file);
    if (file.presence !== "present" && this.#options.includes(path)) file.presence = "present";
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
    if (file.presence === presence && file.names.size > 0) return;
    if (presence === "rotated" && file.presence === "present")
      this.#options.emit({ name: "file_rotated", path: file.path, to: [...file.names][0] });
    file.presence = presence;
    file.activeAt = this.#clock();
    file.grownAt = file.activeAt;
    if (file.fd >= 0 || file.names.size > 0) return this.#wake(file);
    file.presence = "deleted";
    this.#nameless.add(file);
    this.#schedule();
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
  #look(path: string, file: TailedFile, why: EntryReason): void {
    let stat: BigIntStats;
    try {
      stat = lstatSync(path, { bigint: true });
      if (stat.isSymbolicLink()) stat = lstatSync(realpathSync(path), { bigint: true });
    } catch (error) {
      if (errnoName(error) === "ENOENT") this.#detach(path, file, "deleted");
      return;
    }
    if (stat.ino !== file.ino || stat.dev !== file.dev) {
      // Of changed attributes an event may tell before the one that tells of the rename.
      if (why === "attributes") return;
      this.#detach(path, file, "rotated");
      this.#discover(path, true);
    } else if (Number(stat.size) !== file.size || stat.mtimeNs !== file.mtimeNs || this.#refused.has(path)) {
      this.#wake(file);
    }
  }

  // --- hot and cold ----------------------------------------------------------------------------------------------

  /** A file may have new bytes: opens it and puts it into the queue. */
  #wake(file: TailedFile): void {
    const now = this.#clock();
    if (file.fd >= 0) {
      // Many hot files are polled, unless they rest: reading each of them on every event costs five times as much.
      if (this.#hot.size > FEW_FILES && now - file.activeAt <= COLD_AFTER_MS) return;
      file.activeAt = now;
      return this.#enqueue(file);
    }
    if (this.#hot.size < this.#options.maxOpenFiles && !this.#open(file)) return;
    file.activeAt = now;
    this.#enqueue(file);
  }

  /**
   * Opens a cold file. A name that is gone or means another file is left as it is: the event that tells of it is on its
   * way, or a sweep is.
   */
  #open(file: TailedFile): boolean {
    if (file.fd >= 0) return true;
    for (const path of file.names) {
      const opened = openLog(path, this.#options.roots);
      if (!("fd" in opened)) {
        if (opened.kind === "unreadable") this.#unreadable(file, opened.code, path);
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
    }
    return false;
  }

  /** Too many open files is no property of a file: it waits its turn. Everything else is said once. */
  #unreadable(file: TailedFile, error: unknown, path = file.path): void {
    const code = typeof error === "string" ? error : errnoName(error);
    if (code !== "EMFILE" && code !== "ENFILE")
      this.#refuse(path, code, { name: "file_unreadable", path, code, attempt: file.fd >= 0 ? "read" : "open" });
    else this.#starved.add(file);
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
    const idle = this.#hot.size === 0 && this.#copies.size === 0;
    const interval = idle ? LINKED_POLL_MS : this.#hot.size <= FEW_FILES ? POLL_MS.few : POLL_MS.many;
    if (this.#timer !== undefined && this.#pollMs === interval) return;
    clearInterval(this.#timer);
    this.#pollMs = interval;
    this.#timer = setInterval(() => this.#poll(), interval);
  }

  /** Looks at every open file; quiet ones become cold, rotated and deleted ones are finished. */
  #poll(): void {
    const now = this.#clock();
    for (const { path, differs } of this.#copies.decided(now)) this.#discoverDecided(path, differs);
    let woken = 0;
    for (const file of this.#starved) {
      this.#starved.delete(file);
      this.#wake(file);
      woken += 1;
      if (woken === FEW_FILES) break;
    }
    for (const file of this.#nameless) {
      if (now - file.activeAt <= NAMELESS_MS) continue;
      this.#nameless.delete(file);
      this.#restore(file, () => this.#lost(file));
    }
    if (now - this.#linkedLookedAt > LINKED_POLL_MS) {
      this.#linkedLookedAt = now;
      for (const file of this.#linked) this.#lookAtLinked(file);
    }
    for (const file of this.#hot) {
      try {
        this.#pollOne(file, now);
      } catch (error) {
        this.#unreadable(file, error);
        this.#cool(file);
      }
    }
    const rests = [...this.#hot].every((file) => this.#rests(file, now));
    const waited = this.#copies.size + this.#nameless.size + this.#linked.size + this.#starved.size;
    if (rests && waited === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else this.#schedule();
  }

  #pollOne(file: TailedFile, now: number): void {
    const quiet = now - file.activeAt;
    if (file.queued) this.#notice(file);
    else if (file.presence === "deleted" && quiet > DELETED_LINGER_MS) this.#retire(file);
    else if (file.presence !== "deleted" && quiet > COLD_AFTER_MS && file.pending === 0) this.#retire(file);
    else if (quiet <= COLD_AFTER_MS || file.presence !== "present") this.#enqueue(file);
  }

  /** No event tells of this file. */
  #lookAtLinked(file: TailedFile): void {
    if (file.names.size === 0) this.#linked.delete(file);
    else if (file.fd < 0) for (const path of [...file.names]) this.#look(path, file, "sweep");
  }

  /** True for a file that is open only because its last line has not ended: an event will wake it. */
  #rests(file: TailedFile, now: number): boolean {
    return file.presence === "present" && !file.queued && now - file.activeAt > COLD_AFTER_MS;
  }

  /** A file that was held as a possible copy and is none, or never became one. */
  #discoverDecided(path: string, differs: boolean): void {
    if (!this.#options.includes(path)) {
      if (differs) this.#discoverMissed(path, true);
      return;
    }
    const target = this.#target(path, true);
    if (target === undefined || this.#byInode.has(inodeKey(target.stat.dev, target.stat.ino))) return;
    const opened = openLog(target.realPath, this.#options.roots);
    if (!("fd" in opened)) return this.#refuseOpening(path, opened, target.stat);
    const { fd, stat } = opened;
    this.#begin({ path, realPath: target.realPath, fd, stat, stored: undefined, appeared: true });
  }

  /** A file that waits for delivery is not read, but its truncation must be seen while the copy of it still exists. */
  #notice(file: TailedFile): void {
    if (file.fd < 0) return;
    const size = Number(fstatSync(file.fd, { bigint: true }).size);
    if (size !== file.size) {
      file.size = size;
      file.grownAt = this.#clock();
    }
    if (file.presence !== "present") return;
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
      // Held open, so that the rest is not lost should the file be deleted before its last line ends.
      const many = this.#hot.size > this.#options.maxOpenFiles;
      if (file.pending > 0 && file.presence === "present" && !many) return;
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
    this.#linked.delete(file);
    // Also while lines of it are on their way: nobody could read them again, and its inode may be another file's soon.
    this.#abandon(file);
    this.#options.emit({ name: "file_closed", path: file.path });
  }

  // --- reading ---------------------------------------------------------------------------------------------------

  /** A file that nobody adds to any more: what follows its last newline is a line. */
  #isComplete(file: TailedFile): boolean {
    if (file.presence === "present" || file.fd < 0) return false;
    const size = Number(fstatSync(file.fd, { bigint: true }).size);
    const now = this.#clock();
    if (size !== file.size) {
      file.size = size;
      file.grownAt = now;
    }
    return now - file.grownAt > ROTATION_GRACE_MS;
  }

  #read(file: TailedFile): Chunk | undefined {
    if (!this.#open(file)) return undefined;
    try {
      const complete = this.#isComplete(file);
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
      else if (this.#hot.size > this.#options.maxOpenFiles && file.presence === "present") this.#cool(file);
      this.#options.emit({ name: "chunk_read", bytes: outcome.chunk.bytes.length });
      return outcome.chunk;
    } catch (error) {
      this.#unreadable(file, error);
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
    file.grownAt = file.activeAt;
    if (file.id !== 0) this.#write("note a copy", () => this.#options.state.moveFile(file.id, copy.dev, copy.ino));
    this.#byInode.set(file.key, file);
    this.#attach(copy.path, file);
    this.#hot.add(file);
    this.#enqueue(file);
  }

  /** What was read of a file is acknowledged to nobody any more. */
  #abandon(file: TailedFile): void {
    const { id } = file;
    file.id = 0;
    file.abandoned = true;
    if (id !== 0) this.#write("forget a file", () => this.#options.state.removeFile(id));
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
    this.#stored.delete(inodeKey(dev, ino));
    this.#restore(file, () => {
      const { state, emit } = this.#options;
      const missingSince = this.#wallClock();
      this.#write("note a missing file", () => {
        if (file.ino !== ino || file.dev !== dev) state.moveFile(id, dev, ino);
        state.setMissing(id, missingSince);
      });
      this.#stored.set(inodeKey(dev, ino), { ...known, missingSince });
      emit({ name: "file_gone_while_down", path });
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
      file.grownAt = file.activeAt;
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
    else
      this.#write("note a file", () => {
        file.id = this.#options.state.addFile(stored(file));
      });
  }

  #acknowledged(file: TailedFile): void {
    if (!file.abandoned) this.#moved.add(file);
  }

  /** State that cannot be written costs repeats after a crash and nothing else: reading goes on. */
  #write(attempt: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#options.emit({ name: "checkpoint_failed", attempt, reason: error instanceof Error ? error.message : "" });
    }
  }
}

function stored(file: TailedFile): NewFile {
  return {
    dev: file.dev,
    ino: file.ino,
    path: file.path,
    headLength: file.head.length,
    headCrc: file.head.crc,
    checkpoint: file.checkpoint,
  };
}

/** Whether the file has bytes that are not acknowledged. */
function hasMore(file: TailedFile): boolean {
  try {
    return Number(fstatSync(file.fd, { bigint: true }).size) > file.checkpoint.offset;
  } catch {
    return false;
  }
}

/**
 * Whether a file of an earlier run will not come back: its directory is there, on the device where the file was, can be
 * listed, and has another file or none under the name. What cannot be told now may be readable or mounted later.
 */
function isGone(known: KnownFile): boolean {
  const directory = dirname(known.path);
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
    if (lstatSync(directory, { bigint: true }).dev !== known.dev) return false;
  } catch {
    return false;
  }
  try {
    const stat = lstatSync(known.path, { bigint: true });
    return !stat.isSymbolicLink() && (stat.ino !== known.ino || stat.dev !== known.dev);
  } catch (error) {
    return errnoName(error) === "ENOENT";
  }
}
