import { Buffer } from "node:buffer";
import type { TestContext } from "node:test";
import { type Batch, NOTHING_LEFT_OUT } from "../src/batch/batcher.ts";
import { Deliverer, type Refused } from "../src/delivery/deliverer.ts";
import type { RefusedLine } from "../src/delivery/quarantine.ts";
import { type Destination, Transport } from "../src/delivery/transport.ts";
import type { AgentEvent } from "../src/telemetry/events.ts";
import { createTelemetry } from "../src/telemetry/mod.ts";
import type { Sink } from "./sink.ts";

/** A deliverer that sends over a real transport. */
interface DeliveryBench {
  readonly deliverer: Deliverer;
  readonly events: AgentEvent[];
  readonly settled: ({ id: string } & Refused)[];
  /** Lines that were given up, in order. */
  readonly aside: readonly RefusedLine[];
  /** How many they were when each batch was settled. */
  readonly asideWhenSettled: readonly number[];
  submit(id: string, ...lines: string[]): void;
  drained(): Promise<void>;
  /** How often room was told without a batch being settled. */
  rooms(): number;
  /** Counters of requests, as the agent's metrics would show them. */
  counters(): Readonly<Record<string, number>>;
}

/** A deliverer that sends to a sink, with short waits; both end with the test. */
export function deliver(t: TestContext, sink: Sink, destination: Partial<Destination> = {}): DeliveryBench {
  t.after(() => sink.close());
  return deliverTo(t, sink.port, destination);
}

/** The same to another server, at a port of this host. */
export function deliverTo(t: TestContext, port: number, destination: Partial<Destination> = {}): DeliveryBench {
  const events: AgentEvent[] = [];
  const settled: ({ id: string } & Refused)[] = [];
  const telemetry = createTelemetry({ level: "error", stream: { write: () => undefined }, isTty: false });
  const aside: RefusedLine[] = [];
  const asideWhenSettled: number[] = [];
  let rooms = 0;
  const transport = new Transport({
    host: "localhost",
    port,
    endpoint: "/logs/agent",
    useSsl: false,
    key: () => "a-key",
    hostname: "host & name",
    ip: undefined,
    mac: undefined,
    tags: ["a", "b"],
    timeoutMs: 2000,
    maxSockets: 4,
    userAgent: "test",
    caFile: undefined,
    caDir: undefined,
    clientCertFile: undefined,
    clientKeyFile: undefined,
    proxy: undefined,
    ...destination,
  });
  const deliverer = new Deliverer({
    sender: transport,
    maxInFlight: 4,
    backoff: { baseMs: 2, capMs: 20 },
    slowRetryMs: 40,
    trialMs: 10,
    setAside: (refused) => aside.push(...refused),
    key: { path: undefined, isSent: true, renew: () => false },
    emit: (event) => {
      events.push(event);
      telemetry.emit(event);
    },
    onSettled: (batch, refused) => {
      settled.push({ id: batch.id, ...refused });
      asideWhenSettled.push(aside.length);
    },
    onRoom: () => {
      rooms += 1;
    },
  });
  t.after(() => {
    deliverer.stop();
    transport.close();
  });
  return {
    deliverer,
    events,
    settled,
    aside,
    asideWhenSettled,
    submit(id, ...lines) {
      const bytes = Buffer.from(JSON.stringify({ lines: lines.map((line) => ({ line, file: "/x.log" })) }));
      const batch: Batch = {
        id,
        ranges: [],
        lines: lines.length,
        bytes: { shipped: 0, empty: 0, excluded: 0, dropped: 0 },
        leftOut: NOTHING_LEFT_OUT,
        body: Promise.resolve({ bytes, encoding: undefined, plainSize: bytes.length }),
      };
      deliverer.submit(batch);
    },
    rooms: () => rooms,
    counters() {
      const { counters } = telemetry.snapshot();
      return Object.fromEntries(Object.entries(counters).filter(([name]) => name.startsWith("requests_")));
    },
    drained: () => deliverer.drained(AbortSignal.timeout(15_000)),
  };
}
