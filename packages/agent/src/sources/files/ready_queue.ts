import type { TailedFile } from "./tailed_file.ts";

/** Files that are gone from the front of the list are cut off once there are so many of them. */
const CUT_AT = 1024;

/** The files that may have something to read, the one that has waited longest first; each is in it once. */
export class ReadyQueue {
  readonly #onFilled: () => void;
  #files: TailedFile[] = [];
  #from = 0;

  /** @param onFilled called when the queue is not empty any more. */
  constructor(onFilled: () => void) {
    this.#onFilled = onFilled;
  }

  get size(): number {
    return this.#files.length - this.#from;
  }

  add(file: TailedFile): void {
    if (file.queued) return;
    file.queued = true;
    this.#files.push(file);
    if (this.size === 1) this.#onFilled();
  }

  take(): TailedFile | undefined {
    const file = this.#files[this.#from];
    if (file === undefined) {
      this.clear();
      return undefined;
    }
    this.#from += 1;
    if (this.#from > CUT_AT && this.#from * 2 > this.#files.length) {
      this.#files = this.#files.slice(this.#from);
      this.#from = 0;
    }
    file.queued = false;
    return file;
  }

  clear(): void {
    this.#files = [];
    this.#from = 0;
  }
}
