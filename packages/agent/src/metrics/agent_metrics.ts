import { LAYERS } from "@logdna-agent/confinement";
import {
  COUNTERS,
  type CounterName,
  GAUGES,
  type GaugeName,
  HISTOGRAMS,
  type HistogramName,
  type MetricsSnapshot,
} from "../telemetry/registry.ts";
import type { Metric, Sample } from "./exposition.ts";
import { processMetrics } from "./process_metrics.ts";

/** What the agent's metrics tell besides what is counted. Nothing of the configuration, and no name, is in it. */
export interface AgentFacts {
  readonly version: string;
  /** The layers of the confinement that hold. */
  readonly layers: readonly string[];
  /** Whether everything that was to be given away was. A layer that this host has no use for is not counted as lacking. */
  readonly confined: boolean;
}

const PREFIX = "logdna_agent_";

/** Names under which the existing agent counts the same, so that its dashboards and alerts go on; each with ours. */
const EXISTING_COUNTERS = {
  fs_bytes: ["bytes_read"],
  fs_lines: ["lines_shipped", "lines_refused"],
  ingest_retries: ["requests_failed"],
} as const satisfies Readonly<Record<string, readonly CounterName[]>>;
const EXISTING_GAUGES = { fs_files: "files_followed" } as const satisfies Readonly<Record<string, GaugeName>>;

/** Of a histogram of the existing agent, the label that says which requests are in it; failed ones are counted only. */
const HISTOGRAM_LABELS: Readonly<Partial<Record<HistogramName, Record<string, string>>>> = {
  ingest_request_duration_seconds: { outcome: "success" },
};

/** Every metric of the agent. */
export function agentMetrics(snapshot: MetricsSnapshot, { version, layers, confined }: AgentFacts): Metric[] {
  const { counters, gauges } = snapshot;
  const simple = (type: "counter" | "gauge", name: string, help: string, value: number): Metric => ({
    name: PREFIX + name,
    help,
    type,
    samples: [{ value }],
  });
  return [
    {
      name: `${PREFIX}info`,
      help: "The running agent; always 1.",
      type: "gauge",
      samples: [{ labels: { version }, value: 1 }],
    },
    simple(
      "gauge",
      "confined",
      "1 when the agent is confined and nothing of what it gives away on this host is lacking, else 0.",
      Number(confined),
    ),
    {
      name: `${PREFIX}confinement_layer`,
      help: "1 for each layer of the confinement that holds, 0 for the others.",
      type: "gauge",
      samples: LAYERS.map((layer) => ({ labels: { layer }, value: Number(layers.includes(layer)) })),
    },
    ...namesOf(COUNTERS).map((name) => simple("counter", name, COUNTERS[name], counters[name])),
    ...namesOf(GAUGES).map((name) => simple("gauge", name, GAUGES[name], gauges[name])),
    ...namesOf(HISTOGRAMS).map((name) => histogram(name, snapshot)),
    ...namesOf(EXISTING_COUNTERS).map((name) => {
      const ours = EXISTING_COUNTERS[name];
      const value = ours.reduce((sum, counter) => sum + counters[counter], 0);
      return simple("counter", name, `The existing agent's name: ${ours.join(" + ")}.`, value);
    }),
    ...namesOf(EXISTING_GAUGES).map((name) => {
      const ours = EXISTING_GAUGES[name];
      return simple("gauge", name, `The existing agent's name: ${ours}.`, gauges[ours]);
    }),
    ...processMetrics(),
  ];
}

function histogram(name: HistogramName, { histograms }: MetricsSnapshot): Metric {
  const { help, bounds } = HISTOGRAMS[name];
  const { counts, sum } = histograms[name];
  const labels = HISTOGRAM_LABELS[name] ?? {};
  let below = 0;
  const samples: Sample[] = counts.map((count, index) => {
    below += count;
    return { suffix: "_bucket", labels: { ...labels, le: String(bounds[index] ?? "+Inf") }, value: below };
  });
  samples.push({ suffix: "_sum", labels, value: sum }, { suffix: "_count", labels, value: below });
  return { name: PREFIX + name, help, type: "histogram", samples };
}

/** Object.keys gives strings; these are the very keys of the table. */
function namesOf<N extends string>(table: Readonly<Record<N, unknown>>): N[] {
  return Object.keys(table) as N[];
}
