import type { MetricsSnapshot } from "../telemetry/registry.ts";
import type { Accounting } from "./report.ts";

/** What became of the bytes that were read, out of the metrics. Empty lines are excluded, too. */
export function accountingOf({ counters, gauges }: Pick<MetricsSnapshot, "counters" | "gauges">): Accounting {
  return {
    read: counters.bytes_read,
    shipped: counters.bytes_shipped,
    excluded: counters.bytes_empty + counters.bytes_excluded,
    dropped: counters.bytes_dropped,
    givenBack: counters.bytes_given_back,
    inFlight: gauges.bytes_in_flight,
  };
}
