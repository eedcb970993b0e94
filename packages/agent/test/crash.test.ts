import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makePlace, startAgent, startedAgent } from "./agent.ts";
import { type Arrival, startSink } from "./sink.ts";

const WRITER = fileURLToPath(new URL("numbered_writer.ts", import.meta.url));
const KILLS = 20;
const FILES = 3;
const RATE = 3000;
const WINDOW = 4;

test(`${KILLS} × kill -9 at random moments under load: nothing is lost, and only what was in flight comes again`, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  // Some answers are late, so that kills come while batches are on their way.
  sink.behave(async () => {
    await delay(randomInt(0, 30));
    return false;
  });
  const env = { LOGDNA_INGEST_BUFFER_SIZE: "65536", LOGDNA_MAX_IN_FLIGHT: String(WINDOW), LOGDNA_LOOKBACK: "start" };
  const logs = Array.from({ length: FILES }, (_, n) => join(place.logs, `${n}.log`));
  const writers = logs.map((log) => {
    const child = spawn(process.execPath, [WRITER, log, String(RATE), "100000000"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const said = child.stdout.toArray();
    return { child, written: async () => Number(Buffer.concat(await said).toString()) };
  });
  const seed: number[] = [];
  for (let n = 0; n < KILLS; n += 1) {
    const agent = startAgent(t, { place, port: sink.port, env });
    const before = sink.accepted.length;
    await sink.until(() => sink.accepted.length > before, "a batch of this run");
    // The moment of the kill is what is random here; nothing is waited for.
    seed.push(randomInt(0, 400));
    await delay(seed.at(-1));
    assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  }
  for (const { child } of writers) child.kill("SIGTERM");
  const written = await Promise.all(writers.map(({ written }) => written()));
  const last = startAgent(t, { place, port: sink.port, env });
  // What a server has of which batch: it stores the first arrival of each id and nothing of later ones.
  const batches = new Map<string, Set<string>>();
  const stored = new Map<string, number>();
  const unlike: string[] = [];
  let again = 0;
  let looked = 0;
  const look = (): void => {
    for (; looked < sink.accepted.length; looked += 1) {
      const arrival = sink.accepted[looked] as Arrival;
      const lines = arrival.lines.map(({ file, line }) => `${file} ${Number.parseInt(line, 10)}`);
      const first = batches.get(arrival.batchId);
      if (first === undefined) {
        batches.set(arrival.batchId, new Set(lines));
        for (const line of lines) stored.set(line, (stored.get(line) ?? 0) + 1);
      } else {
        again += 1;
        // Files whose checkpoints had moved on are left out; nothing may be in it that was not there before.
        if (!lines.every((line) => first.has(line))) unlike.push(arrival.batchId);
      }
    }
  };
  const total = written.reduce((a, b) => a + b);
  await sink.until(() => {
    look();
    return stored.size === total;
  }, `${written} lines; killed after ${seed} ms`);
  assert.equal(await last.stop(), 0);
  assert.deepEqual(unlike, []);
  const twice = [...stored.values()].filter((count) => count > 1).length;
  t.diagnostic(
    `${total} lines, ${KILLS} kills: ${again} batches came again under their ids, ${twice} lines under another`,
  );
  // The window, as many that were acknowledged before an earlier one, and one that the state was not told of yet.
  assert.ok(again <= KILLS * (2 * WINDOW + 1), `${again} batches came again`);
  assert.equal(twice, 0);
});

test("what was acknowledged right before a kill -9 comes again under its id, and what follows only once", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const log = join(place.logs, "a.log");
  writeFileSync(log, "");
  for (let n = 0; n < 5; n += 1) {
    const agent = await startedAgent(t, { place, port: sink.port });
    appendFileSync(log, `line ${n}\n`);
    await sink.until(() => sink.texts().includes(`line ${n}`), `line ${n}`);
    assert.equal(await agent.stop("SIGKILL"), "SIGKILL");
  }
  const last = await startedAgent(t, { place, port: sink.port });
  appendFileSync(log, "the last\n");
  await sink.until(() => sink.texts().includes("the last"), "the last line");
  assert.equal(await last.stop(), 0);
  const stored = new Map(sink.accepted.map(({ batchId, lines }) => [batchId, lines.map(({ line }) => line)]));
  assert.deepEqual([...stored.values()].flat(), ["line 0", "line 1", "line 2", "line 3", "line 4", "the last"]);
  assert.ok(sink.accepted.length > stored.size, "nothing came again: the state was written before the kill");
});
