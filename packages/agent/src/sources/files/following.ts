import type { KnownFile } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { EarlierFiles } from "./earlier_files.ts";
import type { FileNames } from "./file_names.ts";
import type { FileRecords } from "./file_records.ts";
import { type AgentLife, endPosition, fromBeginning, type Lookback } from "./first_position.ts";
import type { HotFiles } from "./hot_files.ts";
import type { LinkedFiles } from "./linked_files.ts";
import type { LogTarget } from "./log_target.ts";
import { BEGINNING, hasAnchor, hasHead, inodeKey, readHead, type TailedFile } from "./tailed_file.ts";

export interface FollowingOptions {
  /** Whether a path is to be shipped. */
  readonly includes: (path: string) => boolean;
  readonly lookback: Lookback;
  readonly life: AgentLife;
  /** Bytes of a line that are looked through for its beginning. */
  readonly maxPart: number;
  readonly names: FileNames;
  readonly hot: HotFiles;
  readonly linked: LinkedFiles;
  readonly records: FileRecords;
  readonly earlier: EarlierFiles;
  /** Whether a new file stays open for a while although it is empty; by default none does. */
  readonly staysOpen?: ((path: string) => boolean) | undefined;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** A file may have something to read. */
  readonly onReady: (file: TailedFile) => void;
  /** A file is not the one that was known by its inode. */
  readonly onRewritten: (file: TailedFile) => void;
}

/** A file that was opened, and is to be followed or closed. */
export interface FoundFile extends LogTarget {
  readonly path: string;
  readonly fd: number;
}

/** What is known of a file that is to be followed. */
interface Found {
  readonly stored?: KnownFile | undefined;
  /** It came under the eyes of the agent. */
  readonly appeared: boolean;
  /** For a rotated file that was never met under its own name: that name. */
  readonly shipsAs?: string | undefined;
}

/** Begins to follow files that were found, each where its reading has to begin. */
export class Following {
  readonly #options: FollowingOptions;
  /** Devices that followed files are on. */
  readonly #devices = new Set<bigint>();
  /** Sizes at the start of files that could not be read then: what was in them before is as old as in any other file. */
  readonly #unreadableSizes = new Map<string, number>();
  #scanning = true;

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  /** Ends the first scan. */
  scanned(): void {
    this.#scanning = false;
  }

  /** Whether a file is followed, or was, that is on a device. */
  isKnownDevice(dev: bigint): boolean {
    return this.#devices.has(dev);
  }

  /** A file is there at the start, and cannot be read. @param size in bytes. */
  unreadable(path: string, size: number): void {
    this.#unreadableSizes.set(path, size);
  }

  wasUnreadable(path: string): boolean {
    return this.#unreadableSizes.has(path);
  }

  /** A name is gone, with what is known of it. */
  forget(path: string): void {
    this.#unreadableSizes.delete(path);
  }

  /** Starts following a file that is open and was not followed yet. */
  follow(found: FoundFile, { stored, appeared, shipsAs }: Found): void {
    const { includes, lookback, maxPart, names, hot, linked, records, earlier, staysOpen, emit, clock } = this.#options;
    const { path, realPath, fd, stat } = found;
    const { dev, ino } = stat;
    const size = Number(stat.size);
    earlier.remove(inodeKey(dev, ino));
    const shippedAs = includes(path) ? path : (stored?.path ?? shipsAs ?? path);
    const file = names.follow(
      records.create({ dev, ino, born: stat.birthtimeNs, path: shippedAs, head: readHead(fd), position: BEGINNING }),
    );
    hot.add(file, fd);
    file.size = size;
    file.mtimeNs = stat.mtimeNs;
    let rewritten = false;
    if (lookback === "none" && !appeared && this.#scanning) {
      file.position = endPosition(fd, size, maxPart);
    } else if (stored !== undefined) {
      file.head = { length: stored.headLength, crc: stored.headCrc };
      file.position = stored.checkpoint;
      rewritten = size < file.position.offset || !hasHead(fd, file.head) || !hasAnchor(fd, file.position);
      file.id = stored.id;
      if (stored.missingSince > 0) records.changed(file);
      // A state of an older version did not know it, the file moved within its file system, or this is a copy of it.
      if (stored.born !== file.born || stored.ino !== ino || stored.dev !== dev) records.becameCopy(file);
    } else if (shipsAs === undefined) file.position = this.#firstPosition(found, appeared);
    this.#unreadableSizes.delete(path);
    file.checkpoint = file.position;
    names.attach(path, file);
    if (realPath !== path) names.attach(realPath, file);
    this.#devices.add(dev);
    if (realPath !== path) linked.add(file, realPath);
    names.leaveUnlessIncluded(file);
    emit({ name: "file_found", path, offset: file.position.offset, size });
    if (rewritten) return this.#options.onRewritten(file);
    if (stored === undefined || lookback === "none") records.keep(file);
    if (file.position.offset < size) {
      // It waits closed where many do.
      if (hot.tooMany && file.presence === "present") hot.putOff(file);
      this.#options.onReady(file);
    } else if (appeared && staysOpen?.(path) === true && file.presence === "present" && !hot.tooMany) {
      // It is written to soon, and its directory may be so new that no event tells of that yet.
      this.#options.onReady(file);
    } else hot.retire(file);
    file.activeAt = clock();
    file.grownAt = file.activeAt;
  }

  /** Where reading begins in a file that is not known from an earlier run. */
  #firstPosition({ path, fd, stat }: FoundFile, appeared: boolean): TailedFile["position"] {
    const { lookback, life, maxPart, earlier } = this.#options;
    const size = Number(stat.size);
    const times = { bornAt: Number(stat.birthtimeMs), changedAt: Number(stat.ctimeMs) };
    const unknown = { size, ...times, appeared, succeeds: earlier.followed(path) };
    if (fromBeginning(lookback, unknown, life)) return BEGINNING;
    // What could not be read at the start is as old as in any other file; what came since then is new.
    return endPosition(fd, Math.min(this.#unreadableSizes.get(path) ?? size, size), maxPart);
  }
}
