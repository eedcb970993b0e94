import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileSetIn } from "../../../test/file_set.ts";
import { Joiner } from "../../lines/multiline/joiner.ts";
import { StateStore } from "../../state/state_store.ts";
import type { FileSet } from "./file_set.ts";

const POLL_MS = 50;

interface Followed {
  readonly files: FileSet;
  log(name: string): string;
  /** Appends to a log, and tells of it. */
  write(name: string, text: string): void;
  /** Lets time pass, in which files are polled and read. */
  pass(ms: number): void;
  /** What was read since it was last asked for: the events and runs of lines. */
  read(): string[];
  /** How often files were polled. */
  polls(): number;
}

/** Files whose lines are joined, and time that passes only when the test says so. */
function follow(t: TestContext, timeout: number, maxOpenFiles = 100): Followed {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "held-")));
  const logs = join(root, "logs");
  mkdirSync(logs);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const state = StateStore.open(join(root, "state"));
  const rule = { presets: [], start: "^>", continuation: undefined, maxLines: 1000, maxBytes: 1000 };
  const joiner = new Joiner({ ...rule, timeout });
  let now = 1000;
  let polls = 0;
  let pieces: string[] = [];
  const files = fileSetIn(logs, {
    joinerFor: () => joiner,
    maxOpenFiles,
    state,
    clock: () => {
      polls += 1;
      return now;
    },
  });
  t.after(() => {
    files.close();
    state.close();
    rmSync(root, { recursive: true });
  });
  files.scanned();
  const readAll = (): void => {
    for (let chunk = files.next(); chunk !== undefined; chunk = files.next()) {
      const { bytes } = chunk;
      pieces.push(...chunk.pieces.map(({ from, to }) => bytes.toString("latin1", from, to)));
    }
  };
  return {
    files,
    log: (name) => join(logs, name),
    write(name, text) {
      const path = join(logs, name);
      appendFileSync(path, text);
      files.entry(path, "changed");
      readAll();
    },
    pass(ms) {
      for (const until = now + ms; now < until; ) {
        now += POLL_MS;
        t.mock.timers.tick(POLL_MS);
        readAll();
      }
    },
    read() {
      readAll();
      const read = pieces;
      pieces = [];
      return read;
    },
    polls() {
      const count = polls;
      polls = 0;
      return count;
    },
  };
}

for (const timeout of [500, 1000, 5000, 60_000]) {
  test(`the last event of a file is read ${timeout} ms after the file has grown, and the file is closed then`, (t) => {
    const { files, write, pass, read, polls } = follow(t, timeout);
    write("a.log", ">a\n b\n>c\n d\n");
    assert.deepEqual(read(), [">a\n b\n"]);
    pass(timeout - POLL_MS);
    assert.deepEqual(read(), []);
    assert.equal(files.counts().open, 1);
    pass(2 * POLL_MS);
    assert.deepEqual(read(), [">c\n d\n"]);
    pass(2500);
    assert.equal(files.counts().open, 0);
    polls();
    pass(60_000);
    assert.equal(polls(), 0, "nothing is polled any more");
    write("a.log", ">e\n");
    pass(timeout + POLL_MS);
    assert.deepEqual(read(), [">e\n"]);
  });
}

test("lines that come slowly are joined, and what comes after a pause is another event", (t) => {
  const { write, pass, read } = follow(t, 1000);
  for (const line of [">a\n", "b\n", "c", "\n", "d\n"]) {
    write("a.log", line);
    pass(900);
  }
  assert.deepEqual(read(), []);
  pass(150);
  assert.deepEqual(read(), [">a\nb\nc\nd\n"]);
  write("a.log", "e\nf\n");
  write("a.log", "g\n");
  pass(1050);
  assert.deepEqual(read(), ["e\nf\ng\n"]);
});

test("what a rotated file ends with is read soon, also with a long time-out, and so is that of a deleted one", (t) => {
  const { files, log, write, pass, read } = follow(t, 60_000);
  write("a.log", ">a\nb\n");
  renameSync(log("a.log"), log("a.log.1"));
  files.renamed(log("a.log"), log("a.log.1"));
  write("a.log", "c\nd\n");
  pass(1500);
  assert.deepEqual(read(), [">a\nb\n"]);
  unlinkSync(log("a.log"));
  files.removed(log("a.log"));
  pass(1500);
  assert.deepEqual(read(), ["c\nd\n"]);
});

test("lines that wait in more files than may be open are read in time", (t) => {
  const names = Array.from({ length: 20 }, (_, n) => `${n}.log`);
  const { files, write, pass, read } = follow(t, 500, 4);
  for (const name of names) write(name, `>${name}\nb\n`);
  assert.ok(files.counts().open <= 5, String(files.counts().open));
  pass(20_000);
  assert.deepEqual(read().toSorted(), names.map((name) => `>${name}\nb\n`).toSorted());
  assert.equal(files.counts().open, 0);
});
