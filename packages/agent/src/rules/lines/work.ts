/**
 * Instructions that may be looked at for a line: so many, and so many for each UTF-16 unit of it. For a line of 1 MiB that is about
 * 100 ms. What is known from other lines takes none, so nothing comes near it but a pattern that many ways lead through
 * at once, on a line that was made to be different at each place.
 */
const FREE_STEPS = 2_000_000;
const STEPS_PER_UNIT = 8;

/** What counts the instructions that it looked at. */
interface Worker {
  readonly steps: number;
}

/** The instructions that may be looked at for one line, by all expressions of a list together. */
export class LineWork {
  #left: number;

  constructor(line: string) {
    this.#left = FREE_STEPS + STEPS_PER_UNIT * line.length;
  }

  /**
   * Lets one of them work, and counts what it does.
   * @param work gets the instructions that are left, and fails when it takes more.
   */
  do<T>(worker: Worker, work: (allowed: number) => T): T {
    const before = worker.steps;
    try {
      return work(this.#left);
    } finally {
      this.#left = Math.max(0, this.#left - (worker.steps - before));
    }
  }
}
