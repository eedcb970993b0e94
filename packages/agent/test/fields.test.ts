// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of the agent's options.
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { WireLine } from "@logdna-agent/protocol";
import { type AgentProcess, makePlace, type Place, startAgent, startedAgent } from "./agent.ts";
import { startOtlpAgent, startOtlpSink } from "./otlp_sink.ts";
import { type Sink, startSink } from "./sink.ts";

const KEY = "test-key-0123456789";

async function openSink(t: TestContext): Promise<Sink> {
  const sink = await startSink();
  t.after(() => sink.close());
  return sink;
}

function start(t: TestContext, place: Place, sink: Sink, env: Record<string, string>): Promise<AgentProcess> {
  return startedAgent(t, { place, port: sink.port, env: { LOGDNA_LOOKBACK: "start", ...env } });
}

/** A line without its time. */
function timeless({ timestamp, ...line }: WireLine): Omit<WireLine, "timestamp"> {
  assert.ok(Math.abs((timestamp ?? 0) - Date.now()) < 60_000);
  return line;
}

test("META options say the fields of every line, the confined agent's environment and its host among them, and no secret", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  const log = join(place.logs, 'a "b" $&.log');
  writeFileSync(log, "one\ntwo\n");
  const agent = await start(t, place, sink, {
    MZ_META_APP: "${env.STAGE}-${line.app|app}",
    MZ_META_HOST: "${env.NODE_NAME}",
    LOGDNA_META_ENV: "${env.LOGDNA_INGESTION_KEY|no key}",
    LOGDNA_META_JSON: '{"path": "${line.file}", "host": "${line.host}", "n": ${env.N}}',
    ...{ STAGE: "blue", NODE_NAME: "node-7", N: "7" },
  });
  await sink.until(() => sink.texts().length === 2);
  const fields = {
    app: "blue-app",
    host: "node-7",
    env: "no key",
    file: log,
    meta: { path: log, host: "test-host", n: 7 },
  };
  assert.deepEqual(
    sink.lines().map(timeless),
    ["one", "two"].map((line) => ({ line, ...fields })),
  );
  assert.equal(sink.requests[0]?.url.searchParams.get("hostname"), "test-host");
  const warnings = agent.log().filter(({ event }) => event === "config_warning");
  assert.equal(warnings.length, 1);
  assert.match(String(warnings[0]?.detail), /META_ENV names .* secret/);
  assert.doesNotMatch(agent.output(), new RegExp(KEY));
});

test("an empty value removes a field, and the rest of each line stays", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  writeFileSync(join(place.logs, "a.log"), "one\n");
  await start(t, place, sink, {
    LOGDNA_META_FILE: "",
    LOGDNA_META_HOST: "",
    LOGDNA_META_APP: "a",
    LOGDNA_META_JSON: "",
  });
  await sink.until(() => sink.texts().length === 1);
  assert.deepEqual(sink.lines().map(timeless), [{ line: "one", app: "a" }]);
});

test("parts of a long line, and the pieces that a server wants, have every field and their marks beside the line's meta", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  sink.behave((_, response, { size }) => {
    if (size <= 3000) return false;
    response.writeHead(413).end();
    return true;
  });
  const long = "0123456789".repeat(900);
  writeFileSync(join(place.logs, "a.log"), `${long}\nafter\n`);
  await start(t, place, sink, {
    ...{ LOGDNA_LINE_MAX_PART: "5000", LOGDNA_META_APP: "a", LOGDNA_META_HOST: "h", LOGDNA_META_ENV: "e" },
    ...{ LOGDNA_META_FILE: "f", LOGDNA_META_JSON: '{"team": {"name": "ä"}}' },
  });
  await sink.until(() => sink.texts().includes("after"));
  const lines = sink.lines();
  const pieces = lines.slice(0, -1);
  assert.equal(pieces.map(({ line }) => line).join(""), long);
  const fields = { app: "a", host: "h", env: "e", file: "f" };
  for (const { line, meta, ...rest } of lines.map(timeless)) assert.deepEqual(rest, fields);
  const metas = lines.map(({ meta }) => meta as Record<string, unknown>);
  assert.ok(metas.every(({ team }) => JSON.stringify(team) === '{"name":"ä"}'));
  assert.deepEqual(
    metas.map(({ line_part, line_piece, line_end }) => [line_part, line_piece, line_end]),
    [
      [1, 1, false],
      [1, 2, false],
      [2, 1, false],
      [2, 2, true],
      [undefined, undefined, undefined],
    ],
  );
});

test("lines around one that is refused keep their fields, and the quarantine has those of the line that was given up", async (t) => {
  const place = makePlace();
  const sink = await openSink(t);
  sink.behave((_, response, { lines }) => {
    if (!lines.some(({ line }) => line.startsWith("poison"))) return false;
    response.writeHead(400).end("no");
    return true;
  });
  const log = join(place.logs, "a.log");
  writeFileSync(log, "one\ntwo\npoison\nthree\n");
  const agent = await start(t, place, sink, { LOGDNA_META_APP: "a", LOGDNA_META_JSON: '{"team": "web"}' });
  await sink.until(() => sink.texts().length === 3);
  appendFileSync(log, "four\n");
  await agent.logged(({ event }) => event === "lines_quarantined");
  const fields = { app: "a", file: log, meta: { team: "web" } };
  assert.deepEqual(
    sink.lines().map(timeless),
    ["one", "two", "three", "four"].map((line) => ({ line, ...fields })),
  );
  const { time, batch, ...record } = JSON.parse(readFileSync(join(place.state, "quarantine.jsonl"), "utf8"));
  assert.deepEqual(record, { line: "poison", ...fields, status: 400, reason: "400 no" });
});

test("with OTLP fields are attributes of each record, also of those around one that is refused", async (t) => {
  const place = makePlace();
  const sink = await startOtlpSink(t);
  sink.behave((_, response, { lines }) => {
    if (!lines.some(({ line }) => line.startsWith("poison"))) return false;
    response.writeHead(400).end("no");
    return true;
  });
  const log = join(place.logs, "a.log");
  writeFileSync(log, "one\npoison\ntwo\n");
  const agent = await startOtlpAgent(t, place, sink, {
    ...{ LOGDNA_META_APP: "web", LOGDNA_META_ENV: "prod", LOGDNA_META_HOST: "node-7" },
    ...{ LOGDNA_META_FILE: "", LOGDNA_META_JSON: '{"team": {"name": "ä"}, "n": [1.5, null]}' },
  });
  await sink.until(() => sink.texts().length === 2);
  appendFileSync(log, "three\n");
  await agent.logged(({ event }) => event === "lines_quarantined");
  await sink.until(() => sink.texts().length === 3);
  assert.deepEqual(
    sink
      .records()
      .map(({ text, resource, attributes: { "log.record.uid": uid, ...attributes } }) => [
        ...[text, resource["host.name"], attributes],
      ]),
    [
      ["one", 0],
      ["two", 11],
      ["three", 15],
    ].map(([text, offset]) => [
      text,
      "test-host",
      {
        "service.name": "web",
        "deployment.environment.name": "prod",
        "host.name": "node-7",
        "logdna.meta.team": { name: "ä" },
        "logdna.meta.n": [1.5, null],
        "log.file.record_offset": offset,
      },
    ]),
  );
  assert.deepEqual(sink.violations, []);
  assert.ok(!agent.log().some(({ event }) => event === "config_warning"));
});

test("a META option that cannot be read ends the start with the status of a configuration with errors", async (t) => {
  const place = makePlace();
  const agent = startAgent(t, { place, port: 1, env: { LOGDNA_META_JSON: '{"a": ${line.app}}', MZ_META_APP: "${x" } });
  assert.equal(await agent.ended, 22);
  assert.match(
    agent.output(),
    /variable MZ_META_APP: META_APP cannot be read: .*\n.*LOGDNA_META_JSON: META_JSON cannot be read/,
  );
});
