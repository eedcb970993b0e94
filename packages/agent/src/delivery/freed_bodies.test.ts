import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { deliver } from "../../test/deliver.ts";
import { startSink } from "../../test/sink.ts";
import type { Batch } from "../batch/batcher.ts";
import { NOTHING_LEFT_OUT } from "../batch/batcher.ts";
import { Deliverer } from "./deliverer.ts";
import type { Answer } from "./transport.ts";

const OK: Answer = { status: 200, text: "", retryAfterMs: undefined };
const LINES = [`{"line":"${"x".repeat(100_000)}"}`, '{"line":"y"}'];

/** Delivers one large body to a server that gives these answers. @returns bytes of it that are left afterwards. */
async function leftAfter(...answers: readonly (Answer | Error)[]): Promise<number> {
  const bytes = Buffer.from(`{"lines":[${LINES.join(",")}]}`);
  const { length } = bytes;
  const seen: number[] = [];
  const left = [...answers];
  const settled = Promise.withResolvers<number>();
  const deliverer = new Deliverer({
    sender: {
      send: async (_id, _attempt, body) => {
        seen.push(body.bytes.length);
        const answer = left.shift() ?? OK;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    maxInFlight: 1,
    backoff: { baseMs: 1, capMs: 1 },
    slowRetryMs: 1,
    trialMs: 1,
    setAside: () => undefined,
    key: { path: undefined, isSent: true, renew: () => false },
    emit: () => undefined,
    onSettled: () => settled.resolve(bytes.length),
    onRoom: () => undefined,
  });
  const batch: Batch = {
    id: "batch",
    ranges: [],
    lines: LINES.length,
    bytes: { shipped: length, empty: 0, excluded: 0, dropped: 0 },
    leftOut: NOTHING_LEFT_OUT,
    body: Promise.resolve({ bytes, encoding: undefined, plainSize: length }),
  };
  deliverer.submit(batch);
  const rest = await settled.promise;
  // Whatever was sent again was still whole.
  assert.equal(seen[0], length);
  return rest;
}

test("a body is freed once it is delivered, also after failures", async () => {
  assert.equal(await leftAfter(OK), 0);
  assert.equal(await leftAfter({ ...OK, status: 503 }, { ...OK, status: 500 }, OK), 0);
});

test("a body of which a request may still be on its way out is not freed", async () => {
  assert.notEqual(await leftAfter({ ...OK, status: 503, isEarly: true }, OK), 0);
});

test("a large body that failed is sent again as it was", async (t) => {
  const sink = await startSink();
  const bench = deliver(t, sink);
  const lines = Array.from({ length: 5 }, (_, n) => `${n} ${"z".repeat(100_000)}`);
  sink.behave((request, response) => {
    if (sink.requests.length === 1) return request.destroy() !== undefined;
    if (sink.requests.length > 3) return false;
    response.writeHead(503).end();
    return true;
  });
  bench.submit("large", ...lines);
  await bench.drained();
  assert.equal(sink.requests.length, 4);
  for (const request of sink.requests) assert.deepEqual(request.lines, sink.requests[0]?.lines);
  assert.deepEqual(sink.texts(), lines);
});
