import { closeSync, fstatSync, ftruncateSync } from "node:fs";
import type { KnownFile, StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import { CompressedForms, type GoneLog } from "./compressed.ts";
import type { EarlierFiles } from "./earlier_files.ts";
import type { FileNames } from "./file_names.ts";
import type { FileRecords } from "./file_records.ts";
import type { HotFiles } from "./hot_files.ts";
import { errnoName } from "./open_log.ts";
import { inodeKey, type TailedFile } from "./tailed_file.ts";

interface VanishedFilesOptions {
  readonly roots: readonly string[];
  readonly state: Pick<StateStore, "moveFile" | "scratchFile" | "scratchRoom">;
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

/** How long the checkpoint of a file is kept that is not found where it was. */
const MISSING_MS = 7 * 86_400_000;

/**
 * Files that vanished, or whose content did, before they were read to their end: the rest is restored from compressed
 * forms where there are such, and is counted as lost otherwise.
 */
export class VanishedFiles {
  readonly #options: VanishedFilesOptions;
  readonly #compressed: CompressedForms;
  /** Ends the reading of compressed files. */
  readonly #closing = new AbortController();
  #scratchDevice: bigint | undefined;

  constructor(options: VanishedFilesOptions) {
    this.#options = options;
    this.#compressed = new CompressedForms(options.roots);
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
    this.#options.records.abandon(file);
  }

  /** A file of an earlier run is not there any more. */
  deletedWhileDown(known: KnownFile): void {
    const { records, earlier, emit, wallClock } = this.#options;
    const { dev, ino, path } = known;
    const key = inodeKey(dev, ino);
    if (known.missingSince > 0) {
      // It may be on a file system that is not mounted yet: what is known of it is kept for a while.
      if (wallClock() - known.missingSince <= MISSING_MS) return;
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

  /** The device that files are restored on; undefined when none can be. */
  scratchDevice(): bigint | undefined {
    if (this.#scratchDevice !== undefined) return this.#scratchDevice;
    try {
      const fd = this.#options.state.scratchFile();
      this.#scratchDevice = fstatSync(fd, { bigint: true }).dev;
      closeSync(fd);
    } catch {
      // Said when something is to be restored.
    }
    return this.#scratchDevice;
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
   * was read: meanwhile, and when it is found, the file has no name and is known by the inode of what is found.
   */
  #restore(file: TailedFile, onNothing: () => void): void {
    const { state, names, emit } = this.#options;
    const { head, position } = file;
    const log = { paths: new Set([file.path, ...file.names]), head, position };
    if (this.#closing.signal.aborted || !this.#compressed.mayExist(log)) return onNothing();
    let fd = -1;
    try {
      fd = state.scratchFile();
      const { dev, ino } = fstatSync(fd, { bigint: true });
      if (file.id !== 0) state.moveFile(file.id, dev, ino);
      names.unfollow(file);
      file.dev = dev;
      file.ino = ino;
      file.born = 0n;
    } catch (error) {
      if (fd >= 0) closeSync(fd);
      emit({ name: "file_unreadable", path: file.path, code: errnoName(error), attempt: "restore" });
      return onNothing();
    }
    this.#options.hold(file.path);
    void this.#fill(file, log, fd).then((restored) => {
      this.#options.release(file.path);
      if (restored) return;
      closeSync(fd);
      if (!this.#closing.signal.aborted) onNothing();
    });
  }

  async #fill(file: TailedFile, log: GoneLog, fd: number): Promise<boolean> {
    const { state, names, hot, emit, clock, onReady } = this.#options;
    const { signal } = this.#closing;
    const { path } = file;
    try {
      const found = await this.#compressed.restore(log, fd, state.scratchRoom(), signal);
      if (found === undefined || signal.aborted) return false;
      ftruncateSync(fd, found.size);
      emit({ name: "file_restored", path, from: found.path, bytes: found.size - log.position.offset });
      hot.add(file, fd);
      names.follow(file);
      file.verified = true;
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
