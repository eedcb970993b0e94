/** Milliseconds of the monotonic clock, which all processes of a machine have in common (CLOCK_MONOTONIC of clock_gettime(2)). */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
