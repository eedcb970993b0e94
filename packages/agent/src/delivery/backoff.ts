import type { Verdict } from "./verdict.ts";

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

/**
 * Milliseconds to wait after an attempt that failed.
 *
 * - A failure that passes by itself: back-off as above.
 * - What does not come from a server of this protocol: the same, with `slowMs` as the cap. It may be a deployment that is over
 *   in a second, or a wrong host for a week.
 * - A rejected key, which a person has to put right: evenly from half of `slowMs` to all of it, from the first time on.
 * - A wait that the server asks for is kept in full. What is added on top is drawn from up to half of it: agents that were
 *   told the same at the same moment would come back in step otherwise.
 *
 * @param failures attempts that have failed so far, at least 1.
 * @param asked milliseconds that the server asks for.
 */
export function retryWaitMs(
  verdict: Exclude<Verdict, "accepted">,
  failures: number,
  asked: number | undefined,
  { slowMs, ...backoff }: BackoffOptions & { readonly slowMs: number },
): number {
  const random = backoff.random ?? Math.random;
  const own =
    verdict === "key_rejected"
      ? Math.round((slowMs * (1 + random())) / 2)
      : backoffMs(failures, verdict === "retry" ? backoff : { ...backoff, capMs: slowMs });
  return asked === undefined ? own : Math.max(asked + own, askedWaitMs(asked, random));
}

/** Milliseconds to wait where that many were asked for: up to half of them more, drawn evenly. */
export function askedWaitMs(asked: number, random: () => number = Math.random): number {
  return asked + Math.round((random() * asked) / 2);
}
