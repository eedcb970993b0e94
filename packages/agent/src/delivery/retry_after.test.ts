import assert from "node:assert/strict";
import { test } from "node:test";
import { batchOf, SimulatedClock, seededRandom, simulatedDeliverer } from "../../test/simulation.ts";
import { linesOf, textOf } from "./halves.ts";
import { TransportError } from "./transport_error.ts";

const MINUTE = 60_000;

interface Sent {
  readonly at: number;
  readonly id: string;
  readonly texts: readonly string[];
}

/** What a simulated agent sends to a server that answers as it is told, 20 ms after each request. */
function agentOf(answer: (sent: Sent) => { status: number; retryAfterMs?: number } | TransportError) {
  const clock = new SimulatedClock();
  const sent: Sent[] = [];
  const deliverer = simulatedDeliverer({
    clock,
    random: seededRandom(1),
    sender: {
      async send(id, _attempt, body, signal) {
        const request = { at: clock.now(), id, texts: linesOf(body).map(textOf) };
        sent.push(request);
        await clock.delay(20, signal);
        const answered = answer(request);
        if (answered instanceof TransportError) throw answered;
        return { text: "", retryAfterMs: undefined, ...answered };
      },
    },
  });
  return { clock, sent, deliverer };
}

for (const [what, refusal] of [
  ["429", { status: 429, retryAfterMs: MINUTE }],
  ["503", { status: 503, retryAfterMs: MINUTE }],
  ["a proxy's 503", new TransportError("PROXY_503", "no tunnel", MINUTE)],
] as const) {
  test(`after ${what} with a Retry-After nothing is sent before its end, whatever else is accepted meanwhile`, async () => {
    const { clock, sent, deliverer } = agentOf(({ id, at }) =>
      id === "b0" && at < MINUTE ? refusal : { status: 200 },
    );
    for (const id of ["b0", "b1"]) deliverer.submit(batchOf(id, ["a line"]));
    await clock.run(() => clock.now() > 0 && deliverer.inFlight === 1);
    for (const id of ["b2", "b3"]) deliverer.submit(batchOf(id, ["a line"]));
    await clock.run(() => deliverer.inFlight === 0);
    assert.deepEqual(sent.map(({ id }) => id).toSorted(), ["b0", "b0", "b1", "b2", "b3"]);
    const times = sent.map(({ at }) => at);
    assert.deepEqual(times.slice(0, 2), [0, 0]);
    for (const at of times.slice(2)) assert.ok(at >= MINUTE && at <= 2 * MINUTE, `${times}`);
  });
}

for (const status of [413, 400, 422]) {
  test(`a Retry-After with ${status} is kept before the halves of the body are sent`, async () => {
    const { clock, sent, deliverer } = agentOf(({ texts }) =>
      texts.length > 1 ? { status, retryAfterMs: MINUTE } : { status: 200 },
    );
    deliverer.submit(batchOf("b0", ["one", "two"]));
    await clock.run(() => deliverer.inFlight === 0);
    assert.deepEqual(
      sent.map(({ texts }) => texts),
      [["one", "two"], ["one"], ["two"]],
    );
    const [, second] = sent;
    assert.ok((second?.at ?? 0) >= MINUTE && (second?.at ?? 0) < 2 * MINUTE, `${second?.at}`);
  });
}
