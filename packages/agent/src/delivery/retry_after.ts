/**
 * The longest wait that a server can ask for. An answer must not silence an agent for days, or, as a number that a timer
 * cannot hold, make it try without a pause; a server that still needs rest after this asks again.
 */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

/** The milliseconds of a `Retry-After` (RFC 9110, 10.2.3): seconds or an HTTP date; undefined for anything else. */
export function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.min(ms, MAX_RETRY_AFTER_MS));
}
