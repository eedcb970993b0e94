import type { TailedFile } from "./tailed_file.ts";

/** Files that are gone from the front of a list are cut off once there are so many of them. */
const CUT_AT = 1024;
/** Unread bytes from which a file counts as behind: two reads of it. */
const BEHIND_BYTES = 256 * 1024;

/**
 * The files that may have something to read, each once. Those that keep up and those that are behind take turns, and among
 * themselves the one that has waited longest comes first: what is written now does not wait for a backlog, however many
 * files it is in, and a backlog does not wait for ever.
 */
export class ReadyQueue {
  readonly #onFilled: () => void;
  readonly #current = new Line();
  readonly #behind = new Line();
  #turnOfBehind = false;

  /** @param onFilled called when the queue is not empty any more. */
  constructor(onFilled: () => void) {
    this.#onFilled = onFilled;
  }

  get size(): number {
    return this.#current.size + this.#behind.size;
  }

  add(file: TailedFile): void {
    if (file.queued) return;
    file.queued = true;
    (file.size - file.position.offset > BEHIND_BYTES ? this.#behind : this.#current).add(file);
    if (this.size === 1) this.#onFilled();
  }

  take(): TailedFile | undefined {
    const first = this.#turnOfBehind ? this.#behind : this.#current;
    const second = this.#turnOfBehind ? this.#current : this.#behind;
    this.#turnOfBehind = !this.#turnOfBehind;
    const file = first.take() ?? second.take();
    if (file !== undefined) file.queued = false;
    return file;
  }

  clear(): void {
    this.#current.clear();
    this.#behind.clear();
  }
}

/** First in, first out. */
class Line {
  #files: TailedFile[] = [];
  #from = 0;

  get size(): number {
    return this.#files.length - this.#from;
  }

  add(file: TailedFile): void {
    this.#files.push(file);
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
    return file;
  }

  clear(): void {
    this.#files = [];
    this.#from = 0;
  }
}
