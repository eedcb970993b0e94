import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeAuthority } from "../../test/certificates.ts";
import { deliver } from "../../test/deliver.ts";
import { startSink } from "../../test/sink.ts";

test("a batch goes out once, with the documented parameters and headers", async (t) => {
  const sink = await startSink();
  const bench = deliver(t, sink);
  bench.submit("id-1", "one", "two");
  await bench.drained();
  assert.deepEqual(bench.settled, [{ id: "id-1", lines: 0, bytes: 0 }]);
  const [arrival] = sink.accepted;
  assert.equal(arrival?.url.pathname, "/logs/agent");
  const { now, ...query } = Object.fromEntries(arrival?.url.searchParams ?? []);
  assert.deepEqual(query, { hostname: "host & name", tags: "a,b" });
  assert.ok(Math.abs(Number(now) - Date.now()) < 5000);
  assert.equal(arrival?.headers.apikey, "a-key");
  assert.equal(arrival?.headers["x-batch-id"], "id-1");
  assert.equal(arrival?.headers["x-batch-attempt"], "1");
  assert.equal(arrival?.headers["content-type"], "application/json; charset=UTF-8");
});

for (const status of [408, 425, 429, 500, 502, 503, 504, 507, 301, 404, 501, 401, 403]) {
  test(`after ${status} the same batch is sent again until it is accepted`, async (t) => {
    const sink = await startSink();
    let refusals = 2;
    sink.behave((_, response) => {
      if (refusals === 0) return false;
      refusals -= 1;
      response.writeHead(status, { location: "http://localhost:1/" }).end("{}");
      return true;
    });
    const bench = deliver(t, sink);
    bench.submit("id-1", "one");
    await bench.drained();
    assert.deepEqual(sink.texts(), ["one"]);
    assert.deepEqual(
      sink.requests.map(({ headers }) => headers["x-batch-attempt"]),
      ["1", "2", "3"],
    );
    assert.deepEqual([...new Set(sink.requests.map(({ batchId }) => batchId))], ["id-1"]);
  });
}

test("Retry-After is kept", async (t) => {
  const sink = await startSink();
  const times: number[] = [];
  sink.behave((_, response) => {
    times.push(performance.now());
    if (times.length > 1) return false;
    response.writeHead(429, { "retry-after": "1" }).end("{}");
    return true;
  });
  const bench = deliver(t, sink);
  bench.submit("id-1", "one");
  await bench.drained();
  assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 990);
});

test("while the server fails, one batch at a time is tried, and all arrive in order once it recovers", async (t) => {
  const sink = await startSink();
  let failing = true;
  let under = 0;
  let most = 0;
  sink.behave(async (_, response) => {
    if (!failing) return false;
    under += 1;
    // The first of each batch were sent before anything had failed, and may be answered late.
    if (sink.requests.length > 10) most = Math.max(most, under);
    await new Promise((resolve) => setTimeout(resolve, 5));
    under -= 1;
    if (sink.requests.length > 20) failing = false;
    response.writeHead(503).end();
    return true;
  });
  const bench = deliver(t, sink);
  for (const id of ["a", "b", "c", "d"]) bench.submit(id, id);
  assert.equal(bench.deliverer.hasRoom, false);
  await bench.drained();
  assert.equal(most, 1);
  assert.deepEqual(sink.texts().toSorted(), ["a", "b", "c", "d"]);
  assert.equal(sink.texts()[0], "a");
  assert.ok(bench.events.some(({ name }) => name === "delivery_recovered"));
});

test("an answer that does not come, and a connection that breaks, are failures that are tried again", async (t) => {
  const sink = await startSink();
  let turn = 0;
  sink.behave((request) => {
    turn += 1;
    if (turn === 1) return true;
    if (turn === 2) request.destroy();
    return turn === 2;
  });
  const bench = deliver(t, sink, { timeoutMs: 150 });
  bench.submit("id", "one");
  await bench.drained();
  assert.deepEqual(sink.texts(), ["one"]);
  assert.equal(sink.requests.length, 3);
});

test("an endless answer is cut off", async (t) => {
  const sink = await startSink();
  let turn = 0;
  sink.behave((_, response) => {
    turn += 1;
    if (turn > 1) return false;
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
    return true;
  });
  const bench = deliver(t, sink);
  bench.submit("id", "one");
  await bench.drained();
  assert.deepEqual(bench.settled, [{ id: "id", lines: 0, bytes: 0 }]);
  assert.deepEqual(sink.texts(), ["one"]);
});

test("certificates are verified: nothing is sent to a server that cannot prove its name", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "tls-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const authority = await makeAuthority(directory);
  const foreign = await makeAuthority(directory, "foreign authority");
  const sink = await startSink(await authority.issue({ validForMs: -1000 }));
  const bench = deliver(t, sink, { useSsl: true, caFile: authority.caFile });
  const reasons = (): string[] =>
    bench.events.flatMap((event) => (event.name === "delivery_failed" ? [event.reason] : []));
  const until = async (pattern: RegExp): Promise<void> => {
    const deadline = Date.now() + 10_000;
    while (!reasons().some((reason) => pattern.test(reason))) {
      assert.ok(Date.now() < deadline, `no ${pattern} in ${reasons()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  bench.submit("id", "one");
  await until(/its certificate has expired/);
  sink.useCertificate(await authority.issue({ names: ["elsewhere.example"] }));
  await until(/its certificate is for another name/);
  sink.useCertificate(await foreign.issue());
  await until(/authority that this machine does not trust: name its CA file with SSL_CERT_FILE/);
  assert.equal(sink.requests.length, 0);
  sink.useCertificate(await authority.issue());
  await bench.drained();
  assert.deepEqual(sink.texts(), ["one"]);
  assert.ok(!JSON.stringify(bench.events).includes("a-key"));
});
