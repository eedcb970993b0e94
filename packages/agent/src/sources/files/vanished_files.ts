import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync } from "node:fs";
import { dirname } from "node:path";
import type { KnownFile, StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { CompressedForms, GoneLog } from "./compressed.ts";
import { type EarlierFiles, RESTORED_DEVICE } from "./earlier_files.ts";
import type { FileNames } from "./file_names.ts";
import type { FileRecords } from "./file_records.ts";
import type { HotFiles } from "./hot_files.ts";
import { errnoName } from "./open_log.ts";
import { RestoreSlots } from "./restore_slots.ts";
import { ScratchBudget } from "./scratch_budget.ts";
import { BEGINNING, type Head, inodeKey, type TailedFile } from "./tailed_file.ts";

interface VanishedFilesOptions {
  readonly compressed: CompressedForms;
  readonly state: Pick<StateStore, "moveFile" | "scratchFile" | "freeBytes">;
  /** Bytes on disk that what is unpacked may take. */
  readonly limit: () => number;
  readonly records: FileRecords;
  readonly earlier: EarlierFiles;
  readonly names: FileNames;
  readonly hot: HotFiles;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** Wall clock, in milliseconds since the epoch. */
  readonly wallClock: () => number;
  /** Nothing of a path is to be read until it is released: what comes first of it is being looked for. */
  readonly hold: (path: string) => void;
  readonly release: (path: string) => void;
  /** A file may have something to read. */
  readonly onReady: (file: TailedFile) => void;
  /** Nothing is left of a file. */
  readonly onDone: (file: TailedFile) => void;
}

/** How long a log waits for its older lines while those of other logs are unpacked before them, in milliseconds. */
const HOLD_MS = 10_000;
/** How long the checkpoint of a file is kept that is not found where it was. */
const MISSING_MS = 7 * 86_400_000;
/** A clock that shows an earlier time is not set yet, as at the start of a machine without a battery. */
const CLOCK_IS_SET = Date.UTC(2024, 0);

/**
 * Files that vanished, or whose content did, before they were read to their end: the rest is restored from compressed
 * forms where there are such, and is counted as lost otherwise.
 */
export class VanishedFiles {
  readonly #options: VanishedFilesOptions;
  /** Ends the reading of compressed files. */
  readonly #closing = new AbortController();
  readonly #restoring = new Map<TailedFile, Promise<void>>();
  readonly #slots = new RestoreSlots();
  readonly #budget: ScratchBudget;

  constructor(options: VanishedFilesOptions) {
    this.#options = options;
    const { limit, state } = options;
    this.#budget = new ScratchBudget({ limit, free: () => state.freeBytes() });
  }

  /** A file was deleted while nobody held it open. */
  deleted(file: TailedFile): void {
    this.#restore(file, () => {
      this.#lose(file);
      this.#options.onDone(file);
    });
  }

  /** What a file held was written over, and no copy of it has what was not read. */
  overwritten(file: TailedFile): void {
    this.#restore(file, () => this.giveUp(file));
  }

  /** What a file held was written over, and all that was kept of it was read before. */
  giveUp(file: TailedFile): void {
    this.#lose(file);
    this.#options.records.leave(file);
  }

  /** A file of an earlier run is not there any more. */
  deletedWhileDown(known: KnownFile): void {
    const { records, earlier, emit, wallClock } = this.#options;
    const { dev, ino, path } = known;
    const key = inodeKey(dev, ino);
    if (known.missingSince > 0) {
      // It may be on a file system that is not mounted yet: what is known of it is kept for a while.
      const now = wallClock();
      if (known.missingSince < CLOCK_IS_SET && now >= CLOCK_IS_SET)
        return records.missing({ ...known, missingSince: now }, false);
      if (now - known.missingSince <= MISSING_MS) return;
      earlier.remove(key);
      return records.forget(known);
    }
    earlier.remove(key);
    const file = this.#fileOf(known);
    this.#restore(file, () => {
      const missing = { ...known, missingSince: wallClock() };
      records.missing(missing, file.key !== key);
      earlier.add(missing);
      emit({ name: "file_gone_while_down", path });
    });
  }

  /** The inode number of a file of an earlier run is another file's now: it will not come back. */
  replacedWhileDown(known: KnownFile): void {
    const { records, emit } = this.#options;
    if (known.missingSince > 0) return records.forget(known);
    this.#restore(this.#fileOf(known), () => {
      records.forget(known);
      emit({ name: "file_gone_while_down", path: known.path });
    });
  }

  /**
   * A compressed form is of a file that nobody looked at: all that it holds is to be read.
   * @param path the name of the file.
   */
  missed(form: string, path: string, head: Head): void {
    const { records, emit } = this.#options;
    if (this.#budget.isEmpty) return emit({ name: "restore_limited", path });
    const file = records.create({ dev: 0n, ino: 0n, path, head, position: BEGINNING });
    file.presence = "deleted";
    this.#restore(file, () => emit({ name: "file_unreadable", path: form, code: "EBADMSG", attempt: "restore" }), form);
  }

  /** Files that are being restored, and whose lines are shipped under a path. */
  restoringOf(path: string): TailedFile[] {
    return [...this.#restoring.keys()].filter((file) => file.path === path);
  }

  /** Resolves when files with these ids in the state are restored, or cannot be. */
  async restored(ids: ReadonlySet<number>): Promise<void> {
    await Promise.all([...this.#restoring].map(([file, filled]) => (ids.has(file.id) ? filled : undefined)));
  }

  close(): void {
    this.#closing.abort();
  }

  #fileOf({ dev, ino, born, path, headLength, headCrc, checkpoint, id }: KnownFile): TailedFile {
    const head = { length: headLength, crc: headCrc };
    const file = this.#options.records.create({ dev, ino, born, path, head, position: checkpoint });
    file.id = id;
    file.presence = "deleted";
    return file;
  }

  #lose(file: TailedFile): void {
    const unread = file.size - file.position.offset;
    if (unread > 0) this.#options.emit({ name: "file_lost_unread", path: file.path, bytes: unread });
  }

  /**
   * Looks for what a file held behind its position in compressed forms of it, which a rotation may have made before it
   * was read: meanwhile, and when it is found, the file has no name and is known by an inode number of ours. Those of the
   * files that it is restored into are free after a crash, and others' soon.
   */
  #restore(file: TailedFile, onNothing: () => void, form?: string): void {
    const { compressed, state, names, emit } = this.#options;
    const { head, position } = file;
    const log = { paths: new Set([file.path, ...file.names]), head, position, form };
    if (this.#closing.signal.aborted || !compressed.mayExist(log)) return onNothing();
    if (this.#budget.isEmpty) {
      emit({ name: "restore_limited", path: file.path });
      return onNothing();
    }
    let fd = -1;
    try {
      fd = state.scratchFile();
      const ino = randomBytes(7).readUIntBE(1, 6);
      if (file.id !== 0) state.moveFile(file.id, RESTORED_DEVICE, BigInt(ino));
      names.unfollow(file);
      file.dev = RESTORED_DEVICE;
      file.ino = BigInt(ino);
      file.born = 0n;
    } catch (error) {
      if (fd >= 0) closeSync(fd);
      emit({ name: "file_unreadable", path: file.path, code: errnoName(error), attempt: "restore" });
      return onNothing();
    }
    const release = this.#hold(file.path);
    const patience = setTimeout(release, HOLD_MS);
    const restore = (): Promise<boolean> => {
      clearTimeout(patience);
      return this.#fill(file, log, fd);
    };
    const filled = this.#slots.run(dirname(file.path), restore).then((restored) => {
      this.#restoring.delete(file);
      this.#budget.filled(file);
      release();
      if (restored) return;
      closeSync(fd);
      if (!this.#closing.signal.aborted) onNothing();
    });
    this.#restoring.set(file, filled);
  }

  /** @returns what releases the path, once. */
  #hold(path: string): () => void {
    let holds = true;
    this.#options.hold(path);
    return () => {
      if (holds) this.#options.release(path);
      holds = false;
    };
  }

  async #fill(file: TailedFile, log: GoneLog, fd: number): Promise<boolean> {
    const { compressed, names, hot, emit, clock, onReady } = this.#options;
    const { signal } = this.#closing;
    const { path } = file;
    try {
      const found = await compressed.restore(log, fd, this.#budget.begin(file), signal);
      if (found === undefined || signal.aborted) return false;
      ftruncateSync(fd, found.size);
      emit({ name: "file_restored", path, from: found.path, bytes: found.size - log.position.offset });
      if (found.isCut) emit({ name: "restore_limited", path });
      hot.add(file, fd);
      names.follow(file);
      if (file.id === 0) this.#options.records.keep(file);
      file.verified = true;
      file.restored = true;
      file.size = found.size;
      file.mtimeNs = found.mtimeNs;
      file.grownAt = clock();
      onReady(file);
      return true;
    } catch (error) {
      if (!signal.aborted) emit({ name: "file_unreadable", path, code: errnoName(error), attempt: "restore" });
      return false;
    }
  }
}
