/** What the counters count. Names are those of the agent's metrics, without their prefix. */
const COUNTERS = {
  bytes_read: "Bytes read from log files.",
  bytes_shipped: "Bytes of log files whose lines the server has acknowledged.",
  bytes_empty: "Bytes of line ends and empty lines, which are not shipped.",
  bytes_dropped: "Bytes of log files that were read and given up: beyond the longest line, or refused by the server.",
  bytes_lost: "Bytes of log files that vanished before they were read.",
  lines_shipped: "Lines that the server has acknowledged.",
  lines_refused: "Lines that the server refuses for good.",
  lines_cut: "Lines that were shipped in parts because they are longer than one part.",
  lines_too_large: "Lines, or parts of long ones, that were dropped because they do not fit a request.",
  files_found: "Files that began to be followed.",
  files_closed: "Files that were closed again.",
  files_restored: "Files that were read to their end from a compressed form of them.",
  files_lost: "Files that vanished before they were read to their end.",
  files_refused: "Names that were refused: unreadable, no regular file, or outside the log directories.",
  rotations: "Files that were renamed away or replaced.",
  truncations: "Files that became shorter than what was read of them.",
  watch_overflows: "Times that the kernel's event queue overflowed.",
  requests_accepted: "Requests that the server accepted.",
  requests_failed: "Requests that failed and are sent again.",
  requests_refused: "Requests that the server refused for what they held; their parts were sent again.",
  request_bytes: "Bytes of accepted request bodies as sent, compressed.",
  checkpoint_failures: "Times that the state could not be written.",
  config_reloads: "Times that the configuration was read again.",
  warnings: "Lines of the agent's own log at the level warn.",
  errors: "Lines of the agent's own log at the level error.",
} as const;

/** What the gauges show. */
const GAUGES = {
  files_followed: "Files that are followed.",
  files_open: "Files that are open because they have bytes to read.",
  directories_watched: "Directories with a kernel watch.",
  requests_in_flight: "Requests under way.",
} as const;

export type CounterName = keyof typeof COUNTERS;
export type GaugeName = keyof typeof GAUGES;

/** Every metric at one moment. */
export interface MetricsSnapshot {
  readonly counters: Readonly<Record<CounterName, number>>;
  readonly gauges: Readonly<Record<GaugeName, number>>;
}

/** Counters and gauges as plain numbers: counting one costs an addition. */
export class MetricRegistry {
  readonly #counters = zeroes(COUNTERS);
  readonly #gauges = zeroes(GAUGES);

  /** Adds to a counter. */
  readonly add = (counter: CounterName, by: number): void => {
    this.#counters[counter] += by;
  };

  /** Sets a gauge. */
  readonly set = (gauge: GaugeName, value: number): void => {
    this.#gauges[gauge] = value;
  };

  /** A copy of all values. */
  snapshot(): MetricsSnapshot {
    return { counters: { ...this.#counters }, gauges: { ...this.#gauges } };
  }
}

function zeroes<N extends string>(names: Readonly<Record<N, string>>): Record<N, number> {
  // Object.keys gives strings; these are the very keys of `names`.
  return Object.fromEntries((Object.keys(names) as N[]).map((name) => [name, 0])) as Record<N, number>;
}
