import assert from "node:assert/strict";
import type { OutgoingHttpHeaders } from "node:http";
import { after, test } from "node:test";
import { makeDirectory, startServer } from "./server.ts";

const server = await startServer({ after });
const lines = (...texts: string[]): object[] => texts.map((line) => ({ line, app: "app" }));

test("a batch that is sent again is answered as if it were new, and stored once", async () => {
  for (let n = 0; n < 3; n += 1) await server.store("again", lines("a", "b"), { batch: "again" });
  assert.deepEqual(await server.texts({ host: "again" }), ["a", "b"]);
});

test("a batch that is sent many times at once is stored once", async () => {
  await Promise.all(Array.from({ length: 20 }, () => server.store("at-once", lines("a", "b"), { batch: "at-once" })));
  assert.deepEqual(await server.texts({ host: "at-once" }), ["a", "b"]);
});

test("many batches at once are stored once each", async () => {
  const batches = Array.from({ length: 60 }, (_, n) => `many-${n % 30}`);
  await Promise.all(batches.map((batch) => server.store("many", lines(batch), { batch })));
  assert.deepEqual((await server.texts({ host: "many" })).toSorted(), [...new Set(batches)].toSorted());
});

test("what counts is the id alone: it is the same at both endpoints and whatever is behind it", async () => {
  await server.store("id", lines("a"), { batch: "id" });
  await server.store("id", lines("b"), { batch: "id", path: "/logs/ingest" });
  await server.store("id", lines("c"), { batch: "ID" });
  assert.deepEqual((await server.texts({ host: "id" })).toSorted(), ["a", "c"]);
});

test("the same lines without an id are stored as often as they are sent", async () => {
  for (let n = 0; n < 3; n += 1) await server.store("no-id", lines("a"));
  assert.deepEqual(await server.texts({ host: "no-id" }), ["a", "a", "a"]);
});

test("a batch that was refused can be sent again under its id", async () => {
  assert.equal((await server.post({ lines: [{}] }, { query: "hostname=refused", batch: "refused" })).status, 400);
  await server.store("refused", lines("a"), { batch: "refused" });
  assert.deepEqual(await server.texts({ host: "refused" }), ["a"]);
});

for (const signal of ["SIGTERM", "SIGKILL"] as const)
  test(`a batch that is sent again after ${signal} and a restart is stored once, whatever it says of its attempts`, async (t) => {
    const dataDir = makeDirectory();
    const first = await startServer(t, { dataDir });
    await first.store("h", lines("a"), { batch: "one" });
    await first.store("h", lines("b"), { batch: "two" });
    assert.equal(await first.stop(signal), signal === "SIGTERM" ? 0 : signal);

    const second = await startServer(t, { dataDir });
    assert.deepEqual(await second.texts({ host: "h" }), ["a", "b"]);
    await second.store("h", lines("a"), { batch: "one" });
    const attempt = (n: number): OutgoingHttpHeaders => ({ apikey: second.key, "x-batch-attempt": String(n) });
    await second.store("h", lines("b"), { batch: "two", headers: attempt(2) });
    await second.store("h", lines("c"), { batch: "three", headers: attempt(1) });
    assert.deepEqual(await second.texts({ host: "h" }), ["a", "b", "c"]);
  });
