import type { Clock } from "../delivery/clock.ts";
import { REAL_CLOCK } from "../delivery/clock.ts";
import type { ApiClient, Query } from "./api_client.ts";
import type { JsonRecord } from "./json_values.ts";
import type { Leadership } from "./leader_election.ts";
import type { PushedLines } from "./pushed_lines.ts";
import { statisticsLines } from "./statistics_lines.ts";

export interface StatisticsSourceOptions {
  readonly client: Pick<ApiClient, "list">;
  readonly lines: PushedLines;
  readonly onFailed: (error: unknown) => void;
  readonly clock?: Clock;
  /** Milliseconds from one report to the next. */
  readonly everyMs?: number;
}

/** As in the existing agent. */
const EVERY_MS = 30_000;
/** The `file` of the lines, as in the existing agent. */
const REPORTER = "logdna-reporter";
const PAGE = 200;
/** As old as the server's cache is, which spares its store. */
const FROM_CACHE: Query = { limit: PAGE, resourceVersion: "0" };

/** Ships what the cluster's metrics server tells while this agent leads. What cannot be shipped of one moment is not made up for. */
export class StatisticsSource {
  readonly #options: StatisticsSourceOptions;
  readonly #clock: Clock;

  constructor(options: StatisticsSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
  }

  /** Leads; see `LeaderElectionOptions`. */
  readonly lead = async ({ signal, holds }: Leadership): Promise<void> => {
    const { onFailed, everyMs = EVERY_MS } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#report(signal, holds);
      } catch (error) {
        if (!signal.aborted) onFailed(error);
      }
      await this.#clock.delay(everyMs, signal).catch(() => undefined);
    }
  };

  async #report(signal: AbortSignal, holds: () => boolean): Promise<void> {
    const { lines } = this.#options;
    // A server that does not keep up gets fewer reports, not a queue of them.
    if (!lines.isSafe) return;
    const [podMetrics, nodeMetrics, pods, nodes] = [
      await this.#all("/apis/metrics.k8s.io/v1beta1/pods", {}, signal),
      await this.#all("/apis/metrics.k8s.io/v1beta1/nodes", {}, signal),
      await this.#all("/api/v1/pods", FROM_CACHE, signal),
      await this.#all("/api/v1/nodes", FROM_CACHE, signal),
    ];
    for (const text of statisticsLines({ pods, nodes, podMetrics, nodeMetrics, now: Date.now() })) {
      if (signal.aborted || !holds()) return;
      await lines.push({ text, path: REPORTER, own: { file: REPORTER } });
    }
  }

  async #all(path: string, query: Query, signal: AbortSignal): Promise<JsonRecord[]> {
    const items: JsonRecord[] = [];
    // Who changed which field when is most of an object, and nobody asks for it.
    await this.#options.client.list(
      path,
      query,
      ({ metadata, ...item }) => void items.push({ ...item, metadata: slim(metadata) }),
      signal,
    );
    return items;
  }
}

function slim(metadata: unknown): unknown {
  const { managedFields: _, annotations: __, ...rest } = (metadata ?? {}) as JsonRecord;
  return rest;
}
