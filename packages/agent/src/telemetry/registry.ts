/** What the counters count. Names are those of the agent's metrics, without their prefix. */
export const COUNTERS = {
  bytes_read: "Bytes read from log files.",
  bytes_shipped: "Bytes of log files whose lines the server has acknowledged.",
  bytes_empty: "Bytes of line ends and empty lines, which are not shipped.",
  bytes_excluded: "Bytes of log files that were read and left out by the rules for lines.",
  bytes_dropped:
    "Bytes of log files that were read and given up: beyond the longest line, refused by the server, or for one of the reasons below.",
  bytes_dropped_over_rate:
    "Bytes of lines that were dropped because their file had more of them than the limit on its rate.",
  bytes_dropped_by_sampling: "Bytes of lines that are not in the share of lines that is shipped.",
  bytes_given_back: "Bytes that were read and not acknowledged when an agent ended; they are read again.",
  bytes_lost: "Bytes of log files that vanished before they were read, those in the next line included.",
  bytes_lost_to_limit: "Bytes of deleted files that were dropped because RETRY_DISK_LIMIT was reached.",
  lines_shipped: "Lines that the server has acknowledged.",
  lines_refused: "Lines that the server refuses for good.",
  lines_quarantined: "Lines that the server refuses for good and that were written to the quarantine.",
  quarantined_lines_removed: "Lines that left the quarantine because it was full.",
  quarantine_failures: "Times that refused lines could not be written to the quarantine.",
  lines_excluded: "Lines that were left out by the rules for lines.",
  lines_dropped_over_rate: "Lines that were dropped because their file had more of them than the limit on its rate.",
  lines_dropped_by_sampling: "Lines that are not in the share of lines that is shipped.",
  lines_undecided: "Lines that the rules for lines could not be applied to: not shipped, or nothing of their text.",
  lines_cut: "Lines that were shipped in parts because they are longer than one part.",
  lines_too_large: "Lines, or parts of long ones, that were dropped because they do not fit a request.",
  files_found: "Files that began to be followed.",
  files_closed: "Files that were closed again.",
  files_restored: "Files that were read to their end from a compressed form of them.",
  restores_limited: "Files that were not restored, or not to their end, because there was no room on disk for it.",
  files_spooled: "Deleted files whose rest was copied to disk until the server acknowledges it.",
  bytes_spooled: "Bytes of deleted files that were copied to disk.",
  files_lost: "Files that vanished before they were read to their end.",
  files_refused: "Names that were refused: unreadable, no regular file, or outside the log directories.",
  rotations: "Files that were renamed away or replaced.",
  truncations: "Files that became shorter than what was read of them.",
  watch_overflows: "Times that the kernel's event queue overflowed.",
  requests_accepted: "Requests that the server accepted.",
  requests_failed: "Requests that failed and are sent again.",
  requests_refused: "Requests that the server refused for what they held; their parts were sent again.",
  request_bytes: "Bytes of accepted request bodies as sent, compressed.",
  key_renewals: "Times that a rotated ingestion key was found in its file.",
  checkpoint_failures: "Times that the state could not be written.",
  accounting_mismatches: "Times that bytes which were read were not accounted for: a mistake of the agent.",
  k8s_lines: "Events of the cluster that the server has acknowledged.",
  k8s_api_failures: "Times that the cluster's API server did not answer, or refused.",
  k8s_containers_unknown: "Containers whose lines were shipped before their pod was known.",
  config_reloads: "Times that the configuration was read again.",
  warnings: "Lines of the agent's own log at the level warn.",
  errors: "Lines of the agent's own log at the level error.",
} as const;

/** What the gauges show. */
export const GAUGES = {
  files_followed: "Files that are followed.",
  files_open: "Files that are open because they have bytes to read.",
  directories_watched: "Directories with a kernel watch.",
  requests_in_flight: "Requests under way.",
  bytes_in_flight: "Bytes of log files that were read and are not acknowledged yet.",
  bytes_unaccounted:
    "Bytes that were read of which the other counters do not say what became of them: 0 but for a mistake.",
  bytes_behind: "Bytes that are in the followed files and were not read yet.",
  retry_pending: "Deleted files of which something waits on disk for the server.",
  retry_storage_used: "Bytes on disk, compressed, of what waits there.",
  k8s_pods: "Pods that are known, deleted ones included of which lines are still to be shipped.",
  delivery_failing: "1 while the server has accepted nothing since an attempt failed, else 0.",
} as const;

/** What the histograms measure, with the upper bounds of their buckets: names and bounds are those of the existing agent. */
export const HISTOGRAMS = {
  ingest_request_size: {
    help: "Bytes of each accepted request body as sent, compressed.",
    bounds: bounds(500, 2, 13),
  },
  ingest_request_duration_seconds: {
    help: "Seconds from sending a request that was accepted to its answer.",
    bounds: bounds(0.0001, 4, 10),
  },
} as const;

export type CounterName = keyof typeof COUNTERS;
export type GaugeName = keyof typeof GAUGES;
export type HistogramName = keyof typeof HISTOGRAMS;

/** One histogram at one moment. */
interface HistogramSnapshot {
  /** How many values lie in each bucket and in none below it; the last one is beyond all bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Every metric at one moment. */
export interface MetricsSnapshot {
  readonly counters: Readonly<Record<CounterName, number>>;
  readonly gauges: Readonly<Record<GaugeName, number>>;
  readonly histograms: Readonly<Record<HistogramName, HistogramSnapshot>>;
}

/** Counters, gauges and histograms as plain numbers: counting one costs an addition. */
export class MetricRegistry {
  readonly #counters = zeroes(COUNTERS);
  readonly #gauges = zeroes(GAUGES);
  readonly #histograms = {
    ingest_request_size: emptyHistogram("ingest_request_size"),
    ingest_request_duration_seconds: emptyHistogram("ingest_request_duration_seconds"),
  };

  #revision = 0;

  /** A number that is another one once a value is. */
  get revision(): number {
    return this.#revision;
  }

  /** Adds to a counter. */
  readonly add = (counter: CounterName, by: number): void => {
    this.#counters[counter] += by;
    this.#revision += 1;
  };

  /** Sets a gauge. */
  readonly set = (gauge: GaugeName, value: number): void => {
    if (this.#gauges[gauge] === value) return;
    this.#gauges[gauge] = value;
    this.#revision += 1;
  };

  /** Adds a value to a histogram. */
  readonly observe = (histogram: HistogramName, value: number): void => {
    const { bounds } = HISTOGRAMS[histogram];
    const found = bounds.findIndex((bound) => value <= bound);
    const bucket = found === -1 ? bounds.length : found;
    const { counts } = this.#histograms[histogram];
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.#histograms[histogram].sum += value;
    this.#revision += 1;
  };

  /** A copy of all values. */
  snapshot(): MetricsSnapshot {
    return {
      counters: { ...this.#counters },
      gauges: { ...this.#gauges },
      histograms: {
        ingest_request_size: copyOf(this.#histograms.ingest_request_size),
        ingest_request_duration_seconds: copyOf(this.#histograms.ingest_request_duration_seconds),
      },
    };
  }
}

/** So many upper bounds, each by the same factor greater than the one before. */
function bounds(first: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => first * factor ** index);
}

function emptyHistogram(name: HistogramName): { counts: number[]; sum: number } {
  return { counts: [...HISTOGRAMS[name].bounds, Number.POSITIVE_INFINITY].map(() => 0), sum: 0 };
}

function copyOf({ counts, sum }: HistogramSnapshot): HistogramSnapshot {
  return { counts: [...counts], sum };
}

function zeroes<N extends string>(names: Readonly<Record<N, string>>): Record<N, number> {
  // Object.keys gives strings; these are the very keys of `names`.
  return Object.fromEntries((Object.keys(names) as N[]).map((name) => [name, 0])) as Record<N, number>;
}
