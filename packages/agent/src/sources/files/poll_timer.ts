/** Open files are polled at this interval; with many of them less often, which costs less and reads more at a time. */
const POLL_MS = { few: 10, many: 50 } as const;
export const FEW_FILES = 32;
/** Files that no event tells of are looked at this often. */
export const UNTOLD_POLL_MS = 250;

/** What is polled, by number. */
export interface Polled {
  readonly openFiles: number;
  readonly suspectedCopies: number;
}

/** The timer by which files are polled. It runs only while there is something that no event would tell of. */
export class PollTimer {
  readonly #poll: () => void;
  readonly #polled: () => Polled;
  #timer: NodeJS.Timeout | undefined;
  #everyMs = 0;

  constructor(poll: () => void, polled: () => Polled) {
    this.#poll = poll;
    this.#polled = polled;
  }

  /** There is something to poll: goes on, at the interval that suits it now. */
  run(): void {
    const { openFiles, suspectedCopies } = this.#polled();
    const idle = openFiles === 0 && suspectedCopies === 0;
    const everyMs = idle ? UNTOLD_POLL_MS : openFiles <= FEW_FILES ? POLL_MS.few : POLL_MS.many;
    if (this.#timer !== undefined && this.#everyMs === everyMs) return;
    clearInterval(this.#timer);
    this.#everyMs = everyMs;
    this.#timer = setInterval(this.#poll, everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
