/** Lines with the same event and key that are written in one window before the rest is only counted. */
const FIRST_OF_KEY = 5;
/** Lines of one event, whatever their keys, in one window: ten thousand unreadable files are one thing to know. */
const FIRST_OF_EVENT = 50;
/** Length of a window, in milliseconds. */
const WINDOW_MS = 60_000;
/** Keys that are told apart; the rest of a window counts as one. */
const MAX_KEYS = 1000;

interface Window {
  readonly endsAt: number;
  readonly keys: Map<string, number>;
  written: number;
  suppressed: number;
}

/** What a window held back. */
export interface Suppressed {
  readonly event: string;
  readonly count: number;
}

/** Bounds how often the same thing is said: the first few lines are written, then one summary for each minute. */
export class RepeatLimit {
  readonly #windows = new Map<string, Window>();
  readonly #clock: () => number;

  /** @param clock monotonic, in milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Whether this line is to be written. Counts it when not. */
  admits(event: string, key: string): boolean {
    const window = this.#window(event);
    const known = window.keys.get(key);
    const slot = known === undefined && window.keys.size >= MAX_KEYS ? "" : key;
    const ofKey = window.keys.get(slot) ?? 0;
    window.keys.set(slot, ofKey + 1);
    if (ofKey < FIRST_OF_KEY && window.written < FIRST_OF_EVENT) {
      window.written += 1;
      return true;
    }
    window.suppressed += 1;
    return false;
  }

  /** Windows that have ended since, or all of them, with what they held back; they begin anew. */
  ended(all = false): Suppressed[] {
    const now = this.#clock();
    const ended: Suppressed[] = [];
    for (const [event, window] of this.#windows) {
      if (!all && window.endsAt > now) continue;
      this.#windows.delete(event);
      if (window.suppressed > 0) ended.push({ event, count: window.suppressed });
    }
    return ended;
  }

  /** Milliseconds until a window that has held something back ends; undefined when there is none. */
  nextEndInMs(): number | undefined {
    let next: number | undefined;
    for (const window of this.#windows.values()) {
      if (window.suppressed > 0 && (next === undefined || window.endsAt < next)) next = window.endsAt;
    }
    return next === undefined ? undefined : Math.max(0, next - this.#clock());
  }

  #window(event: string): Window {
    const open = this.#windows.get(event);
    if (open !== undefined) return open;
    const window = { endsAt: this.#clock() + WINDOW_MS, keys: new Map<string, number>(), written: 0, suppressed: 0 };
    this.#windows.set(event, window);
    return window;
  }
}
