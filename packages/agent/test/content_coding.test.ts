import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makePlace, type Place, startedAgent } from "./agent.ts";
import { makeAuthority } from "./certificates.ts";
import { type Sink, startSink } from "./sink.ts";
import { noTinyproxy, startTinyproxy } from "./tinyproxy.ts";

/** Lines that are long enough to be compressed. */
function linesOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${name} ${n} ${"x".repeat(1000)}`);
}

/** Appends lines, and waits until they have arrived. */
async function ship(place: Place, sink: Sink, name: string, count = 3): Promise<string[]> {
  const lines = linesOf(name, count);
  appendFileSync(join(place.logs, "a.log"), `${lines.join("\n")}\n`);
  await sink.until(() => sink.texts().includes(lines.at(-1) ?? ""), `the lines ${name}`);
  return lines;
}

/** Accepts, and says that zstd is taken. */
function announce(_: IncomingMessage, response: ServerResponse): false {
  response.setHeader("accept-encoding", "gzip, zstd");
  return false;
}

function codings(sink: Sink): unknown[] {
  return sink.requests.map(({ headers }) => headers["content-encoding"]);
}

/** Everything once and in order, and each batch under one id, whatever it was compressed with. */
function arrivedOnce(sink: Sink, lines: readonly string[]): void {
  assert.deepEqual(sink.texts(), lines);
  assert.equal(new Set(sink.accepted.map(({ batchId }) => batchId)).size, sink.accepted.length, "a batch came twice");
}

for (const encoder of ["kernel", "zlib"])
  test(`bodies are in zstd once the server has said that it takes it, and in gzip again when it refuses (ENCODER=${encoder})`, async (t) => {
    const place = makePlace();
    const sink = await startSink();
    t.after(() => sink.close());
    const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_ENCODER: encoder } });
    const lines = await ship(place, sink, "before");
    assert.ok(codings(sink).every((coding) => coding === "gzip"));
    sink.behave(announce);
    lines.push(...(await ship(place, sink, "announced")), ...(await ship(place, sink, "taken", 3000)));
    assert.equal(codings(sink).at(-1), "zstd");
    await agent.logged(({ event, coding }) => event === "coding_changed" && coding === "zstd");
    // It goes on to say so, and is wrong.
    sink.behave((request, response) => {
      announce(request, response);
      if (request.headers["content-encoding"] !== "zstd") return false;
      response.writeHead(415).end('{"error":"Only gzip."}');
      return true;
    });
    const refused = sink.requests.length;
    lines.push(...(await ship(place, sink, "refused", 3000)), ...(await ship(place, sink, "after", 3000)));
    const [first, second, ...later] = sink.requests.slice(refused);
    assert.equal(first?.headers["content-encoding"], "zstd");
    assert.ok([second, ...later].some((request) => request?.batchId === first?.batchId));
    assert.equal(codings(sink).at(-1), "gzip");
    await agent.logged(({ event }) => event === "coding_refused");
    assert.equal(await agent.stop(), 0);
    arrivedOnce(sink, lines);
  });

test("COMPRESSION=gzip keeps to it, COMPRESSION=zstd begins with zstd, and both deliver", async (t) => {
  for (const [compression, expected] of [
    ["gzip", "gzip"],
    ["zstd", "zstd"],
  ]) {
    const place = makePlace();
    const sink = await startSink();
    t.after(() => sink.close());
    sink.behave(announce);
    const agent = await startedAgent(t, { place, port: sink.port, env: { LOGDNA_COMPRESSION: compression } });
    const lines = [...(await ship(place, sink, "one")), ...(await ship(place, sink, "two"))];
    assert.equal(await agent.stop(), 0);
    assert.deepEqual(new Set(codings(sink)), new Set([expected]));
    arrivedOnce(sink, lines);
  }
});

test("a batch in zstd that was under way when the agent was killed is sent again under its id, in gzip, with the same lines", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  sink.behave(announce);
  const env = { LOGDNA_MAX_IN_FLIGHT: "1" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const lines = await ship(place, sink, "one");
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  // It has the lines, and its answer never comes.
  sink.behave(() => {
    resolve();
    return true;
  });
  appendFileSync(join(place.logs, "a.log"), `${linesOf("two", 50).join("\n")}\n`);
  await lost;
  await agent.stop("SIGKILL");
  const unanswered = sink.requests.at(-1);
  assert.equal(unanswered?.headers["content-encoding"], "zstd");
  sink.behave(announce);
  const next = await startedAgent(t, { place, port: sink.port, env });
  await sink.until(() => sink.accepted.some(({ batchId }) => batchId === unanswered?.batchId));
  const again = sink.accepted.find(({ batchId }) => batchId === unanswered?.batchId);
  assert.equal(again?.headers["content-encoding"], "gzip");
  assert.deepEqual(
    again?.lines.map(({ line }) => line),
    unanswered?.lines.map(({ line }) => line),
  );
  lines.push(...linesOf("two", 50), ...(await ship(place, sink, "three")));
  assert.equal(await next.stop(), 0);
  arrivedOnce(sink, lines);
});

test("what a server says of codings is heard through a proxy", { skip: noTinyproxy }, async (t: TestContext) => {
  const place = makePlace();
  const authority = await makeAuthority(place.root);
  const sink = await startSink(await authority.issue({ names: ["logs.test"] }), 0, "127.0.0.1");
  t.after(() => sink.close());
  sink.behave(announce);
  const proxy = await startTinyproxy(t, { place, hosts: ["127.0.0.1 logs.test"], settings: [] });
  const agent = await startedAgent(t, {
    place,
    port: sink.port,
    env: {
      LOGDNA_HOST: `logs.test:${sink.port}`,
      LOGDNA_USE_SSL: "true",
      SSL_CERT_FILE: authority.caFile,
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    },
  });
  const lines = [...(await ship(place, sink, "one")), ...(await ship(place, sink, "two"))];
  assert.equal(await agent.stop(), 0);
  assert.deepEqual([codings(sink)[0], codings(sink).at(-1)], ["gzip", "zstd"]);
  arrivedOnce(sink, lines);
});
