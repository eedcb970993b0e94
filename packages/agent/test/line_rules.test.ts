import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { StatusReport } from "../src/status/report.ts";
import { type AgentProcess, configFile, makePlace, type Place, startAgent, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { LAUNCHER } from "./launcher.ts";
import { type Sink, startSink } from "./sink.ts";

interface Bench {
  readonly place: Place;
  readonly sink: Sink;
  readonly log: string;
}

async function bench(t: TestContext): Promise<Bench> {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  return { place, sink, log: join(place.logs, "a.log") };
}

function accounting(place: Place): StatusReport["accounting"] {
  const env = { PATH: process.env.PATH, LOGDNA_CONFIG_FILE: configFile(place), LOGDNA_DB_PATH: place.state };
  const { stdout } = spawnSync(LAUNCHER, ["status", "--json"], { env, encoding: "utf8" });
  return (JSON.parse(stdout) as StatusReport).accounting;
}

/** Ends an agent that has accounted for everything. */
async function endsWell(agent: AgentProcess): Promise<void> {
  assert.equal(await agent.stop(), 0);
  assert.equal(
    agent.log().some(({ event }) => event === "accounting_mismatch"),
    false,
  );
}

test("lines are included, excluded and redacted, and every byte is accounted for", async (t) => {
  const { place, sink, log } = await bench(t);
  const agent = await startedAgent(t, {
    place,
    port: sink.port,
    env: {
      LOGDNA_LINE_INCLUSION_REGEX: "(?i)keep,^also",
      LOGDNA_LINE_EXCLUSION_REGEX: "debug$",
      MZ_REDACT_REGEX: "pass(?:word)?=\\S+,\\d{3}-\\d{2}-\\d{4}",
    },
  });
  const lines = [
    "keep me",
    "other",
    "KEEP password=hunter2 é 123-45-6789",
    "also kept",
    "keep debug",
    "keep debugging",
    "end keep",
  ];
  writeFileSync(log, `${lines.join("\r\n")}\r\n\n`);
  await sink.until(() => sink.texts().includes("end keep"));
  assert.deepEqual(sink.texts(), [
    "keep me",
    "KEEP [REDACTED] é [REDACTED]",
    "also kept",
    "keep debugging",
    "end keep",
  ]);
  const excluded = "other\r\nkeep debug\r\n\n".length;
  await eventually(() => accounting(place).excluded === excluded, "the excluded bytes");
  const { size } = statSync(log);
  assert.deepEqual(accounting(place), {
    ...{ read: size, shipped: size - excluded, excluded, dropped: 0, givenBack: 0, inFlight: 0 },
  });
  await endsWell(agent);
});

test("no part of an excluded line is shipped, and no secret at a cut, also after a kill in the middle of it", async (t) => {
  const { place, sink, log } = await bench(t);
  const env = {
    LOGDNA_LINE_EXCLUSION_REGEX: "not this one$",
    LOGDNA_REDACT_REGEX: "card=[0-9]+",
    LOGDNA_LINE_MAX_PART: "4096",
    LOGDNA_INGEST_BUFFER_SIZE: "65536",
    LOGDNA_MAX_IN_FLIGHT: "2",
  };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  let accepts = 1;
  sink.behave((_, response) => {
    accepts -= 1;
    if (accepts < 0) response.writeHead(503).end();
    return accepts < 0;
  });
  const secret = `card=${"4".repeat(100)}`;
  const filler = "x".repeat(4096 - 50);
  const long = `start ${`${filler}${secret}`.repeat(60)} end`;
  writeFileSync(log, `${"y".repeat(300_000)} not this one\n${long}\nlast\n`);
  await sink.until(() => sink.requests.length >= 4, "attempts");
  assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  accepts = Number.POSITIVE_INFINITY;
  const again = await startedAgent(t, { place, port: sink.port, env });
  await sink.until(() => sink.texts().includes("last"));
  const texts = sink.texts();
  assert.ok(texts.every((text) => !/y|4/.test(text)));
  assert.equal(texts.slice(0, -1).join(""), long.replaceAll(secret, "[REDACTED]"));
  assert.ok(texts.length > 50, "it came in parts");
  await endsWell(again);
});

test("a line that grows slowly is held until it has ended, since its end may exclude it", async (t) => {
  const { place, sink, log } = await bench(t);
  const env = { LOGDNA_LINE_EXCLUSION_REGEX: "secret", LOGDNA_LINE_MAX_PART: "4096" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  writeFileSync(log, `first\n${"z".repeat(500_000)}`);
  await sink.until(() => sink.texts().includes("first"));
  appendFileSync(log, "z".repeat(10_000));
  appendFileSync(log, " secret\nlast\n");
  await sink.until(() => sink.texts().includes("last"));
  assert.deepEqual(sink.texts(), ["first", "last"]);
  await endsWell(agent);
});

test("long lines of a deleted file are ruled as a whole, also where they were copied to disk and the agent was killed", async (t) => {
  const { place, sink, log } = await bench(t);
  const env = {
    LOGDNA_LINE_EXCLUSION_REGEX: "not this one$",
    LOGDNA_REDACT_REGEX: "secret",
    LOGDNA_INGEST_BUFFER_SIZE: "1000000",
    LOGDNA_MAX_IN_FLIGHT: "1",
  };
  let isDown = true;
  sink.behave((_, response) => {
    if (isDown) response.writeHead(503).end();
    return isDown;
  });
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const lines = Array.from({ length: 20 }, (_, n) =>
    n % 2 === 0 ? `${n} ${"y".repeat(700_000)} not this one` : `${n} ${"x".repeat(700_000)} secret`,
  );
  writeFileSync(log, `first\n${lines.join("\n")}\nlast\n`);
  await sink.until(() => sink.requests.length > 0, "an attempt");
  unlinkSync(log);
  await agent.logged(({ event }) => event === "file_spooled");
  assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  isDown = false;
  const again = await startedAgent(t, { place, port: sink.port, env });
  await sink.until(() => sink.texts().includes("last"));
  const expected = lines.filter((_, n) => n % 2 === 1).map((line) => line.replace("secret", "[REDACTED]"));
  assert.ok(sink.texts().join("") === `first${expected.join("")}last`, "every line once and as the rules have it");
  await endsWell(again);
});

test("of a line that is longer than is looked at, the rest is dropped and told", async (t) => {
  const { place, sink, log } = await bench(t);
  // One request at a time: the parts arrive in their order.
  const env = { LOGDNA_REDACT_REGEX: "secret", LOGDNA_MAX_IN_FLIGHT: "1" };
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const size = 3_000_000;
  writeFileSync(log, `${"z".repeat((1 << 20) - 3)}secret${"z".repeat(size - (1 << 20) - 3)}\nlast\n`);
  await sink.until(() => sink.texts().includes("last"));
  const texts = sink.texts();
  assert.equal(texts.at(-2), `[${size - (1 << 20)} more bytes of this line were dropped]`);
  // The secret stands across the end of what is shipped.
  assert.ok(/^z+\[R[A-Z]*\]?$/.test(texts.slice(0, -2).join("")), "only the beginning of a mask");
  const isTold = (): boolean => accounting(place).read === size + 6 && accounting(place).inFlight === 0;
  await eventually(isTold, "the status of all that was read");
  const { read, shipped, dropped } = accounting(place);
  assert.deepEqual([read, shipped + dropped], [size + 6, size + 6]);
  await endsWell(agent);
});

test("an expression that cannot be read is told with its place, and the agent does not start", async (t) => {
  const { place, sink } = await bench(t);
  const agent = startAgent(t, { place, port: sink.port, env: { LOGDNA_REDACT_REGEX: "(?=x)" } });
  assert.notEqual(await agent.ended, 0);
  assert.match(agent.output(), /LOGDNA_REDACT_REGEX.*look-around is not part of this dialect \(at character 1\)/);
});
