import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileSetIn } from "../../../test/file_set.ts";
import { StateStore } from "../../state/state_store.ts";
import type { FileSet } from "./file_set.ts";

interface Followed {
  readonly files: FileSet;
  /** Appends to a log, and tells of it or not. */
  write(name: string, isTold: boolean): void;
  /** Lets time pass, in which files are polled, until one is found to have something, at most so long. @returns how long. */
  untilReady(ms: number): number;
  /** Reads everything that there is to read. */
  read(): string;
  path(name: string): string;
}

const STEP_MS = 10;

/** Files that are followed, and time that passes only when the test says so. */
function follow(t: TestContext): Followed {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "events-")));
  const logs = join(root, "logs");
  mkdirSync(logs);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const state = StateStore.open(join(root, "state"));
  let now = 1000;
  let written = 0;
  const files = fileSetIn(logs, { maxOpenFiles: 100, state, clock: () => now });
  t.after(() => {
    files.close();
    state.close();
    rmSync(root, { recursive: true });
  });
  files.scanned();
  const path = (name: string): string => join(logs, name);
  const read = (): string => {
    let text = "";
    for (let chunk = files.next(); chunk !== undefined; chunk = files.next()) text += chunk.bytes.toString("latin1");
    return text;
  };
  return {
    files,
    path,
    read,
    write(name, isTold) {
      written += 1;
      appendFileSync(path(name), `${written}\n`);
      if (isTold) files.entry(path(name), "changed");
    },
    untilReady(ms) {
      for (let passed = 0; passed < ms; passed += STEP_MS) {
        now += STEP_MS;
        t.mock.timers.tick(STEP_MS);
        // A poll reads a file; where there is nothing new, it is not told.
        const text = read();
        if (text !== "") return passed + STEP_MS;
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

test("a file that events tell of is hardly polled, and one that they do not tell of often", (t) => {
  const { files, write, read, untilReady } = follow(t);
  write("a.log", true);
  assert.equal(read(), "1\n");
  for (let n = 0; n < 20; n += 1) {
    untilReady(50);
    write("a.log", true);
    assert.notEqual(read(), "", "each event is read at once");
  }
  // As written through memory, which raises no event.
  write("a.log", false);
  const first = untilReady(1000);
  assert.ok(first > 20 && first <= 520, `found after ${first} ms`);
  for (let n = 0; n < 20; n += 1) {
    write("a.log", false);
    const next = untilReady(1000);
    assert.ok(next <= 20, `found after ${next} ms`);
  }
  untilReady(1000);
  write("a.log", false);
  const seldom = untilReady(1000);
  assert.ok(seldom <= 150, `found after ${seldom} ms, in a silence of 1000 ms`);
  write("a.log", true);
  read();
  write("a.log", false);
  const again = untilReady(1000);
  assert.ok(again > 20 && again <= 520, `found after ${again} ms`);
  untilReady(10_000);
  assert.equal(files.counts().open, 0, "it is closed when it is quiet");
});

test("a file that is renamed is polled, since events may not tell of it any more", (t) => {
  const { files, write, read, untilReady, path } = follow(t);
  write("a.log", true);
  untilReady(50);
  write("a.log", true);
  read();
  renameSync(path("a.log"), path("gone"));
  files.removed(path("a.log"));
  appendFileSync(path("gone"), "more\n");
  const found = untilReady(1000);
  assert.ok(found <= 20, `found after ${found} ms`);
});

test("with many files open those that give much are polled, and those that give little are read at an event", (t) => {
  const { files, write, read, untilReady } = follow(t);
  for (let n = 0; n < 40; n += 1) write(`${n}.log`, true);
  read();
  untilReady(20);
  write("0.log", true);
  read();
  untilReady(20);
  write("0.log", true);
  assert.equal(read(), "", "the event of a file that gives much means nothing");
  const found = untilReady(1000);
  assert.ok(found <= 50, `found after ${found} ms`);
  write("1.log", true);
  assert.notEqual(read(), "", "the event of one that gives little is read at once");
  assert.equal(files.counts().open, 40);
});
