import { setTimeout as delay } from "node:timers/promises";

/** Time as delivery sees it; a simulation has its own. */
export interface Clock {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Resolves after so many milliseconds; rejects when the signal says so. */
  delay(ms: number, signal: AbortSignal): Promise<void>;
}

export const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  delay: (ms, signal) => delay(ms, undefined, { signal }),
};
