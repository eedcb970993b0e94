import { accessSync, constants, lstatSync } from "node:fs";
import { dirname } from "node:path";
import { SPOOLED_DEVICE } from "../../state/spool_records.ts";
import type { KnownFile } from "../../state/state_store.ts";
import { errnoName } from "./open_log.ts";
import { inodeKey } from "./tailed_file.ts";

/** The device that files are noted under that are restored from a compressed form, with an inode number of ours. */
export const RESTORED_DEVICE = -2n;

/** Files of an earlier run that were not met yet in this one. */
export class EarlierFiles {
  readonly #byInode = new Map<string, KnownFile>();
  /** Those whose inode numbers are other files' now. */
  #replaced: KnownFile[] = [];
  readonly #paths = new Set<string>();

  constructor(files: Iterable<KnownFile>) {
    // What is in the spool is nowhere else.
    for (const file of files) {
      this.#paths.add(file.path);
      if (file.dev !== SPOOLED_DEVICE) this.add(file);
    }
  }

  get size(): number {
    return this.#byInode.size;
  }

  /** The file that had an inode, by its key. */
  of(key: string): KnownFile | undefined {
    return this.#byInode.get(key);
  }

  /** Whether an earlier run followed a file under a path, met again or not. */
  followed(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Those whose lines were shipped under a path. */
  shippedAs(path: string): KnownFile[] {
    return [...this.#byInode.values()].filter((known) => known.path === path);
  }

  /** Those of them that are not where they were, and that the earlier run saw there to its end. */
  goneFrom(path: string): KnownFile[] {
    const replaced = this.#replaced.filter((known) => known.path === path);
    return [...this.shippedAs(path).filter(isGone), ...replaced].filter(({ missingSince }) => missingSince === 0);
  }

  /** The inode number of one is another file's: it is gone, and a copy of it may be met yet. */
  replace(known: KnownFile): void {
    this.#byInode.delete(inodeKey(known.dev, known.ino));
    this.#replaced.push(known);
  }

  /** Those of which no copy was met; they are forgotten here. */
  takeReplaced(): KnownFile[] {
    const replaced = this.#replaced;
    this.#replaced = [];
    return replaced;
  }

  /** It was met, or is waited for no longer. */
  remove(key: string): void {
    this.#byInode.delete(key);
  }

  /** One was met, or a copy of it that takes its place. */
  met(known: KnownFile): void {
    const key = inodeKey(known.dev, known.ino);
    if (this.#byInode.get(key) === known) this.#byInode.delete(key);
    this.#replaced = this.#replaced.filter((other) => other !== known);
  }

  add(file: KnownFile): void {
    this.#byInode.set(inodeKey(file.dev, file.ino), file);
  }

  /** Those that are not where they were, although they could be seen there. */
  gone(): KnownFile[] {
    return [...this.#byInode.values()].filter(isGone);
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
    // What a file was being restored into when the agent ended is gone.
    if (lstatSync(directory, { bigint: true }).dev !== known.dev && known.dev !== RESTORED_DEVICE) return false;
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
