import assert from "node:assert/strict";
import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type AgentProcess, makePlace, type Place, startedAgent } from "./agent.ts";
import { type Sink, startSink } from "./sink.ts";

const FILES = 8;
const ROUNDS = 3;

/** Rotates every log, each into a new file with a first line, and does something in the middle of it. */
function rotate({ logs }: Place, text: string, inTheMiddle: () => void): void {
  for (let n = 0; n < FILES; n += 1) {
    const path = join(logs, `${n}.log`);
    renameSync(path, `${path}.1`);
    writeFileSync(path, `${text}\n`);
    if (n === FILES / 2) inTheMiddle();
  }
}

async function followed(sink: Sink, { logs }: Place, text: string): Promise<void> {
  for (let n = 0; n < FILES; n += 1) appendFileSync(join(logs, `${n}.log`), `${text}\n`);
  await arrived(sink, text);
}

async function arrived(sink: Sink, text: string): Promise<void> {
  await sink.until(() => sink.texts().filter((line) => line === text).length === FILES, `every "${text}"`);
}

/** As they are when the agent has followed them for a while. */
async function placeWithLogs(): Promise<Place> {
  const place = makePlace();
  for (let n = 0; n < FILES; n += 1) writeFileSync(join(place.logs, `${n}.log`), "");
  return place;
}

test("what logs were rotated into while the agent was ending is read from its beginning by the next run", async (t) => {
  const place = await placeWithLogs();
  const sink = await startSink();
  t.after(() => sink.close());
  let agent: AgentProcess = await startedAgent(t, { place, port: sink.port });
  for (let round = 0; round < ROUNDS; round += 1) {
    await followed(sink, place, `before ${round}`);
    rotate(place, `after ${round}`, () => agent.child.kill("SIGTERM"));
    assert.equal(await agent.ended, 0);
    agent = await startedAgent(t, { place, port: sink.port });
    await arrived(sink, `after ${round}`);
  }
  await followed(sink, place, "the end");
  assert.equal(sink.texts().length, FILES * (2 * ROUNDS + 1), "nothing came twice");
});

test("what logs were rotated into while the configuration was read again is read from its beginning", async (t) => {
  const place = await placeWithLogs();
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = await startedAgent(t, { place, port: sink.port });
  for (let round = 0; round < ROUNDS; round += 1) {
    await followed(sink, place, `before ${round}`);
    rotate(place, `after ${round}`, () => agent.child.kill("SIGHUP"));
    await arrived(sink, `after ${round}`);
    const reloads = (): number => agent.log().filter(({ event }) => event === "config_reloaded").length;
    await agent.logged(() => reloads() === round + 1, "config_reloaded");
  }
  await followed(sink, place, "the end");
  assert.equal(sink.texts().length, FILES * (2 * ROUNDS + 1), "nothing came twice");
});
