import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { fileSetIn } from "../../../test/file_set.ts";
import { StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { FileSet } from "./file_set.ts";

const SHARED_MEMORY = "/dev/shm";

/** Why logs cannot be put on another device than the state; false when they can. */
function oneDevice(): string | false {
  try {
    return statSync(SHARED_MEMORY).dev === statSync(tmpdir()).dev && "there is one file system only";
  } catch {
    return `needs ${SHARED_MEMORY}`;
  }
}

function temporary(t: TestContext, parent: string): string {
  const directory = realpathSync(mkdtempSync(join(parent, "vanished-")));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The files of one run of the agent, of which `log` was met. */
function run(
  state: StateStore,
  logs: string,
  log: string,
  events: AgentEvent[] = [],
  wallClock: () => number = Date.now,
): FileSet {
  const files = fileSetIn(logs, {
    includes: (path) => path === log,
    state,
    emit: (event) => events.push(event),
    wallClock,
  });
  files.entry(log, "scan");
  files.scanned();
  return files;
}

for (const [where, parent, skip] of [
  ["beside the state", tmpdir(), false],
  ["on another file system than the state", SHARED_MEMORY, oneDevice()],
] as const) {
  test(`an end while a compressed file ${where} is being restored loses nothing`, { skip }, async (t) => {
    const logs = temporary(t, parent);
    const directory = temporary(t, tmpdir());
    const log = join(logs, "a.log");
    writeFileSync(log, "a\n");
    const first = StateStore.open(directory);
    const read = run(first, logs, log);
    const chunk = read.next();
    assert.ok(chunk !== undefined);
    chunk.source.sent(0, chunk.positionAfter(chunk.bytes.length)).acknowledge();
    read.saveCheckpoints();
    read.close();
    first.close();

    appendFileSync(log, "b\n");
    writeFileSync(`${log}.1.gz`, gzipSync(readFileSync(log)));
    rmSync(log);
    const second = StateStore.open(directory);
    run(second, logs, log).close();
    second.close();

    const third = StateStore.open(directory);
    const events: AgentEvent[] = [];
    const files = run(third, logs, log, events);
    t.after(() => {
      files.close();
      third.close();
    });
    const ended = (): boolean => events.some(({ name }) => name === "file_restored" || name === "file_gone_while_down");
    const until = performance.now() + 5000;
    while (!ended() && performance.now() < until) await turn();
    let rest = files.next();
    for (; rest === undefined && performance.now() < until; rest = files.next()) await turn();
    assert.equal(rest?.bytes.toString("latin1"), "b\n");
  });
}

test("a start with a clock that is not set yet does not make the next one forget what is not mounted", (t) => {
  const logs = temporary(t, tmpdir());
  const log = join(logs, "a.log");
  const state = StateStore.open(temporary(t, tmpdir()));
  t.after(() => state.close());
  writeFileSync(log, "a\n");
  const start = (now: number): void => void run(state, logs, log, [], () => now).close();
  const known = (): number => state.files().length;
  const now = Date.now();
  const DAY_MS = 86_400_000;
  start(now);
  rmSync(log);
  start(DAY_MS);
  assert.equal(known(), 1);
  start(now);
  assert.equal(known(), 1);
  start(now + 6 * DAY_MS);
  assert.equal(known(), 1);
  // Without a clock nothing is forgotten either.
  start(2 * DAY_MS);
  assert.equal(known(), 1);
  start(now + 8 * DAY_MS);
  assert.equal(known(), 0);
});
