import assert from "node:assert/strict";
import { chmodSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { refused } from "./confinement_bench.ts";
import { eventually } from "./eventually.ts";
import { startSink } from "./sink.ts";

test("whoever may write to a log directory makes the agent start anew once at most", {
  skip: refused,
}, async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  // Nothing takes the capability at the start.
  for (const directory of [place.root, place.logs]) chmodSync(directory, 0o755);
  const agent = await startedAgent(t, { place, port: sink.port });
  const count = (name: string): number => agent.log().filter(({ event }) => event === name).length;
  for (const round of [1, 2, 3, 4]) {
    const path = join(place.logs, `${round}.log`);
    writeFileSync(path, `line ${round}\n`, { mode: 0o600 });
    await eventually(() => count("restart_needed") === round || sink.texts().includes(`line ${round}`), "an answer");
    unlinkSync(path);
    await eventually(() => count("agent_started") === count("restart_needed") + 1, "the agent's start");
  }
  assert.ok(count("restart_needed") <= 1, `${count("restart_needed")} restarts`);
});
