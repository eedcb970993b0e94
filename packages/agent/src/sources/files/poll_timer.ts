/** Open files that no event tells of are polled at this interval; with many open less often, which reads more at a time. */
const POLL_MS = { few: 10, many: 50 } as const;
export const FEW_FILES = 32;
/** Files that no event tells of, and that need not be open, are looked at this often. */
export const UNTOLD_POLL_MS = 250;

/** How often what is urgent is polled, with so many files open. */
export function shortPollMs(openFiles: number): number {
  return openFiles <= FEW_FILES ? POLL_MS.few : POLL_MS.many;
}

/** The timer by which files are polled. It runs only while there is something that no event may tell of. */
export class PollTimer {
  readonly #poll: () => void;
  readonly #clock: () => number;
  #timer: NodeJS.Timeout | undefined;
  #everyMs = 0;
  #nextAt = 0;

  /** @param clock monotonic, in milliseconds. */
  constructor(poll: () => void, clock: () => number) {
    this.#poll = poll;
    this.#clock = clock;
  }

  /** There is to be a poll within this time. */
  within(ms: number): void {
    if (this.#timer === undefined || this.#nextAt > this.#clock() + ms) this.#run(ms);
  }

  /** Polls at this interval from now on; not any more where it is infinite. */
  every(ms: number): void {
    if (ms === Number.POSITIVE_INFINITY) this.stop();
    else if (this.#timer === undefined || ms !== this.#everyMs) this.#run(ms);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #run(ms: number): void {
    clearInterval(this.#timer);
    this.#everyMs = ms;
    this.#nextAt = this.#clock() + ms;
    this.#timer = setInterval(() => {
      this.#nextAt = this.#clock() + ms;
      this.#poll();
    }, ms);
  }
}
