import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { MAX_BODY_BYTES } from "@logdna-agent/protocol";
import { startServer } from "./server.ts";

const server = await startServer({ after });
const TOO_MUCH = { error: "The server has too much in hand: try again later." };
const lines = [{ line: "fine", app: "app" }];

/** Begins a request whose body is announced and does not come. Resolves once the server waits for the body. */
async function begin(t: TestContext, bytes: number): Promise<Socket> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ port: Number(port), host: hostname });
  t.after(() => void socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.on("error", reject);
  socket.setEncoding("utf8").once("data", () => resolve());
  // The server says to go on once it has let the request in.
  const head = `POST /logs/agent?hostname=slow HTTP/1.1\r\nhost: h\r\napikey: ${server.key}\r\nexpect: 100-continue`;
  socket.write(`${head}\r\ncontent-length: ${bytes}\r\n\r\n`);
  await promise;
  return socket;
}

test("more than fits in memory is answered 503 with a time to wait, and taken once there is room", async (t) => {
  const fitting = Math.floor((256 * 1024 * 1024) / MAX_BODY_BYTES);
  const sockets = await Promise.all(Array.from({ length: fitting }, () => begin(t, MAX_BODY_BYTES)));
  const body = { lines: [{ line: "x".repeat(MAX_BODY_BYTES - 100), app: "app" }] };
  const refused = await server.post(body, { query: "hostname=refused" });
  assert.deepEqual([refused.status, JSON.parse(refused.text)], [503, TOO_MUCH]);
  assert.equal(refused.headers["retry-after"], "1");
  // What is small still fits, and reading has nothing to do with it.
  await server.store("small", lines);
  assert.deepEqual(await server.texts({ host: "small" }), ["fine"]);

  for (const socket of sockets) socket.destroy();
  for (;;) {
    const { status } = await server.post(body, { query: "hostname=later" });
    if (status === 200) break;
    assert.equal(status, 503);
  }
  assert.deepEqual(await server.texts({ host: "refused" }), []);
  assert.equal(server.complaints(), "");
});

test("what was answered, whatever the answer, is in hand no longer", async () => {
  const bodyOf = (line: object): Buffer => gzipSync(JSON.stringify({ lines: [line] }));
  const line = "x".repeat(MAX_BODY_BYTES - 100);
  const bodies = [bodyOf({ line, app: "app" }), bodyOf({ line })] as const;
  const headers = { apikey: server.key, "content-encoding": "gzip" };
  for (let n = 0; n < 15; n += 1) {
    assert.equal((await server.post(bodies[0], { headers })).status, 200);
    assert.equal((await server.post(bodies[1], { headers })).status, 400);
  }
});

test("more lines than a body may have are answered 413, so that an agent sends half of them at a time", async () => {
  const many = Array.from({ length: 200_001 }, () => ({ line: "", app: "a" }));
  const { status, text } = await server.post({ lines: many }, { query: "hostname=many" });
  assert.deepEqual(
    [status, JSON.parse(text)],
    [413, { error: "The body has more than 200000 lines: send fewer at a time." }],
  );
  await server.store("many", many.slice(1));
});
