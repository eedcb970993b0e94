import { type BigIntStats, closeSync, fstatSync } from "node:fs";
import { type FoundCopy, isBetter, reachOfCopy } from "./copies.ts";
import { compareHead, inodeKey, type TailedFile } from "./tailed_file.ts";

/** How long a new file that may be a copy is held back, after it last grew, before it counts as a file of its own. */
const DECIDE_MS = 5000;

interface Suspect {
  /** The name that it was last met under. */
  path: string;
  readonly fd: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly original: TailedFile;
  /** When it was found or last grew; milliseconds of a monotonic clock. */
  since: number;
  size: number;
}

/** A file that was held as a possible copy, and is not any more. */
export interface Decided {
  /** The name that it was last met under, which may be another file's by now. */
  readonly path: string;
  /** Which file it is. */
  readonly stat: BigIntStats;
  /** It is no copy; otherwise no truncation followed. */
  readonly differs: boolean;
}

/**
 * New files that may be the copy of a tailed one, made just before that one is truncated.
 *
 * Each is held open, so that it can still be read after a compressor has taken its name away, and is not shipped under
 * its own name while it may be a copy: its lines are those of the original.
 */
export class CopyWatch {
  readonly #suspects = new Map<string, Suspect>();

  /** Takes over an open descriptor. */
  add(suspect: Omit<Suspect, "size">): void {
    this.#suspects.set(inodeKey(suspect.dev, suspect.ino), { ...suspect, size: 0 });
  }

  get size(): number {
    return this.#suspects.size;
  }

  /** True when a file of this inode key is held; it is known under `path` from now on. */
  meets(key: string, path: string): boolean {
    const suspect = this.#suspects.get(key);
    if (suspect !== undefined) suspect.path = path;
    return suspect !== undefined;
  }

  holds(key: string): boolean {
    return this.#suspects.has(key);
  }

  /** True when a file is held that may be a copy of another one. */
  mayHave(original: TailedFile): boolean {
    for (const suspect of this.#suspects.values()) if (suspect.original === original) return true;
    return false;
  }

  /**
   * The best copy of a file that was found truncated; the caller owns its descriptor then.
   * @param beside one that is not held; it is closed when another is better.
   */
  take(original: TailedFile, beside: FoundCopy | undefined): FoundCopy | undefined {
    let best = beside;
    for (const suspect of this.#suspects.values()) {
      if (suspect.original !== original || original.head.length === 0) continue;
      const { fd, path, dev, ino } = suspect;
      const stat = fstatSync(fd, { bigint: true });
      const size = Number(stat.size);
      const reach = reachOfCopy(fd, size, original);
      if (reach === undefined) continue;
      const found = { fd, path, dev, ino, size, changed: stat.ctimeNs, reaches: reach === "beyond" };
      if (isBetter(found, best)) best = found;
    }
    if (best === beside) return best;
    if (beside !== undefined) closeSync(beside.fd);
    if (best !== undefined) this.#suspects.delete(inodeKey(best.dev, best.ino));
    return best;
  }

  /**
   * Files that have turned out not to be copies, or for which no truncation followed; forgotten here.
   * @param look sees whether a file was truncated, and returns false when that cannot be told yet. That time has passed does not
   * tell: nobody may have looked in it.
   */
  decided(now: number, look: (original: TailedFile) => boolean): Decided[] {
    const files: Decided[] = [];
    for (const [key, suspect] of this.#suspects) {
      const stat = fstatSync(suspect.fd, { bigint: true });
      const size = Number(stat.size);
      if (size !== suspect.size) {
        suspect.size = size;
        suspect.since = now;
      }
      const other = differs(suspect);
      if (!other && now - suspect.since <= DECIDE_MS) continue;
      if (!other && !look(suspect.original)) continue;
      // The original was truncated, and this is what it held.
      if (this.#suspects.get(key) !== suspect) continue;
      closeSync(suspect.fd);
      this.#suspects.delete(key);
      files.push({ path: suspect.path, stat, differs: other });
    }
    return files;
  }

  close(): void {
    for (const { fd } of this.#suspects.values()) closeSync(fd);
    this.#suspects.clear();
  }
}

function differs(suspect: Suspect): boolean {
  try {
    return compareHead(suspect.fd, suspect.size, suspect.original.head) === "other";
  } catch {
    return true;
  }
}
