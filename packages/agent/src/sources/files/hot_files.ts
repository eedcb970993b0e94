import { closeSync, fstatSync } from "node:fs";
import type { KnownFile } from "../../state/state_store.ts";
import { due, isDrained, isQuiet } from "./draining.ts";
import { recordOf } from "./file_records.ts";
import { errnoName, type LogRoots, openLog } from "./open_log.ts";
import { FEW_FILES, shortPollMs, UNTOLD_POLL_MS } from "./poll_timer.ts";
import type { Refusals } from "./refusals.ts";
import { statOf } from "./stat_of.ts";
import { bornApart, HEAD_BYTES, hasHead, readHead, type TailedFile } from "./tailed_file.ts";

interface HotFilesOptions {
  readonly roots: LogRoots;
  /** Descriptors that may be open at once. */
  readonly maxOpenFiles: number;
  readonly clock: () => number;
  readonly refusals: Refusals;
  /** A file may have something to read. */
  readonly onReady: (file: TailedFile) => void;
  /** A file was truncated. */
  readonly onRewritten: (file: TailedFile) => void;
  /** A file that has no name was read to its end and closed. */
  readonly onDone: (file: TailedFile) => void;
  /** Whether a file that was read to its end has to stay open. */
  readonly holds: (file: TailedFile) => boolean;
  /** A file that has no name was closed, although it was not read to its end. */
  readonly onStranded: (file: TailedFile) => void;
  /** Files are to be polled within so many milliseconds. */
  readonly onPollDue: (ms: number) => void;
}

/** Events tell of what comes to most files: that they are polled all the same finds what is written through memory (mmap(2)). */
export const TOLD_POLL_MS = 500;
/**
 * With many files open, one that gives something more often than this is polled, and its events mean nothing: to read it at each
 * of them costs five times as much. The others are not polled, for the same reason.
 */
const OFTEN_MS = 100;
/** Where no event tells of a file, a poll for every so many times as long a silence: who writes seldom is read a bit later. */
const SILENCE_SHARE = 8;

/** An open file that has no name any more, and what the state knows of it. */
export interface NamelessFile {
  readonly fd: number;
  readonly known: KnownFile;
}

/**
 * The open files. A cold file has no descriptor and wakes by an event; a hot one is open until it is quiet. Events tell of it, too; it
 * is polled where they do not, or where there are too many of them.
 */
export class HotFiles {
  readonly #options: HotFilesOptions;
  readonly #hot = new Set<TailedFile>();
  /** Files with something to read that are closed because too many are open. */
  readonly #starved = new Set<TailedFile>();

  constructor(options: HotFilesOptions) {
    this.#options = options;
  }

  /** Files that are open. */
  get size(): number {
    return this.#hot.size;
  }

  get starvedSize(): number {
    return this.#starved.size;
  }

  /** More are open than may be: what can wait closed does. */
  get tooMany(): boolean {
    return this.#hot.size > this.#options.maxOpenFiles;
  }

  /** Half of what may be open is: what can be held closed is better closed. */
  get isCrowded(): boolean {
    return this.#hot.size * 2 >= this.#options.maxOpenFiles;
  }

  /** The files that are open themselves, and not what was unpacked of them from the spool. */
  files(): TailedFile[] {
    return [...this.#hot].filter(({ unpacked }) => unpacked === undefined);
  }

  /** Takes over an open descriptor of a file. */
  add(file: TailedFile, fd: number): void {
    this.#starved.delete(file);
    file.fd = fd;
    file.told = false;
    this.#hot.add(file);
  }

  /** Gives the descriptor of a file away. */
  release(file: TailedFile): number {
    const { fd } = file;
    this.#hot.delete(file);
    file.fd = -1;
    file.verified = false;
    return fd;
  }

  /** An event tells of new bytes of a file. */
  changed(file: TailedFile): void {
    file.isPolled = false;
    if (file.fd >= 0) file.told = true;
    this.wake(file, true);
  }

  /** A file may have new bytes: opens it and puts it into the queue. @param told an event of its name says so. */
  wake(file: TailedFile, told = false): void {
    const { clock, maxOpenFiles, onReady, onPollDue } = this.#options;
    const now = clock();
    if (file.fd >= 0) {
      // Of one that waits to be read this may be the truncation.
      const isPolled = file.queued || (this.#isOften(file) && !isQuiet(file, now));
      if (isPolled) return onPollDue(shortPollMs(this.#hot.size));
    } else if (this.#hot.size >= maxOpenFiles) this.#starved.add(file);
    else if (this.open(file)) file.told = told;
    else return;
    file.activeAt = now;
    onReady(file);
  }

  /** A file has left its name: its time of modification by now tells its place among others that did. */
  left(file: TailedFile): void {
    try {
      if (file.fd >= 0 && file.unpacked === undefined) file.mtimeNs = fstatSync(file.fd, { bigint: true }).mtimeNs;
    } catch {
      // Reading it tells.
    }
    // It may be out of sight.
    file.told = false;
    this.wakeIfChanged(file);
  }

  /**
   * Wakes a file that has got another name, or lost one, unless it is closed and still what it was when it was read to its
   * end: a rotation renames every rotated form, and opening all of them at once costs as many descriptors.
   */
  wakeIfChanged(file: TailedFile): void {
    if (file.fd >= 0 || !this.#isAsRead(file)) this.wake(file);
  }

  /**
   * Opens a cold file. A name that is gone or means another file is left as it is: the event that tells of it is on its
   * way, or a sweep is.
   */
  open(file: TailedFile): boolean {
    if (file.fd >= 0) return true;
    const { roots, clock, refusals } = this.#options;
    for (const path of file.names) {
      const opened = openLog(path, roots);
      if (!("fd" in opened)) {
        if (opened.kind === "unreadable") this.#refuse(file, path, opened.code, "open");
        continue;
      }
      const { fd, stat } = opened;
      if (stat.ino === file.ino && stat.dev === file.dev && !bornApart(stat.birthtimeNs, file.born)) {
        refusals.forget(path);
        this.add(file, fd);
        file.sees(Number(stat.size), clock());
        file.mtimeNs = stat.mtimeNs;
        return true;
      }
      closeSync(fd);
    }
    return false;
  }

  /** Closes a file that may be opened again. */
  close(file: TailedFile): void {
    file.close();
    this.#hot.delete(file);
  }

  /** Closes a file with something to read because too many are open; it is opened again when there is room. */
  putOff(file: TailedFile): void {
    this.close(file);
    this.#starved.add(file);
  }

  /** Closes a file that cannot be read; it is tried again when it changes. */
  fail(file: TailedFile, error: unknown): void {
    this.unreadable(file, error);
    this.close(file);
    // It cannot be opened again.
    if (file.names.size === 0) this.#options.onStranded(file);
  }

  unreadable(file: TailedFile, error: unknown): void {
    this.#refuse(file, file.path, errnoName(error), file.fd >= 0 ? "read" : "open");
  }

  /** Opens some of the files that were too many before. */
  wakeStarved(): void {
    let woken = 0;
    for (const file of this.#starved) {
      if (this.#hot.size >= this.#options.maxOpenFiles) break;
      this.#starved.delete(file);
      this.wake(file);
      woken += 1;
      if (woken === FEW_FILES) break;
    }
  }

  /**
   * Looks at every open file for which it is time; quiet ones become cold, rotated and deleted ones are finished.
   * @returns after how many milliseconds the next look is due; infinite when none is.
   */
  poll(now: number): number {
    const shortMs = shortPollMs(this.#hot.size);
    let next = Number.POSITIVE_INFINITY;
    for (const file of this.#hot) {
      try {
        const ms = this.#pollMs(file, now);
        if (ms === shortMs || now - file.polledAt >= ms * ABOUT) {
          file.polledAt = now;
          this.#pollOne(file, now);
        }
      } catch (error) {
        this.fail(file, error);
      }
      if (file.fd >= 0) next = Math.min(next, this.#pollMs(file, now));
    }
    return next;
  }

  /** Closes a quiet file after one last look; without a name it is done. */
  retire(file: TailedFile): void {
    const { clock, onReady, onDone } = this.#options;
    if (!isDrained(file)) {
      file.activeAt = clock();
      return onReady(file);
    }
    this.close(file);
    if (file.presence === "deleted" || file.names.size === 0) onDone(file);
  }

  /**
   * Closes every file.
   * @param keepNameless leaves those open that have no name any more and are not acknowledged to their end.
   */
  closeAll(keepNameless: boolean): NamelessFile[] {
    const kept: NamelessFile[] = [];
    for (const file of this.#hot) {
      const isNameless = file.names.size === 0 && file.unpacked === undefined;
      // One that could not be noted, as on a full disk, has no id.
      if (keepNameless && !file.abandoned && isNameless && hasMore(file)) {
        kept.push({ fd: file.fd, known: { ...recordOf(file), id: file.id, missingSince: 0 } });
        file.fd = -1;
      } else file.close();
    }
    this.#hot.clear();
    return kept;
  }

  /** Whether nothing came to a closed file that was read to its end; what comes later, an event of its name tells. */
  #isAsRead(file: TailedFile): boolean {
    const { refusals } = this.#options;
    if (file.restored || file.pending > 0 || file.size !== file.position.offset || this.#starved.has(file))
      return false;
    for (const name of file.names) {
      if (refusals.has(name)) return false;
      const stat = statOf(name);
      if (stat !== undefined && stat.ino === file.ino && stat.dev === file.dev)
        return (
          Number(stat.size) === file.size && stat.mtimeNs === file.mtimeNs && !bornApart(stat.birthtimeNs, file.born)
        );
    }
    return false;
  }

  /** How often an open file is looked at, in milliseconds; infinite where an event will wake it. */
  #pollMs(file: TailedFile, now: number): number {
    const shortMs = shortPollMs(this.#hot.size);
    switch (due(file, now)) {
      case "notice":
        return shortMs;
      case "read": {
        const untoldMs = Math.min(UNTOLD_POLL_MS, (now - file.activeAt) / SILENCE_SHARE);
        const ms = this.#isOften(file) ? shortMs : file.told ? TOLD_POLL_MS : untoldMs;
        return Math.max(shortMs, file.held ? Math.min(ms, file.heldUntil - now) : ms);
      }
      case "wait":
        return Math.max(shortMs, Math.min(TOLD_POLL_MS, file.heldUntil - now));
      case "close":
        return UNTOLD_POLL_MS;
      case "nothing":
        return Number.POSITIVE_INFINITY;
    }
  }

  /** Whether a file is polled because it gives something so often. */
  #isOften(file: TailedFile): boolean {
    return this.#hot.size > FEW_FILES && file.gapMs < OFTEN_MS;
  }

  #pollOne(file: TailedFile, now: number): void {
    switch (due(file, now)) {
      case "notice":
        return this.#notice(file, now);
      case "read":
        file.isPolled = true;
        return this.#options.onReady(file);
      case "close":
        return this.#options.holds(file) ? undefined : this.retire(file);
      case "wait":
      case "nothing":
        return;
    }
  }

  /** A file that waits for delivery is not read, but its truncation must be seen while the copy of it still exists. */
  #notice(file: TailedFile, now: number): void {
    const size = Number(fstatSync(file.fd, { bigint: true }).size);
    file.sees(size, now);
    if (file.presence !== "present") return;
    if (file.isTruncatedAt(size)) return this.#options.onRewritten(file);
    // The head is what a copy is recognised by, should this be truncated before it is read.
    if (file.head.length < HEAD_BYTES && size > file.head.length && hasHead(file.fd, file.head))
      file.head = readHead(file.fd);
  }

  /** Too many open files is no property of a file: it waits its turn. Everything else is said once. */
  #refuse(file: TailedFile, path: string, code: string, attempt: string): void {
    if (code === "EMFILE" || code === "ENFILE") this.#starved.add(file);
    else this.#options.refusals.refuse(path, { kind: "unreadable", code }, attempt);
  }
}

/** Timers are not exact, and times between polls grow from one to the next. */
const ABOUT = 0.8;

/** Whether the file has bytes that are not acknowledged. */
function hasMore(file: TailedFile): boolean {
  return Number(statOf(file.fd)?.size ?? 0) > file.checkpoint.offset;
}
