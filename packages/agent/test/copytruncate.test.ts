import assert from "node:assert/strict";
import { appendFileSync, chmodSync, copyFileSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makePlace, startedAgent } from "./agent.ts";
import { startSink } from "./sink.ts";

test("a copy that lacks what was read after it was made is no new file, now or after a restart", async (t) => {
  const place = makePlace();
  const sink = await startSink();
  t.after(() => sink.close());
  const env = { LOGDNA_INCLUSION_RULES: "*" };
  const log = join(place.logs, "a.log");
  const copy = `${log}.1`;
  const agent = await startedAgent(t, { place, port: sink.port, env });
  const expected: string[] = [];
  const append = async (path: string, text: string): Promise<void> => {
    appendFileSync(path, `${text}\n`);
    expected.push(text);
    await sink.until(() => sink.texts().includes(text), text);
    assert.deepEqual(sink.texts().toSorted(), expected.toSorted());
  };
  writeFileSync(log, "");
  await append(log, "copied");
  copyFileSync(log, copy);
  await append(log, "read, and in no copy");
  truncateSync(log);
  await append(log, "after");
  // Logrotate sets mode, owner and times of a copy after it has truncated the original.
  chmodSync(copy, 0o640);
  await append(log, "later");
  await append(copy, "written to the copy itself");
  assert.equal(await agent.stop(), 0);

  const again = await startedAgent(t, { place, port: sink.port, env: { ...env, LOGDNA_LOOKBACK: "start" } });
  await append(log, "after the restart");
  unlinkSync(copy);
  await append(log, "and at the end");
  assert.equal(await again.stop(), 0);
});
