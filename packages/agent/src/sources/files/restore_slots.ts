/** Forms that are unpacked at once, each with a window of up to 8 MB in memory. */
const MAX_AT_ONCE = 4;

interface Waiting {
  readonly directory: string;
  readonly begin: () => void;
}

/** Lets few restores run at once, and one for each directory: whoever owns a directory can delay what is restored there. */
export class RestoreSlots {
  readonly #busy = new Set<string>();
  #waiting: Waiting[] = [];

  /** Runs one when its turn comes; resolves with what it comes to. */
  async run<T>(directory: string, restore: () => Promise<T>): Promise<T> {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push({ directory, begin: turn.resolve });
    this.#beginNext();
    await turn.promise;
    try {
      return await restore();
    } finally {
      this.#busy.delete(directory);
      this.#beginNext();
    }
  }

  #beginNext(): void {
    const still: Waiting[] = [];
    for (const each of this.#waiting) {
      if (this.#busy.size >= MAX_AT_ONCE || this.#busy.has(each.directory)) still.push(each);
      else {
        this.#busy.add(each.directory);
        each.begin();
      }
    }
    this.#waiting = still;
  }
}
