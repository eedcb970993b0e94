import assert from "node:assert/strict";
import { appendFileSync, chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { type Sink, startSink } from "./sink.ts";

const KEY = "test-key-0123456789";

/** A sink that answers so to a body with a line that begins with `poison`. */
async function pickySink(t: TestContext, status: number): Promise<Sink> {
  const sink = await startSink();
  t.after(() => sink.close());
  sink.behave((request, response, { lines }) => {
    if (!lines.some(({ line }) => line.startsWith("poison"))) return false;
    response.writeHead(status).end(`no such line, ${request.headers.apikey}`);
    return true;
  });
  return sink;
}

function start(t: TestContext, place: Place, sink: Sink, env: Record<string, string> = {}): Promise<AgentProcess> {
  return startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start", ...env } });
}

function quarantined(place: Place, name = "quarantine.jsonl"): Record<string, unknown>[] {
  const text = readFileSync(join(place.state, name), "utf8");
  assert.ok(text.endsWith("\n"));
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Everything that was read is accounted for. */
async function assertAccounted(agent: AgentProcess, expected: Record<string, number>): Promise<void> {
  const counters = await agent.logged(({ event }) => event === "agent_counters");
  const { bytes_read, bytes_shipped, bytes_empty, bytes_dropped } = counters as unknown as Record<string, number>;
  assert.equal(bytes_read, (bytes_shipped ?? 0) + (bytes_empty ?? 0) + (bytes_dropped ?? 0));
  for (const [name, value] of Object.entries(expected)) assert.equal(counters[name], value, name);
}

for (const status of [400, 422]) {
  test(`a line that is answered ${status} for good goes to the quarantine within seconds; the others arrive meanwhile`, async (t) => {
    const place = makePlace();
    const sink = await pickySink(t, status);
    const log = join(place.logs, "a.log");
    writeFileSync(log, `one\ntwo\npoison é ${KEY}\nthree\n`);
    const agent = await start(t, place, sink);
    await sink.until(() => sink.texts().length === 3);
    const begun = performance.now();
    // While the line is tried, lines of the same file go on.
    appendFileSync(log, "four\n");
    await sink.until(() => sink.texts().includes("four"));
    assert.ok(!agent.log().some(({ event }) => event === "line_refused"), "given up before the others had their turn");
    await agent.logged(({ event }) => event === "lines_quarantined");
    assert.ok(performance.now() - begun < 10_000, `${performance.now() - begun} ms`);
    assert.equal(await agent.stop(), 0);

    assert.deepEqual(sink.texts().toSorted(), ["four", "one", "three", "two"]);
    const [{ time, batch, ...record } = {}, ...more] = quarantined(place);
    assert.deepEqual(more, []);
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
    assert.deepEqual(record, {
      file: log,
      line: "poison é ***",
      status,
      reason: `${status} no such line, ***`,
    });
    const alone = sink.requests.filter(({ lines }) => lines.length === 1 && lines[0]?.line.startsWith("poison"));
    assert.ok(alone.length >= 3 && alone.length <= 6, `${alone.length} attempts`);
    assert.ok(alone.every(({ batchId }) => batchId === batch));
    const mode = statSync(join(place.state, "quarantine.jsonl")).mode & 0o777;
    assert.equal(mode.toString(8), "600");
    await assertAccounted(agent, {
      lines_refused: 1,
      lines_quarantined: 1,
      bytes_dropped: Buffer.byteLength(`poison é ${KEY}\n`),
      lines_shipped: 4,
    });
    assert.ok(!agent.output().includes(KEY));

    // It was acknowledged: the next run does not send it again.
    const before = sink.requests.length;
    const next = await start(t, place, sink);
    appendFileSync(log, "five\n");
    await sink.until(() => sink.texts().includes("five"));
    assert.equal(await next.stop(), 0);
    assert.equal(sink.requests.length, before + 1);
  });
}

test("a quarantine that cannot be written stops nothing and is said", async (t) => {
  const place = makePlace();
  const sink = await pickySink(t, 400);
  writeFileSync(join(place.logs, "a.log"), "");
  const agent = await start(t, place, sink);
  const path = join(place.state, "quarantine.jsonl");
  mkdirSync(path);
  appendFileSync(join(place.logs, "a.log"), "one\npoison\ntwo\n");
  const { message } = await agent.logged(({ event }) => event === "quarantine_failed");
  assert.match(
    message,
    /Cannot keep 1 refused line in .*quarantine\.jsonl: EISDIR.*They are dropped; shipping goes on/,
  );
  rmSync(path, { recursive: true });
  appendFileSync(join(place.logs, "a.log"), "three\npoison again\nfour\n");
  await agent.logged(({ event }) => event === "lines_quarantined");
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), ["one", "two", "three", "four"]);
  assert.equal(quarantined(place)[0]?.line, "poison again");
  await assertAccounted(agent, { quarantine_failures: 1, lines_refused: 2, lines_quarantined: 1 });
});

test("a quarantine that an earlier run left readable is closed to others, and goes on behind a line that a crash cut", async (t) => {
  const place = makePlace();
  const sink = await pickySink(t, 400);
  writeFileSync(join(place.logs, "a.log"), "one\npoison\ntwo\n");
  mkdirSync(place.state, { mode: 0o700 });
  const path = join(place.state, "quarantine.jsonl");
  writeFileSync(path, '{"line":"cut o');
  chmodSync(path, 0o644);
  const agent = await start(t, place, sink);
  await agent.logged(({ event }) => event === "lines_quarantined");
  assert.equal(await agent.stop(), 0);
  assert.equal((statSync(path).mode & 0o777).toString(8), "600");
  const lines = readFileSync(path, "utf8").split("\n");
  assert.equal(lines[0], '{"line":"cut o');
  assert.equal((JSON.parse(lines[1] ?? "") as Record<string, unknown>).line, "poison");
});

test("a line that is too large for the server goes in pieces that it takes, marked so that they can be joined", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  sink.behave((_, response, { size }) => {
    if (size <= 5000) return false;
    response.writeHead(413).end("<html>413 Request Entity Too Large</html>");
    return true;
  });
  // Characters of four bytes, so that a cut at any byte would show.
  const long = `${"😀".repeat(4000)} the end`;
  const log = join(place.logs, "a.log");
  writeFileSync(log, `before\n${long}\nafter\n`);
  const agent = await start(t, place, sink);
  await sink.until(() => sink.texts().includes("after"));
  assert.equal(await agent.stop(), 0);
  const lines = sink.lines();
  const pieces = lines.slice(1, -1);
  assert.deepEqual([lines[0]?.line, lines.at(-1)?.line], ["before", "after"]);
  assert.equal(pieces.map(({ line }) => line).join(""), long);
  assert.ok(pieces.length >= 4 && pieces.length <= 12, `${pieces.length} pieces`);
  const marks = pieces.map(({ meta }) => meta as Record<string, unknown>);
  assert.deepEqual(
    marks.map(({ line_part, line_end }) => [line_part, line_end]),
    pieces.map((_, n) => [n + 1, n === pieces.length - 1]),
  );
  assert.equal(new Set(marks.map(({ line_id }) => line_id)).size, 1);
  assert.ok(pieces.every(({ file }) => file === log));
  await assertAccounted(agent, { lines_refused: 0, bytes_dropped: 0, lines_shipped: 3 });
});

test("a part of a long line that is still too large keeps its mark, and its pieces have theirs", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  sink.behave((_, response, { size }) => {
    if (size <= 3000) return false;
    response.writeHead(413).end();
    return true;
  });
  const long = "0123456789".repeat(900);
  writeFileSync(join(place.logs, "a.log"), `${long}\nafter\n`);
  const agent = await start(t, place, sink, { LOGDNA_LINE_MAX_PART: "5000" });
  await sink.until(() => sink.texts().includes("after"));
  assert.equal(await agent.stop(), 0);
  const pieces = sink.lines().slice(0, -1);
  assert.equal(pieces.map(({ line }) => line).join(""), long);
  const marks = pieces.map(({ meta }) => meta as Record<string, unknown>);
  assert.deepEqual(
    marks.map(({ line_part, line_piece, line_offset, line_end }) => [line_part, line_piece, line_offset, line_end]),
    [
      [1, 1, 0, false],
      [1, 2, 0, false],
      [2, 1, 0, false],
      [2, 2, 0, true],
    ],
  );
});

test("a line that is too large even in the smallest pieces goes to the quarantine with the reason", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  sink.behave((_, response, { size }) => {
    if (size <= 300) return false;
    response.writeHead(413).end("at most 300");
    return true;
  });
  const long = "x".repeat(3000);
  writeFileSync(join(place.logs, "a.log"), `before\n${long}\nafter\n`);
  const agent = await start(t, place, sink);
  await sink.until(() => sink.texts().includes("after"));
  // Nothing was accepted since the smallest piece was refused; on a busy host something soon is.
  appendFileSync(join(place.logs, "b.log"), "elsewhere\n");
  await agent.logged(({ event }) => event === "lines_quarantined");
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts().toSorted(), ["after", "before", "elsewhere"]);
  const [record] = quarantined(place);
  assert.deepEqual([record?.line, record?.status, record?.reason], [long, 413, "413 at most 300"]);
  await assertAccounted(agent, { lines_refused: 1, bytes_dropped: long.length + 1 });
});

test("bad lines all over a busy file hold up nothing, a kill in between included: each is set aside, and all others arrive", async (t) => {
  const place = makePlace();
  const sink = await pickySink(t, 400);
  const log = join(place.logs, "a.log");
  const texts = Array.from(
    { length: 40_000 },
    (_, n) => `${n % 4000 === 999 ? "poison" : "line"} ${n} ${"x".repeat(40)}`,
  );
  const good = texts.filter((text) => text.startsWith("line"));
  writeFileSync(log, `${texts.slice(0, 20_000).join("\n")}\n`);
  const env = { LOGDNA_INGEST_BUFFER_SIZE: "100000", LOGDNA_LINE_MAX_PART: "1000" };
  const first = await start(t, place, sink, env);
  await first.logged(({ event }) => event === "line_refused");
  await first.stop("SIGKILL");
  const agent = await start(t, place, sink, env);
  appendFileSync(log, `${texts.slice(20_000).join("\n")}\n`);
  await sink.until(() => sink.texts().length >= good.length, "all good lines", 60_000);
  const done = (): boolean => new Set(quarantined(place).map(({ line }) => line)).size === 10;
  await eventually(done, "10 lines in the quarantine");
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.texts(), good);
  assert.deepEqual(
    new Set(quarantined(place).map(({ line }) => line)),
    new Set(texts.filter((text) => text.startsWith("poison"))),
  );
});
