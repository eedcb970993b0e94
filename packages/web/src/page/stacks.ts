import type { HistogramAnswer } from "@logdna-agent/protocol";
import { LEVEL_KINDS, type LevelKind, levelKind } from "./levels.ts";

/** A histogram as columns to draw: for each level, the height up to and including it, most severe at the bottom. */
export interface Stacks {
  /** Starts of all buckets, those without lines included; milliseconds. */
  readonly starts: readonly number[];
  /** One row for each of `LEVEL_KINDS`, one column for each start. */
  readonly tops: readonly (readonly number[])[];
  readonly counts: readonly Readonly<Record<LevelKind, number>>[];
  readonly total: number;
}

/** Stacks the counts of a histogram. */
export function stackLevels(histogram: HistogramAnswer): Stacks {
  const { bucketMs, from, to } = histogram;
  const byStart = new Map(histogram.buckets.map((bucket) => [bucket.start, bucket.counts]));
  // Buckets may be aligned to multiples of their width rather than to the beginning of the range.
  const anchor = histogram.buckets[0]?.start ?? from;
  const begin = anchor - Math.ceil((anchor - from) / bucketMs) * bucketMs;
  const starts: number[] = [];
  for (let start = begin; start < to; start += bucketMs) if (start + bucketMs > from) starts.push(start);
  const counts = starts.map((start) => {
    const kinds: Record<LevelKind, number> = { fatal: 0, error: 0, warn: 0, info: 0, debug: 0, trace: 0, other: 0 };
    for (const [level, count] of Object.entries(byStart.get(start) ?? {})) kinds[levelKind(level)] += count;
    return kinds;
  });
  const sums = counts.map(() => 0);
  const tops = LEVEL_KINDS.map((kind) => {
    counts.forEach((column, index) => {
      sums[index] = (sums[index] ?? 0) + column[kind];
    });
    return [...sums];
  });
  return { starts, tops, counts, total: sums.reduce((a, b) => a + b, 0) };
}
