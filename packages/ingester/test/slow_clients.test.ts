import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, type TestContext, test } from "node:test";
import { startServer } from "./server.ts";

const plain = await startServer({ after });
const secure = await startServer({ after }, { secure: true });

/** Sends what is given and nothing more. Resolves with what comes back and how long the connection lasted, in milliseconds. */
async function linger(t: TestContext, url: string, sent: string): Promise<{ answer: string; ms: number }> {
  const { hostname, port } = new URL(url);
  const began = performance.now();
  const socket = connect({ port: Number(port), host: hostname });
  t.after(() => void socket.destroy());
  socket.write(sent);
  const answer = await text(socket).catch(() => "");
  return { answer, ms: performance.now() - began };
}

test("who sends half a head, or does not speak TLS where it is asked for, is not waited for", async (t) => {
  const [head, silent, half] = await Promise.all([
    linger(t, plain.url, "POST /logs/agent?hostname=h HTTP/1.1\r\nhost: h\r\nx"),
    linger(t, secure.url, ""),
    linger(t, secure.url, "\u0016\u0003\u0001"),
  ]);
  assert.match(head.answer, /^HTTP\/1\.1 408 /);
  for (const { ms } of [head, silent, half]) assert.ok(ms > 9_000 && ms < 18_000, `${ms} ms`);
  assert.deepEqual([silent.answer, half.answer], ["", ""]);
  await plain.store("h", [{ line: "fine", app: "app" }]);
  assert.equal(plain.complaints() + secure.complaints(), "");
});
