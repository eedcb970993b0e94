import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Agent } from "../src/agent.ts";
import { loadConfig } from "../src/config/mod.ts";
import { makeOutlet } from "../src/delivery/outlet.ts";
import { StateStore } from "../src/state/state_store.ts";
import type { AgentEvent } from "../src/telemetry/events.ts";
import { createTelemetry } from "../src/telemetry/mod.ts";
import { VERSION } from "../src/version.ts";
import { configFile, makePlace } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { startSink } from "./sink.ts";

/** Mistakes that an agent could have: each changes what is counted, and says how many bytes are unaccounted for then. */
const MISTAKES: readonly (readonly [what: string, unaccounted: number, mistaken: (event: AgentEvent) => AgentEvent])[] =
  [
    ["none", 0, (event) => event],
    [
      "a byte of a batch that counts nowhere",
      1,
      (event) => (event.name === "batch_settled" ? { ...event, shipped: event.shipped - 1 } : event),
    ],
    [
      "a line end that counts twice",
      -1,
      (event) => (event.name === "batch_settled" ? { ...event, empty: event.empty + 1 } : event),
    ],
  ];

for (const [what, unaccounted, mistaken] of MISTAKES) {
  test(`bytes that are not accounted for are told and are a metric: ${what}`, async (t) => {
    const place = makePlace();
    const sink = await startSink();
    t.after(() => sink.close());
    const loaded = loadConfig({
      argv: [],
      env: {
        LOGDNA_INGESTION_KEY: "test-key-0123456789",
        LOGDNA_HOST: `localhost:${sink.port}`,
        LOGDNA_USE_SSL: "false",
        LOGDNA_DB_PATH: place.state,
        LOGDNA_LOOKBACK: "start",
        LOGDNA_CONFIG_FILE: configFile(place),
      },
      version: VERSION,
    });
    assert.ok(loaded.kind === "run");
    const telemetry = createTelemetry({ level: "error", stream: { write: () => undefined }, isTty: false });
    const told: unknown[] = [];
    const emit = (event: AgentEvent): void => {
      if (event.name === "accounting_mismatch") told.push(event.bytes);
      telemetry.emit(mistaken(event));
    };
    const state = StateStore.open(place.state);
    t.after(() => state.close());
    const outlet = makeOutlet(loaded.config, telemetry);
    const agent = new Agent(loaded.config, { ...telemetry, emit }, { state, outlet });
    writeFileSync(join(place.logs, "a.log"), "one\n");
    await agent.start();
    await eventually(() => telemetry.snapshot().counters.lines_shipped === 1, "the line acknowledged");
    agent.measure();
    agent.measure();
    assert.deepEqual(told, unaccounted === 0 ? [] : [unaccounted]);
    const { counters, gauges } = telemetry.snapshot();
    assert.deepEqual([gauges.bytes_unaccounted, counters.accounting_mismatches], [unaccounted, told.length]);
    assert.equal((await agent.stop(5000)).complete, true);
  });
}
