import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { WireBody } from "@logdna-agent/protocol";
import { deliverTo } from "../../test/deliver.ts";
import { DESTINATION, hostile } from "../../test/hostile.ts";
import { Transport } from "./transport.ts";
import { TransportError } from "./transport_error.ts";

const MiB = 1024 * 1024;
const { signal } = new AbortController();

interface SlowServer {
  readonly port: number;
  /** Each body that was read to its end, by its batch id. */
  readonly bodies: ReadonlyMap<string, Buffer>;
  /** How many requests were begun. */
  readonly requests: number;
}

/** A server that reads so many bytes in a second, and answers what it has read whole after so many milliseconds. */
async function slowServer(t: TestContext, rate: number, answerMs = 0): Promise<SlowServer> {
  const bodies = new Map<string, Buffer>();
  const result = { port: 0, bodies, requests: 0 };
  const server = createServer(async (request, response) => {
    result.requests += 1;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        await delay((chunk.length / rate) * 1000);
      }
    } catch {
      return;
    }
    await delay(answerMs);
    bodies.set(String(request.headers["x-batch-id"]), Buffer.concat(chunks));
    response.end('{"status":"ok"}');
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  result.port = (server.address() as AddressInfo).port;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return result;
}

/** A transport to it; it ends with the test. */
function transportTo(t: TestContext, port: number, timeoutMs: number): Transport {
  const transport = new Transport({ ...DESTINATION, port, timeoutMs });
  t.after(() => transport.close());
  return transport;
}

const bodyOf = (bytes: Buffer) => ({ bytes, encoding: undefined, plainSize: bytes.length });

function isPartlyWritten(error: unknown): boolean {
  assert.ok(error instanceof TransportError);
  assert.equal(error.code, "PARTLY_WRITTEN");
  assert.match(error.message, /: a request could only be written in part within 300 ms$/);
  return true;
}

test("a request may take longer than the time-out as long as it goes on", async (t) => {
  const server = await slowServer(t, 8 * MiB);
  const bytes = Buffer.alloc(20 * MiB, "x");
  const begun = performance.now();
  const { status } = await transportTo(t, server.port, 1500).send("id", 1, bodyOf(bytes), signal);
  assert.equal(status, 200);
  assert.ok(performance.now() - begun > 1500);
  assert.ok(server.bodies.get("id")?.equals(bytes));
});

test("the answer to a large body may be late: what is written can be in buffers on the way", async (t) => {
  const server = await slowServer(t, 1000 * MiB, 700);
  const transport = transportTo(t, server.port, 300);
  assert.equal((await transport.send("large", 1, bodyOf(Buffer.alloc(MiB)), signal)).status, 200);
  // Not that to a small one.
  await assert.rejects(
    transport.send("small", 1, bodyOf(Buffer.alloc(1000)), signal),
    /none was complete within 300 ms/,
  );
});

test("a server that stops reading is given up after one time-out", async (t) => {
  const { transport, sockets, allClosed } = await hostile(t, (socket) => socket.pause());
  const begun = performance.now();
  await assert.rejects(transport.send("id", 1, bodyOf(Buffer.alloc(64 * MiB)), signal), isPartlyWritten);
  assert.ok(performance.now() - begun < 1500);
  for (const socket of sockets) socket.resume();
  await allClosed();
});

test("what is too much for a link at once goes in halves, and every line arrives once and in order", async (t) => {
  const server = await slowServer(t, 8 * MiB);
  const bench = deliverTo(t, server.port, { timeoutMs: 150 });
  const lines = Array.from({ length: 32 }, (_, n) => `${n} ${"x".repeat(600_000)}`);
  bench.submit("batch", ...lines);
  await bench.drained();
  const bodies = [...server.bodies].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const texts = bodies.flatMap(([, body]) => (JSON.parse(body.toString()) as WireBody).lines.map(({ line }) => line));
  assert.deepEqual(
    texts.map((text) => text.slice(0, 3)),
    lines.map((text) => text.slice(0, 3)),
  );
  assert.ok(bodies.length > 1 && bodies.every(([id]) => id.startsWith("batch-")), `${bodies.map(([id]) => id)}`);
  assert.deepEqual(bench.settled, [{ id: "batch", lines: 0, bytes: 0 }]);
});

test("a server that is silent after it has the whole request gets the same again, never its halves", async (t) => {
  const server = await slowServer(t, 1000 * MiB, 400);
  const bench = deliverTo(t, server.port, { timeoutMs: 150 });
  bench.submit("batch", "one", "two");
  while (server.bodies.size === 0) await delay(10);
  assert.ok(server.requests > 1);
  assert.deepEqual([...server.bodies.keys()], ["batch"]);
});
