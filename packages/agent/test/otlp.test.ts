import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type AgentProcess, makePlace, type Place } from "./agent.ts";
import { partialSuccess } from "./otlp/export_request.ts";
import { type OtlpSink, startOtlpAgent, startOtlpSink } from "./otlp_sink.ts";

function quarantined(place: Place): Record<string, unknown>[] {
  const path = join(place.state, "quarantine.jsonl");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Ends the agent; everything that it read is accounted for, and every body was a good one. */
async function assertGood(agent: AgentProcess, sink: OtlpSink, expected: Record<string, number>): Promise<void> {
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(sink.violations, []);
  const counters = await agent.logged(({ event }) => event === "agent_counters");
  const { bytes_read, bytes_shipped, bytes_empty, bytes_dropped } = counters as unknown as Record<string, number>;
  assert.equal(bytes_read, (bytes_shipped ?? 0) + (bytes_empty ?? 0) + (bytes_dropped ?? 0));
  for (const [name, value] of Object.entries(expected)) assert.equal(counters[name], value, name);
}

test("lines arrive as log records that say where they come from, and the key and headers go where they are told to", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  const log = join(place.logs, "ä.log");
  writeFileSync(log, "one\n\ntwo é\r\n");
  const agent = await startOtlpAgent(t, place, sink, {
    LOGDNA_INGESTION_KEY: "test-key-0123456789",
    LOGDNA_KEY_HEADER: "authorization: Bearer",
    LOGDNA_HEADERS: "X-Scope-OrgID: a-tenant, api-key: secret-header-value",
    LOGDNA_TAGS: "blue",
  });
  await sink.until(() => sink.texts().length === 2);
  const [request] = sink.requests;
  assert.equal(request?.url.href, "http://sink/v1/logs");
  const { authorization, "x-scope-orgid": tenant, "api-key": key, apikey, ...headers } = request?.headers ?? {};
  assert.deepEqual(
    [authorization, tenant, key, apikey],
    ["Bearer test-key-0123456789", "a-tenant", "secret-header-value", undefined],
  );
  assert.equal(headers["content-type"], "application/json");
  const records = sink.records();
  const ids = records.map(({ attributes }) => String(attributes["log.record.uid"]));
  assert.deepEqual(
    records.map(({ text, attributes, resource }) => ({ text, attributes, resource })),
    [
      ["one", 0],
      ["two é", 5],
    ].map(([text, offset], n) => ({
      text,
      attributes: {
        "log.file.path": log,
        "log.file.name": "ä.log",
        "log.file.record_offset": offset,
        "log.record.uid": ids[n],
      },
      resource: { "host.name": "test-host", "logdna.tags": ["blue"] },
    })),
  );
  assert.ok(ids.every((id) => id.startsWith(`${request?.batchId}-`)));
  assert.ok(records.every(({ observed }) => Math.abs(observed - Date.now()) < 60_000));
  // Neither in what it shows of itself nor where other processes can look.
  const shown = ["environ", "cmdline"].map((name) => readFileSync(`/proc/${agent.pid}/${name}`, "latin1")).join();
  if (process.env.TEST_CONFINEMENT !== "off") assert.doesNotMatch(shown, /test-key-0123456789|secret-header-value/);
  await assertGood(agent, sink, { lines_shipped: 2, bytes_empty: 1 });
  assert.doesNotMatch(agent.output(), /test-key-0123456789|secret-header-value/);
});

test("an outage loses nothing, whatever it is answered with, and Retry-After is kept", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  const log = join(place.logs, "a.log");
  writeFileSync(log, "zero\n");
  const agent = await startOtlpAgent(t, place, sink);
  await sink.until(() => sink.texts().length === 1);
  const statuses = [503, 502, 504, 500, 429];
  let refusedAt = 0;
  let early = 0;
  sink.behave((request, response, { at }) => {
    if (refusedAt > 0 && at - refusedAt < 1000) early += 1;
    const status = statuses.shift();
    if (status === undefined) return false;
    if (status === 502) request.destroy();
    else if (status === 429) {
      refusedAt = at;
      response.writeHead(status, { "retry-after": "1" }).end("{}");
    } else response.writeHead(status).end('{"code":14,"message":"later"}');
    return true;
  });
  const texts = Array.from({ length: 2000 }, (_, n) => `line ${n}`);
  appendFileSync(log, `${texts.join("\n")}\n`);
  await sink.until(() => sink.texts().length === 2001, "all lines", 60_000);
  assert.deepEqual(sink.texts(), ["zero", ...texts]);
  assert.equal(early, 0);
  await assertGood(agent, sink, { lines_shipped: 2001, bytes_dropped: 0 });
});

test("where no key is sent, a rejection is not put down to one", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  writeFileSync(join(place.logs, "a.log"), "a line\n");
  let turn = 0;
  sink.behave((_, response) => {
    turn += 1;
    if (turn > 1) return false;
    response.writeHead(401).end("no token");
    return true;
  });
  const agent = await startOtlpAgent(t, place, sink, { LOGDNA_HEADERS: "authorization: Bearer secret-header-value" });
  const { message } = await agent.logged(({ event }) => event === "key_rejected");
  assert.match(
    String(message),
    /rejects the agent, which sends no key \(401 no token\)\. Put the credentials .* into HEADERS/,
  );
  await sink.until(() => sink.texts().length === 1);
  await assertGood(agent, sink, { lines_shipped: 1 });
});

test("after kill -9 what is sent again has the ids that it had, also from a file that was renamed meanwhile", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  const log = join(place.logs, "a.log");
  const texts = Array.from({ length: 3000 }, (_, n) => `${n} ${"x".repeat(50)}`);
  writeFileSync(log, `${texts.join("\n")}\n`);
  const env = { LOGDNA_INGEST_BUFFER_SIZE: "65536", LOGDNA_LINE_MAX_PART: "1000" };
  // It stores what it is sent and does not say so.
  const held: OtlpSink["accepted"][number][] = [];
  let killing = true;
  const accepted = sink.accepted as OtlpSink["accepted"][number][];
  sink.behave((_, __, arrival) => {
    if (!killing) return false;
    held.push(arrival);
    accepted.push(arrival);
    return true;
  });
  const first = await startOtlpAgent(t, place, sink, env);
  await sink.until(() => held.length >= 1);
  await first.stop("SIGKILL");
  killing = false;
  renameSync(log, `${log}.1`);
  writeFileSync(log, "0 of another file\n");
  const agent = await startOtlpAgent(t, place, sink, env);
  const all = new Set([...texts, "0 of another file"]);
  await sink.until(() => new Set(sink.records().map(({ text }) => text)).size === all.size, "all lines");
  await assertGood(agent, sink, {});
  const times = Map.groupBy(sink.arrivals(), ({ text }) => text);
  const again = [...times.values()].filter(({ length }) => length > 1);
  // No more than the window: four bodies of 64 KiB, each with less than 200 lines.
  assert.ok(again.length > 0 && again.length < 800 && again.every(({ length }) => length === 2), `${again.length}`);
  // A receiver that takes each id once has each line once.
  assert.deepEqual(
    sink
      .records()
      .map(({ text }) => text)
      .toSorted(),
    [...all].toSorted(),
  );
});

test("lines at the same place of several files have ids of their own", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  for (let n = 0; n < 30; n += 1) writeFileSync(join(place.logs, `${n}.log`), "the same\n");
  const agent = await startOtlpAgent(t, place, sink);
  await sink.until(() => sink.arrivals().length === 30);
  assert.equal(sink.records().length, 30);
  // Ids with the same batch in them differ in the file alone: several were in one.
  assert.ok(sink.accepted.length < 30);
  await assertGood(agent, sink, { lines_shipped: 30 });
});

test("a poison line answered 400 goes to the quarantine; the others arrive", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  sink.behave((_, response, { lines }) => {
    if (!lines.some(({ line }) => line.startsWith("poison"))) return false;
    response.writeHead(400).end('{"code":3,"message":"no such line, secret-header-value"}');
    return true;
  });
  const log = join(place.logs, "a.log");
  writeFileSync(log, "one\ntwo\npoison é\nthree\n");
  const agent = await startOtlpAgent(t, place, sink, { LOGDNA_HEADERS: "api-key: secret-header-value" });
  await agent.logged(({ event }) => event === "lines_quarantined");
  const offsets = sink.records().map(({ text, attributes }) => [text, attributes["log.file.record_offset"]] as const);
  assert.deepEqual(
    new Map(offsets),
    new Map([
      ["one", 0],
      ["two", 4],
      ["three", 18],
    ]),
  );
  const [{ file, line, status, reason } = {}, ...more] = quarantined(place);
  assert.deepEqual(more, []);
  assert.deepEqual([file, line, status], [log, "poison é", 400]);
  assert.match(String(reason), /no such line, \*\*\*/);
  await assertGood(agent, sink, { lines_shipped: 3, lines_refused: 1, bytes_dropped: Buffer.byteLength("poison é\n") });
  assert.doesNotMatch(agent.output(), /secret-header-value/);
});

test("lines that an answer of 200 rejects are counted with the reason and not sent again", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  let requests = 0;
  sink.behave((_, response, { lines }) => {
    requests += 1;
    if (lines.some(({ line }) => line.startsWith("old"))) response.end(partialSuccess(2, "too\u001b[31m old"));
    else if (lines.some(({ line }) => line.startsWith("alone")))
      // Some servers write a number.
      response.end('{"partialSuccess":{"rejectedLogRecords":1,"errorMessage":"not this"}}');
    // A warning, by the specification: nothing was rejected.
    else response.end(partialSuccess(0, "slow down a little"));
    return true;
  });
  const log = join(place.logs, "a.log");
  writeFileSync(log, "old 1\nold 2\ngood\n");
  const agent = await startOtlpAgent(t, place, sink);
  const { message, level } = await agent.logged(({ event }) => event === "lines_rejected");
  assert.equal(level, "error");
  assert.match(message, /took batch .* without 2 of its 3 lines, and does not say which \(too \[31m old\)/);
  appendFileSync(log, "alone\n");
  await agent.logged(({ event }) => event === "lines_quarantined");
  assert.deepEqual(
    quarantined(place).map(({ line, status }) => [line, status]),
    [["alone", 200]],
  );
  appendFileSync(log, "fine\n");
  await sink.until(() => requests === 3);
  // Of the first three lines the two that were rejected are nobody's to name: their share of the bytes counts.
  await assertGood(agent, sink, { lines_shipped: 2, lines_refused: 3, lines_quarantined: 1, bytes_dropped: 17 });
  assert.equal(requests, 3);
});

test("a line that is too large for the server goes in pieces that can be joined, each with an id of its own", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  sink.behave((_, response, { size }) => {
    if (size <= 5000) return false;
    response.writeHead(413).end();
    return true;
  });
  const long = `${"😀".repeat(4000)} the end`;
  writeFileSync(join(place.logs, "a.log"), `before\n${long}\nafter\n`);
  const agent = await startOtlpAgent(t, place, sink);
  await sink.until(() => sink.texts().includes("after"));
  const pieces = sink.arrivals().filter(({ attributes }) => "logdna.line_id" in attributes);
  const ordered = pieces.toSorted(
    (a, b) => Number(a.attributes["logdna.line_part"]) - Number(b.attributes["logdna.line_part"]),
  );
  assert.equal(ordered.map(({ text }) => text).join(""), long);
  assert.deepEqual(
    ordered.map(({ attributes }) => attributes["logdna.line_end"]),
    ordered.map((_, n) => n === ordered.length - 1),
  );
  assert.equal(sink.records().length, pieces.length + 2);
  await assertGood(agent, sink, { lines_shipped: 3, lines_refused: 0, bytes_dropped: 0 });
});

test("a line that is longer than one record arrives in parts that say so", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  const long = "0123456789".repeat(90);
  writeFileSync(join(place.logs, "a.log"), `${long}\nafter\n`);
  const agent = await startOtlpAgent(t, place, sink, { LOGDNA_LINE_MAX_PART: "500", LOGDNA_LINE_MAX: "800" });
  await sink.until(() => sink.texts().includes("after"));
  const parts = sink
    .records()
    .map(({ text, attributes }) => [
      text.length,
      attributes["logdna.line_part"],
      attributes["logdna.line_offset"],
      attributes["logdna.line_end"],
      attributes["logdna.line_dropped_bytes"],
      attributes["log.file.record_offset"],
    ]);
  assert.deepEqual(parts, [
    [500, 1, 0, false, undefined, 0],
    [300, 2, 0, false, undefined, 500],
    ["[100 more bytes of this line were dropped]".length, 3, 0, true, 100, 800],
    [5, undefined, undefined, undefined, undefined, 901],
  ]);
  await assertGood(agent, sink, { bytes_dropped: 101 });
});
