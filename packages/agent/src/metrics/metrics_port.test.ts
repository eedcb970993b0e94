import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { freePort, send } from "../../test/scrape.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { MetricsPort } from "./metrics_port.ts";

const GET = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

/** A port that counts how often it was asked for the metrics. */
async function open(t: TestContext, metricsHost?: string) {
  const asked = { times: 0 };
  const events: AgentEvent[] = [];
  const metrics = (): string => {
    asked.times += 1;
    return "x 1\n";
  };
  const port = new MetricsPort({ metrics, notReady: () => undefined }, (event) => void events.push(event));
  t.after(() => port.close());
  const metricsPort = await freePort();
  await port.listen({ metricsPort, metricsHost });
  return { port, metricsPort, asked, events };
}

test("requests that are sent behind the first of a connection are no work", async (t) => {
  const { metricsPort, asked } = await open(t);
  for (const request of [GET, "GET /metrics HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"]) {
    asked.times = 0;
    await send(metricsPort, request.repeat(500));
    assert.equal(asked.times, 1, request);
  }
});

test("a port that stays as it is, is not closed in between", async (t) => {
  const { port, metricsPort, events } = await open(t);
  await port.listen({ metricsPort, metricsHost: undefined });
  assert.deepEqual(
    events.map(({ name }) => name),
    ["metrics_served"],
  );
  await port.listen({ metricsPort, metricsHost: "127.0.0.1" });
  assert.match(JSON.stringify(events.at(-1)), new RegExp(`"addresses":\\["127.0.0.1:${metricsPort}"\\]`));
  assert.match(await send(metricsPort, GET), /x 1\n$/);
});

test("an address that this host has not is told with what to do", async (t) => {
  // TEST-NET-1: RFC 5737.
  const { metricsPort, events } = await open(t, "192.0.2.1");
  assert.deepEqual(events, [
    {
      name: "metrics_unavailable",
      address: `192.0.2.1:${metricsPort}`,
      code: "EADDRNOTAVAIL",
      advice: "this host has no such address; correct METRICS_HOST",
    },
  ]);
});
