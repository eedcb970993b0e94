import { dirname } from "node:path";
import { isInside, type LogRoots } from "./open_log.ts";
import { UNTOLD_POLL_MS } from "./poll_timer.ts";
import type { TailedFile } from "./tailed_file.ts";

interface LinkedFilesOptions {
  readonly roots: LogRoots;
  /** Whether a directory is not looked into, and so not watched. */
  readonly prunes: (directory: string) => boolean;
  /** Looks at a name of a closed file. */
  readonly look: (path: string, file: TailedFile) => void;
  /** There is a file that no event tells of. */
  readonly onUntold: () => void;
}

/** Files that are reached through a link into a directory that is not watched: no event tells of them. */
export class LinkedFiles {
  readonly #options: LinkedFilesOptions;
  readonly #files = new Set<TailedFile>();
  #lookedAt = 0;

  constructor(options: LinkedFilesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#files.size;
  }

  /** A link leads to a file, which is looked at from now on where no event tells of it. */
  add(file: TailedFile, realPath: string): void {
    if (this.#isWatched(realPath)) return;
    this.#files.add(file);
    this.#options.onUntold();
  }

  remove(file: TailedFile): void {
    this.#files.delete(file);
  }

  poll(now: number): void {
    if (now - this.#lookedAt <= UNTOLD_POLL_MS) return;
    this.#lookedAt = now;
    for (const file of this.#files) {
      if (file.names.size === 0) this.#files.delete(file);
      else if (file.fd < 0) for (const path of [...file.names]) this.#options.look(path, file);
    }
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
}
