import { closeSync, constants, fstatSync, openSync } from "node:fs";

/** open(2), `<bits/fcntl-linux.h>`: a descriptor that names a file, and gives no right to read it. */
const O_PATH = 0o1000_0000;

/** What is needed to go on with held files in a new image of the process. */
export interface HeldState {
  readonly descriptors: readonly number[];
  /** What the files were like when they were taken hold of. */
  readonly before: string;
}

/**
 * Files that are held by descriptors, so that it shows when they are changed or replaced, also to a process that may not
 * read them, or not even search the directories that they are in.
 */
export class HeldFiles {
  readonly #state: HeldState;

  constructor(state: HeldState) {
    this.#state = state;
  }

  /**
   * Takes hold of files, and of links that lead to them: a link that is replaced by one to another file, as certificate clients
   * do, leaves the old file as it was. Holds nothing where the system has no such descriptors.
   * @throws the system's error when one of them is not there, or out of reach.
   */
  static hold(paths: readonly string[]): HeldFiles {
    const descriptors: number[] = [];
    try {
      if (process.platform === "linux")
        for (const path of paths)
          descriptors.push(openSync(path, O_PATH | constants.O_NOFOLLOW), openSync(path, O_PATH));
      return new HeldFiles({ descriptors, before: looksOf(descriptors) });
    } catch (error) {
      for (const fd of descriptors) closeSync(fd);
      throw error;
    }
  }

  get state(): HeldState {
    return this.#state;
  }

  /** What the files are like now, if it is not what they were when they were taken hold of. */
  changed(): string | undefined {
    const now = looksOf(this.#state.descriptors);
    return now === this.#state.before ? undefined : now;
  }

  release(): void {
    for (const fd of this.#state.descriptors) closeSync(fd);
  }
}

/** A file that is replaced loses a name, and one that is renamed or written has another time of change: inode(7). */
function looksOf(descriptors: readonly number[]): string {
  return descriptors
    .map((fd) => {
      const { nlink, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true });
      return `${nlink}:${mtimeNs}:${ctimeNs}`;
    })
    .join(" ");
}
