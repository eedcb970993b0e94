import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { makeDirectory, type Server, startServer } from "./server.ts";

/** Sends a head and the beginning of a body; resolves once the server waits for more. */
async function begin(t: TestContext, server: Server, length: number, part: string): Promise<Socket> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ port: Number(port), host: hostname });
  t.after(() => void socket.destroy());
  const going = new Promise((resolve) => socket.once("data", resolve));
  const head = `POST /logs/agent?hostname=h HTTP/1.1\r\nhost: h\r\napikey: ${server.key}\r\nexpect: 100-continue`;
  socket.write(`${head}\r\ncontent-length: ${length}\r\n\r\n`);
  assert.match(String(await going), /^HTTP\/1\.1 100 /);
  socket.write(part);
  return socket;
}

/** Resolves once the server takes no connection any more. */
async function closed({ url }: Server): Promise<void> {
  const { hostname, port } = new URL(url);
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = connect({ port: Number(port), host: hostname }, () => resolve(false));
    socket.on("error", () => resolve(true));
    const refused = await promise;
    socket.destroy();
    if (refused) return;
  }
}

const body = JSON.stringify({ lines: [{ line: "slow", app: "app" }] });

test("SIGTERM: a request that is in hand gets its 200, and is stored", async (t) => {
  const dataDir = makeDirectory();
  const server = await startServer(t, { dataDir });
  const socket = await begin(t, server, body.length, body.slice(0, 10));
  server.child.kill("SIGTERM");
  await closed(server);
  socket.write(body.slice(10));
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /^connection: close\r$/im);
  assert.equal(await server.ended, 0);
  const again = await startServer(t, { dataDir });
  assert.deepEqual(await again.texts({ host: "h" }), ["slow"]);
});

test("SIGTERM: tails end as if all had been said, connections without a request are closed, and that is the end", async (t) => {
  const server = await startServer(t);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const get = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${server.token}` };
      const asked = request(server.url + path, { agent, headers }, (response) => {
        response.once("data", () => server.child.kill(path.includes("tail") ? "SIGTERM" : 0));
        text(response).then(resolve, reject);
      });
      asked.on("error", reject).end();
    });
  await get("/health/live");
  assert.equal(await get("/api/v1/tail"), ": tail\n\n");
  assert.equal(await server.ended, 0);
});

test("SIGTERM: a request that does not come to its end is not waited for without bound", async (t) => {
  const server = await startServer(t);
  const socket = await begin(t, server, body.length, body.slice(0, 10));
  socket.on("error", () => undefined);
  assert.equal(await server.stop(), 0);
});
