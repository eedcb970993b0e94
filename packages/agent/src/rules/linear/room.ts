/** What keeps things that it can find anew. */
export interface Keeper {
  /** Lets go of all of them. */
  forget(): void;
}

/** Numbers in all tables together; about 50 MB. */
const MOST_ENTRIES = 1 << 21;

/**
 * The room for what the automata of a configuration learn. Each has a bound of its own, but there may be many of them: once this
 * is full, all forget.
 */
export class Room {
  readonly #most: number;
  readonly #keepers = new Set<Keeper>();
  #entries = 0;

  constructor(most = MOST_ENTRIES) {
    this.#most = most;
  }

  /** Numbers that are kept now. */
  get entries(): number {
    return this.#entries;
  }

  /** To be called before numbers are kept; the keeper may have to forget what it has. */
  take(keeper: Keeper, entries: number): void {
    if (this.#entries + entries > this.#most) {
      for (const each of this.#keepers) each.forget();
      this.#keepers.clear();
      this.#entries = 0;
    }
    this.#keepers.add(keeper);
    this.#entries += entries;
  }
}
