import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { BATCH_ID_PATTERN } from "@logdna-agent/protocol";
import { deliver } from "../../test/deliver.ts";
import { type Arrival, type Sink, startSink } from "../../test/sink.ts";

/** A sink that refuses every body with a line that says so. */
async function pickySink(status = 400): Promise<Sink> {
  const sink = await startSink();
  sink.behave((_, response, arrival) => hasPoison(arrival) && answer(response, status));
  return sink;
}

function hasPoison({ lines }: Arrival): boolean {
  return lines.some(({ line }) => line.includes("poison"));
}

function answer(response: ServerResponse, status: number): boolean {
  response.writeHead(status).end('{"error":"no"}');
  return true;
}

for (const status of [400, 413, 422]) {
  test(`a line that the server answers ${status} to is found and left out, the others arrive`, async (t) => {
    const sink = await pickySink(status);
    const bench = deliver(t, sink);
    bench.submit("mixed", "one", "two", "poison é", "three", "four");
    await bench.drained();
    assert.deepEqual(sink.texts(), ["one", "two", "three", "four"]);
    assert.deepEqual(bench.settled, [{ id: "mixed", lines: 1, bytes: "poison xx\n".length }]);
    assert.equal(bench.events.filter(({ name }) => name === "line_refused").length, 1);
  });
}

test("refused lines at the front of a batch are given up once a line behind them is accepted", async (t) => {
  const sink = await pickySink();
  const bench = deliver(t, sink);
  bench.submit("mixed", "poison 1", "poison 2", "poison 3", "good");
  await bench.drained();
  assert.deepEqual(sink.texts(), ["good"]);
  assert.deepEqual(bench.settled, [{ id: "mixed", lines: 3, bytes: 27 }]);
});

test("a refused line that is a batch of its own is given up once another batch is accepted", async (t) => {
  const sink = await pickySink();
  const bench = deliver(t, sink);
  bench.submit("before", "good");
  await bench.drained();
  bench.submit("bad", "poison");
  await sink.until(() => sink.requests.length > 4);
  assert.equal(bench.settled.length, 1);
  bench.submit("after", "good too");
  await bench.drained();
  assert.deepEqual(sink.texts(), ["good too", "good"]);
  assert.deepEqual(bench.settled.at(-1), { id: "bad", lines: 1, bytes: 7 });
});

for (const everAccepted of [false, true]) {
  test(`a server that ${everAccepted ? "comes to refuse" : "always refused"} everything costs nothing: all lines are kept`, async (t) => {
    const sink = await startSink();
    const bench = deliver(t, sink);
    if (everAccepted) bench.submit("a", "zero");
    await bench.drained();
    let refusals = 30;
    sink.behave((_, response) => refusals > 0 && refusals-- > 0 && answer(response, 400));
    for (const id of ["b", "c", "d"]) bench.submit(id, `${id} 1`, `${id} 2`, `${id} 3`);
    await bench.drained();
    assert.equal(refusals, 0);
    const expected = ["b", "c", "d"].flatMap((id) => [`${id} 1`, `${id} 2`, `${id} 3`]);
    assert.deepEqual(sink.texts(), everAccepted ? ["zero", ...expected] : expected);
    assert.ok(bench.settled.every(({ lines }) => lines === 0));
    assert.ok(bench.events.some(({ name }) => name === "line_held"));
  });
}

test("refused lines that fill the window leave room for those whose acceptance shows that they are at fault", async (t) => {
  const sink = await pickySink();
  const bench = deliver(t, sink);
  for (const id of ["a", "b", "c", "d"]) bench.submit(id, "poison");
  assert.equal(bench.deliverer.hasRoom, false);
  await sink.until(() => sink.requests.length > 8);
  assert.equal(bench.deliverer.hasRoom, true);
  assert.ok(bench.rooms() > 0);
  bench.submit("e", "good");
  await bench.drained();
  assert.deepEqual(sink.texts(), ["good"]);
  assert.equal(bench.settled.filter(({ lines }) => lines === 1).length, 4);
});

test("a line refused after an outage holds up nothing behind it", async (t) => {
  const sink = await startSink();
  const bench = deliver(t, sink);
  bench.submit("a", "first");
  await bench.drained();
  let down = true;
  sink.behave((_, response, arrival) => {
    if (down) return answer(response, 503);
    return hasPoison(arrival) && answer(response, 400);
  });
  bench.submit("b", "poison");
  bench.submit("c", "good");
  await sink.until(() => sink.requests.length > 4);
  down = false;
  await bench.drained();
  assert.deepEqual(sink.texts(), ["first", "good"]);
  assert.deepEqual(bench.settled.slice(1), [
    { id: "c", lines: 0, bytes: 0 },
    { id: "b", lines: 1, bytes: 7 },
  ]);
});

test("an outage that begins while a refused line waits ends for the batches behind it too", async (t) => {
  const sink = await pickySink();
  const bench = deliver(t, sink);
  bench.submit("a", "poison");
  await sink.until(() => sink.requests.length > 2);
  let down = true;
  sink.behave((_, response, arrival) => {
    if (hasPoison(arrival)) return answer(response, 400);
    return down && answer(response, 503);
  });
  bench.submit("b", "one");
  bench.submit("c", "two");
  await sink.until(() => sink.requests.filter((arrival) => !hasPoison(arrival)).length > 3);
  down = false;
  await bench.drained();
  assert.deepEqual(sink.texts(), ["one", "two"]);
});

test("each request counts once: as accepted, refused or failed", async (t) => {
  const sink = await startSink();
  const statuses = [503, 403, 404, 400, 200, 400];
  sink.behave((_, response) => {
    const status = statuses.shift();
    return status !== undefined && status !== 200 && answer(response, status);
  });
  const bench = deliver(t, sink);
  bench.submit("a", "one", "two");
  await bench.drained();
  assert.deepEqual(bench.counters(), { requests_accepted: 2, requests_refused: 2, requests_failed: 3 });
});

/** Ids of what was accepted of a batch of these lines of which the sink refuses the whole. */
async function idsOf(t: TestContext, ...lines: string[]): Promise<Map<string, string>> {
  const sink = await startSink();
  sink.behave((_, response, arrival) => arrival.lines.length > 1 && answer(response, 400));
  const bench = deliver(t, sink);
  bench.submit("batch", ...lines);
  await bench.drained();
  return new Map(sink.accepted.map(({ batchId, lines: [line] }) => [batchId, line?.line ?? ""]));
}

test("parts of a batch that is sent again have the ids that they had, and never those of other lines", async (t) => {
  const before = await idsOf(t, "one", "two", "three", "four", "five");
  assert.equal(before.size, 5);
  assert.deepEqual(await idsOf(t, "one", "two", "three", "four", "five"), before);
  // Ids sort in the order of the lines, and are such as servers take.
  assert.deepEqual([...before.keys()].toSorted(), [...before.keys()]);
  for (const id of before.keys()) assert.match(id, BATCH_ID_PATTERN);
  // What the first lines were in is gone by the time that the batch is read again.
  for (const [id, line] of await idsOf(t, "three", "four", "five")) assert.equal(before.get(id) ?? line, line);
});

test("lines are set aside before their batch is settled", async (t) => {
  const sink = await pickySink();
  const bench = deliver(t, sink);
  bench.submit("mixed", "poison 1", "good", "poison 2");
  await bench.drained();
  assert.deepEqual(bench.asideWhenSettled, [2]);
  assert.deepEqual(
    bench.aside.map(({ line, status }) => [line.line, status]),
    [
      ["poison 1", 400],
      ["poison 2", 400],
    ],
  );
});

test("a server that refuses everything is asked less and less often, and not once for each line", async (t) => {
  const sink = await pickySink();
  const bench = deliver(t, sink);
  const lines = Array.from({ length: 2000 }, (_, n) => `poison ${n}`);
  bench.submit("all", ...lines);
  await sink.until(() => sink.requests.length >= 60);
  assert.ok(bench.events.some(({ name }) => name === "line_held"));
  const times = sink.requests.map(({ at }) => at);
  // 24 refusals at full speed; from then on with waits of 20 ms on average at most.
  assert.ok((times.at(-1) ?? 0) - (times[25] ?? 0) > 200, `${(times.at(-1) ?? 0) - (times[25] ?? 0)} ms`);
});
