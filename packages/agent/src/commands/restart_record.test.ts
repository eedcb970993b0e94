import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { metLately, noteRestart, readRestarts, waitBeforeRestart } from "./restart_record.ts";

const NOW = 1_800_000_000_000;

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "restarts-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a few restarts are free, then each waits twice as long, and an hour later all is forgotten", (t) => {
  const state = directory(t);
  const waits: number[] = [];
  let now = NOW;
  for (let n = 0; n < 8; n++) {
    const wait = waitBeforeRestart(readRestarts(state), now);
    waits.push(wait / 1000);
    now += wait + 1000;
    noteRestart(state, readRestarts(state), now, false);
  }
  assert.deepEqual(waits, [0, 0, 0, 10, 20, 40, 80, 80]);
  assert.equal(waitBeforeRestart(readRestarts(state), now + 3_600_000), 0);
  assert.equal(statSync(join(state, "restarts.json")).mode & 0o777, 0o600);
});

test("the clock that was set back holds nothing up", (t) => {
  const state = directory(t);
  for (let n = 0; n < 5; n++) noteRestart(state, readRestarts(state), NOW + n, false);
  assert.equal(waitBeforeRestart(readRestarts(state), NOW - 86_400_000), 0);
});

test("that the capability was needed is remembered", (t) => {
  const state = directory(t);
  noteRestart(state, readRestarts(state), NOW, true);
  noteRestart(state, readRestarts(state), NOW + 1, false);
  assert.equal(metLately(readRestarts(state), NOW + 1), true);
  assert.equal(metLately(readRestarts(state), NOW + 31 * 86_400_000), false);
});

test("what somebody put there instead is no record", (t) => {
  const state = directory(t);
  const path = join(state, "restarts.json");
  for (const content of ["", "{", "[]", '{"times":["x"],"capabilityAt":1}', "x".repeat(10_000)]) {
    writeFileSync(path, content);
    assert.deepEqual(readRestarts(state), { times: [], capabilityAt: 0 }, content.slice(0, 20));
  }
  rmSync(path);
  const elsewhere = join(state, "elsewhere");
  writeFileSync(elsewhere, JSON.stringify({ times: [], capabilityAt: 1 }));
  symlinkSync(elsewhere, path);
  assert.equal(readRestarts(state).capabilityAt, 0);
  noteRestart(state, readRestarts(state), NOW, false);
  assert.equal(
    readFileSync(elsewhere, "utf8"),
    '{"times":[],"capabilityAt":1}',
    "the link is replaced, and not followed",
  );
});
