/** Kept however heavy they are: few combinations are worth their memory in any configuration. */
const ALWAYS_KEPT = 64;
/** Units of weight in all, which take about 50 MB; see `LineStage.weight`. */
const MOST_WEIGHT = 1 << 19;

/** Something that takes time to make, and memory to keep. */
interface Weighty {
  readonly weight: number;
}

/**
 * What is made of combinations of rules, by key; those that were used last are kept. How many combinations there are is decided by the
 * names of files, which anybody may give; so they are bounded by what they take, and not by a number that a configuration with
 * many of them would reach, to make each of them anew at each of its turns.
 */
export class StageCache<T extends Weighty> {
  readonly #make: (key: string) => T;
  readonly #mostWeight: number;
  /** The one that was used last is the last one. */
  readonly #kept = new Map<string, T>();
  #weight = 0;

  constructor(make: (key: string) => T, mostWeight = MOST_WEIGHT) {
    this.#make = make;
    this.#mostWeight = mostWeight;
  }

  of(key: string): T {
    let one = this.#kept.get(key);
    if (one === undefined) {
      one = this.#make(key);
      this.#weight += one.weight;
    } else this.#kept.delete(key);
    this.#kept.set(key, one);
    for (const [oldest, { weight }] of this.#kept) {
      if (this.#weight <= this.#mostWeight || this.#kept.size <= ALWAYS_KEPT) break;
      this.#kept.delete(oldest);
      this.#weight -= weight;
    }
    return one;
  }
}
