/** Time between two notes about one file, and after which a file counts as quiet, in milliseconds. */
const NOTE_MS = 10_000;
const QUIET_MS = 1000;

/** What was dropped of a file since it was last told. */
export interface Dropped {
  readonly lines: number;
  /** Seconds that it took, at least 1. */
  readonly seconds: number;
  /** Offset of the last of these lines. */
  readonly offset: number;
}

/** The lines of one file that pass: so many a second, and as many at once after a second without any. */
export class RateLimit {
  #tokens: number;
  #filledAt: number;
  #dropped = 0;
  #since = 0;
  #lastAt = 0;
  #lastOffset = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a monotonic clock. */
  constructor(perSecond: number, now: number) {
    this.#tokens = Math.max(1, perSecond);
    this.#filledAt = now;
  }

  /** Whether a line passes. @param perSecond as it is now. */
  passes(perSecond: number, offset: number, now: number): boolean {
    const filled = this.#tokens + ((now - this.#filledAt) / 1000) * perSecond;
    this.#tokens = Math.min(Math.max(1, perSecond), filled);
    this.#filledAt = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return true;
    }
    if (this.#dropped === 0) this.#since = now;
    this.#dropped += 1;
    this.#lastAt = now;
    this.#lastOffset = offset;
    return false;
  }

  /** Lines that were dropped and not told. */
  get hasDropped(): boolean {
    return this.#dropped > 0;
  }

  /** What is to be told now, and is told by that: nothing before ten seconds are over, or the file is quiet. */
  takeDropped(now: number, isLast = false): Dropped | undefined {
    if (this.#dropped === 0) return undefined;
    const isQuiet = now - this.#lastAt >= QUIET_MS && now - this.#toldAt >= NOTE_MS;
    if (!isLast && !isQuiet && now - this.#since < NOTE_MS) return undefined;
    const seconds = Math.max(1, Math.round((now - this.#since) / 1000));
    const dropped = { lines: this.#dropped, seconds, offset: this.#lastOffset };
    this.#dropped = 0;
    this.#toldAt = now;
    return dropped;
  }
}
