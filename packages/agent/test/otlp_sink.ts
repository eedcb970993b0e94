import type { TestContext } from "node:test";
import { type AgentOptions, type AgentProcess, type Place, startedAgent } from "./agent.ts";
import { type ReceivedRecord, readExport } from "./otlp/export_request.ts";
import { type Sink, startSink } from "./sink.ts";

/** A server of OTLP/HTTP that reads every body by OpenTelemetry's definitions. */
export interface OtlpSink extends Sink {
  /** What was wrong with bodies; such a request gets no answer. */
  readonly violations: readonly string[];
  /** Records of accepted requests as a receiver has them that takes each `log.record.uid` once, in the order of arrival. */
  records(): ReceivedRecord[];
  /** Records of accepted requests, also those that came again. */
  arrivals(): ReceivedRecord[];
}

export async function startOtlpSink(t: TestContext): Promise<OtlpSink> {
  const violations: string[] = [];
  const bodies = new Map<unknown, ReceivedRecord[]>();
  const sink = await startSink(undefined, 0, "localhost", (body) => {
    try {
      const records = readExport(body);
      const lines = records.map(({ text, attributes }) => ({ line: text, file: String(attributes["log.file.path"]) }));
      bodies.set(lines, records);
      return lines;
    } catch (error) {
      violations.push(String(error));
      throw error;
    }
  });
  t.after(() => sink.close());
  const arrivals = (): ReceivedRecord[] => sink.accepted.flatMap(({ lines }) => bodies.get(lines) ?? []);
  return Object.assign(sink, {
    violations,
    arrivals,
    records: () => [...new Map(arrivals().map((record) => [record.attributes["log.record.uid"], record])).values()],
  });
}

/** Starts an agent that ships to it. */
export function startOtlpAgent(
  t: TestContext,
  place: Place,
  sink: Pick<Sink, "port">,
  env: AgentOptions["env"] = {},
): Promise<AgentProcess> {
  const otlp = { LOGDNA_OUTPUT: "otlp", LOGDNA_INGESTION_KEY: undefined, LOGDNA_LOOKBACK: "start" };
  return startedAgent(t, { place, port: sink.port, env: { ...otlp, ...env } });
}
