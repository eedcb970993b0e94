import { Buffer } from "node:buffer";
import { randomFillSync } from "node:crypto";

const RANDOM_BYTES = 9;

/**
 * Makes batch ids that are unique over agents and sort in the order in which they were made, also over restarts:
 * milliseconds since the epoch, strictly increasing, then random characters.
 */
export class BatchIds {
  #last: number;
  /** Random bytes for the next ids: asking for those of one id takes as long. */
  readonly #random = Buffer.alloc(64 * RANDOM_BYTES);
  #used = this.#random.length;
  readonly #now: () => number;

  /** @param after the newest id that is in use already, if any. */
  constructor(after: string | undefined, now: () => number = Date.now) {
    this.#now = now;
    this.#last = after === undefined ? 0 : Number.parseInt(after.slice(0, TIME_CHARACTERS), 36) || 0;
  }

  next(): string {
    this.#last = Math.max(this.#last + 1, this.#now());
    return `${this.#last.toString(36).padStart(TIME_CHARACTERS, "0")}-${this.#someRandom()}`;
  }

  #someRandom(): string {
    if (this.#used + RANDOM_BYTES > this.#random.length) {
      randomFillSync(this.#random);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += RANDOM_BYTES;
    return this.#random.toString("base64url", from, this.#used);
  }
}

/** Base 36 characters that hold milliseconds since the epoch until the year 5188. */
const TIME_CHARACTERS = 9;
