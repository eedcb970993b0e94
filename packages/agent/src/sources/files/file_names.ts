import { lstatSync } from "node:fs";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { Presence, TailedFile } from "./tailed_file.ts";

interface FileNamesOptions {
  /** Whether a path is to be shipped. */
  readonly includes: (path: string) => boolean;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** A file is not the present one of its name any more: what it still holds is to be read. */
  readonly onLeft: (file: TailedFile) => void;
  /** A closed file has no name any more: `nameless` is to be asked. */
  readonly onNameless: () => void;
  /** Whether a file is held that may be a copy of it. */
  readonly mayHaveCopy: (file: TailedFile) => boolean;
  /** Nothing of a path is to be read until it is released: what comes first of it may be found yet. */
  readonly hold: (path: string) => void;
  readonly release: (path: string) => void;
}

/** How long a closed file without a name is waited for; a sweep meets a renamed file within this. */
const NAMELESS_MS = 2000;

/** The followed files by name and by inode: which names each has, and what it is once one goes to another. */
export class FileNames {
  readonly #options: FileNamesOptions;
  readonly #byPath = new Map<string, TailedFile>();
  readonly #byInode = new Map<string, TailedFile>();
  /** Most paths have one file, and a set of one would take 200 bytes. */
  readonly #shippedAs = new Map<string, TailedFile | Set<TailedFile>>();
  /**
   * Cold files without a name: one may be met under another name yet, when events were lost or lag behind. What is newer of
   * its log waits for one that has something unread, or may have it in a copy.
   */
  readonly #nameless = new Map<TailedFile, { readonly holds: boolean }>();

  constructor(options: FileNamesOptions) {
    this.#options = options;
  }

  /** Every file that is followed. */
  all(): Iterable<TailedFile> {
    return this.#byInode.values();
  }

  /** Files that are followed. */
  get size(): number {
    return this.#byInode.size;
  }

  /** Closed files without a name. */
  get namelessSize(): number {
    return this.#nameless.size;
  }

  /** The file that has a name. */
  at(path: string): TailedFile | undefined {
    return this.#byPath.get(path);
  }

  /** The file that has an inode, by its key. */
  of(key: string): TailedFile | undefined {
    return this.#byInode.get(key);
  }

  /** A file by its id in the state. */
  byId(id: number): TailedFile | undefined {
    for (const file of this.#byInode.values()) if (file.id === id) return file;
    return undefined;
  }

  /** Names in a directory and in those beneath it. */
  under(directory: string): string[] {
    const prefix = `${directory}/`;
    return [...this.#byPath.keys()].filter((path) => path.startsWith(prefix));
  }

  isIncluded(file: TailedFile): boolean {
    for (const name of file.names) if (this.#options.includes(name)) return true;
    return false;
  }

  /** A file is followed from now on; it has no name yet. */
  follow(file: TailedFile): TailedFile {
    file.activeAt = this.#options.clock();
    this.#byInode.set(file.key, file);
    const alike = this.#shippedAs.get(file.path);
    if (alike === undefined) this.#shippedAs.set(file.path, file);
    else if (alike instanceof Set) alike.add(file);
    else if (alike !== file) this.#shippedAs.set(file.path, new Set([alike, file]));
    return file;
  }

  /** A file is followed no longer by its inode, which is another file's or will be. */
  unfollow(file: TailedFile): void {
    if (this.#byInode.get(file.key) === file) this.#byInode.delete(file.key);
    this.giveUp(file);
    const alike = this.#shippedAs.get(file.path);
    if (alike instanceof Set) alike.delete(file);
    if (alike === file || (alike instanceof Set && alike.size === 0)) this.#shippedAs.delete(file.path);
  }

  /** A name refers to a file now. */
  attach(path: string, file: TailedFile): void {
    const other = this.#byPath.get(path);
    if (other !== undefined && other !== file) this.detach(path, other, "rotated");
    this.#byPath.set(path, file);
    file.names.add(path);
    this.giveUp(file);
    if (file.presence !== "present" && this.#options.includes(path)) file.presence = "present";
  }

  /** Another name of a file that is followed: a hard link, a link, or the new name after a rename that was not seen. */
  alias(path: string, realPath: string, file: TailedFile): void {
    this.attach(path, file);
    if (realPath !== path) this.attach(realPath, file);
    this.refresh(file, "rotated");
    this.leaveUnlessIncluded(file);
  }

  /** Takes the names from a file that are not its own any more: the events that tell of it are on their way. */
  refresh(file: TailedFile, presence: Exclude<Presence, "present">): void {
    for (const name of [...file.names]) if (!refersTo(name, file)) this.detach(name, file, presence);
  }

  /** A name does not refer to a file any more; without any other name the file is rotated or deleted. */
  detach(path: string, file: TailedFile, presence: Exclude<Presence, "present">): void {
    this.#byPath.delete(path);
    file.names.delete(path);
    if (file.names.size === 0) this.#leave(file, presence);
    else this.leaveUnlessIncluded(file);
  }

  /**
   * A name was changed into another, which may have replaced a file.
   * @returns names that are to be met as they are now.
   */
  rename(from: string, to: string): readonly string[] {
    const file = this.#byPath.get(from);
    const replaced = this.#byPath.get(to);
    if (replaced !== undefined && replaced !== file) this.detach(to, replaced, "deleted");
    if (file === undefined) return [to];
    if (!refersTo(to, file)) {
      // The disk is ahead of this event.
      this.detach(from, file, "rotated");
      return [to, from];
    }
    this.#byPath.delete(from);
    file.names.delete(from);
    this.attach(to, file);
    this.leaveUnlessIncluded(file);
    return [];
  }

  /** A file that has only names that are not shipped counts as rotated. */
  leaveUnlessIncluded(file: TailedFile): void {
    if (!this.isIncluded(file)) this.#leave(file, "rotated");
  }

  /** Takes every name and the inode from a file, which is deleted by that; returns the names. */
  release(file: TailedFile): readonly string[] {
    const names = [...file.names];
    for (const name of names) this.#byPath.delete(name);
    file.names.clear();
    this.unfollow(file);
    file.presence = "deleted";
    return names;
  }

  /** A file without a name was closed: it is waited for, in case that it has one after all. */
  waitForName(file: TailedFile): void {
    file.presence = "deleted";
    const { clock, hold, onNameless, mayHaveCopy } = this.#options;
    file.activeAt = clock();
    this.giveUp(file);
    const holds = file.size > file.position.offset || mayHaveCopy(file);
    if (holds) hold(file.path);
    this.#nameless.set(file, { holds });
    onNameless();
  }

  /** Whether a closed file without a name is waited for. */
  isAwaited(file: TailedFile): boolean {
    return this.#nameless.has(file);
  }

  /** A closed file without a name is waited for no longer. @returns false when it was not waited for. */
  giveUp(file: TailedFile): boolean {
    const waiting = this.#nameless.get(file);
    this.#nameless.delete(file);
    if (waiting?.holds) this.#options.release(file.path);
    return waiting !== undefined;
  }

  /** Followed files whose lines are shipped under a path. */
  shippedAs(path: string): TailedFile[] {
    const alike = this.#shippedAs.get(path);
    if (alike === undefined) return [];
    return alike instanceof Set ? [...alike] : [alike];
  }

  /** Files that were waited for in vain; they are forgotten here as nameless ones. */
  nameless(now: number): TailedFile[] {
    const files = [...this.#nameless.keys()].filter((file) => now - file.activeAt > NAMELESS_MS);
    for (const file of files) this.giveUp(file);
    return files;
  }

  /** A file is not followed as the present one of its name any more: what it still holds is drained. */
  #leave(file: TailedFile, presence: Exclude<Presence, "present">): void {
    const { emit, clock, onLeft } = this.#options;
    if (file.presence === presence && file.names.size > 0) return;
    if (presence === "rotated" && file.presence === "present")
      emit({ name: "file_rotated", path: file.path, to: [...file.names][0] });
    file.presence = presence;
    file.activeAt = clock();
    file.grownAt = file.activeAt;
    if (file.fd >= 0 || file.names.size > 0) onLeft(file);
    else this.waitForName(file);
  }
}

/** True when a name refers to a file, now. */
function refersTo(path: string, file: TailedFile): boolean {
  try {
    const stat = lstatSync(path, { bigint: true });
    if (stat.isSymbolicLink()) return true;
    return stat.ino === file.ino && stat.dev === file.dev;
  } catch {
    return false;
  }
}
