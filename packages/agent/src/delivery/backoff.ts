/** How long to wait before the next attempt. */
export interface BackoffOptions {
  /** Milliseconds that the first wait is drawn from. */
  readonly baseMs: number;
  /** Milliseconds that no wait exceeds. */
  readonly capMs: number;
  /** In `[0, 1)`; a fleet whose server comes back must not come back in step. */
  readonly random?: () => number;
}

/**
 * Exponential back-off with full jitter: before attempt n a time drawn evenly from 0 to `base · 2ⁿ`, at most the cap.
 * @param failures attempts that have failed so far, at least 1.
 */
export function backoffMs(failures: number, options: BackoffOptions): number {
  const ceiling = Math.min(options.capMs, options.baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.round((options.random ?? Math.random)() * ceiling);
}
