import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

const FILES = 60;
const FILE_BYTES = 1_500_000;
const BODY_BYTES = 256 * 1024;
const WINDOW = 4;

test("what is written now does not wait for a backlog in many files, and the backlog goes on meanwhile", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const line = `${"x".repeat(149)}\n`;
  for (let n = 0; n < FILES; n++)
    writeFileSync(join(place.logs, `backlog-${n}.log`), line.repeat(FILE_BYTES / line.length));
  const live = join(place.logs, "live.log");
  writeFileSync(live, "");
  // A server that takes its time, so that the backlog lasts.
  sink.behave(async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return false;
  });
  await startedAgent(t, {
    place,
    port: sink.port,
    env: {
      LOGDNA_LOOKBACK: "start",
      LOGDNA_INGEST_BUFFER_SIZE: String(BODY_BYTES),
      LOGDNA_MAX_IN_FLIGHT: String(WINDOW),
    },
  });
  const arrived = (): number => sink.accepted.reduce((sum, { size }) => sum + size, 0);
  await sink.until(() => arrived() > 2_000_000, "some of the backlog");
  const delays: number[] = [];
  for (let n = 0; n < 10; n++) {
    const before = arrived();
    appendFileSync(live, `now ${n}\n`);
    await sink.until(() => sink.accepted.some(({ lines }) => lines.some((each) => each.line === `now ${n}`)));
    delays.push(arrived() - before);
  }
  assert.ok(arrived() < FILES * FILE_BYTES, "the backlog was not through");
  // What is in the window and in hand when it is noticed, and what the window takes until it is read: not the backlog.
  const bound = 4 * WINDOW * BODY_BYTES;
  assert.ok(
    delays.every((bytes) => bytes <= bound),
    `${delays} bytes arrived before it, at most ${bound} should`,
  );
  const expected = (FILES * FILE_BYTES) / line.length + 10;
  await sink.until(() => sink.accepted.reduce((sum, { lines }) => sum + lines.length, 0) >= expected, "all", 60_000);
});
