import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileSetIn } from "../../../test/file_set.ts";
import { StateStore } from "../../state/state_store.ts";
import type { FileSet } from "./file_set.ts";

interface Stopped {
  readonly files: FileSet;
  readonly log: string;
  /** Lets time pass, in which files are polled. */
  pass(ms: number): void;
  /** Reads everything that there is to read. */
  read(): string;
}

/** A log that is followed, and told of only where the test does: as by an agent that stood still, and has just gone on. */
function follow(
  t: TestContext,
  text: string,
  maxOpenFiles = 10,
  before: (log: string) => void = () => undefined,
): Stopped {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "older-")));
  const logs = join(root, "logs");
  mkdirSync(logs);
  const log = join(logs, "a.log");
  writeFileSync(log, text);
  before(log);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const state = StateStore.open(join(root, "state"));
  let now = 1000;
  const files = fileSetIn(logs, {
    maxOpenFiles,
    state,
    clock: () => now,
  });
  t.after(() => {
    files.close();
    state.close();
    rmSync(root, { recursive: true });
  });
  for (const name of ["a.log", "a.log.1"]) files.entry(join(logs, name), "scan");
  files.scanned();
  return {
    files,
    log,
    pass(ms) {
      for (const until = now + ms; now < until; ) {
        now += 50;
        t.mock.timers.tick(50);
      }
    },
    read() {
      let read = "";
      for (let chunk = files.next(); chunk !== undefined; chunk = files.next()) read += chunk.bytes.toString("latin1");
      return read;
    },
  };
}

/** The program goes on with a new file. */
function rotate(log: string): void {
  for (let n = 3; n >= 1; n -= 1) tryRename(`${log}.${n}`, `${log}.${n + 1}`);
  renameSync(log, `${log}.1`);
}

function copyAndTruncate(log: string): void {
  for (let n = 3; n >= 1; n -= 1) tryRename(`${log}.${n}`, `${log}.${n + 1}`);
  copyFileSync(log, `${log}.1`);
  truncateSync(log);
}

function tryRename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // It does not exist.
  }
}

/** A rotated form that is followed under the name `.1`, and will have another by the time that is looked at again. */
function rotateSeen({ files, log, read }: Stopped): void {
  assert.equal(read(), "a\n");
  rotate(log);
  files.renamed(log, `${log}.1`);
  writeFileSync(log, "b\n");
  files.entry(log, "created");
  assert.equal(read(), "b\n");
}

const FIRST: Readonly<Record<string, (stopped: Stopped) => void>> = {
  "a poll": ({ pass }) => pass(50),
  "an event of the log": ({ files, log }) => files.entry(log, "changed"),
  "the event of a copy": ({ files, log }) => files.entry(`${log}.1`, "created"),
  "a sweep": ({ files, log }) => files.entry(log, "sweep"),
};

for (const [what, first] of Object.entries(FIRST)) {
  test(`a log that was copied and truncated several times unseen is read in its order when ${what} comes first`, (t) => {
    const stopped = follow(t, "a\n");
    rotateSeen(stopped);
    const { log, read } = stopped;
    appendFileSync(log, "c\n");
    for (const line of ["d\n", "e\n", "f\n"]) {
      copyAndTruncate(log);
      appendFileSync(log, line);
    }
    first(stopped);
    assert.equal(read(), "c\nd\ne\nf\n");
  });
}

for (const isCold of [false, true]) {
  test(`a log that was renamed several times unseen is read in its order, ${isCold ? "closed" : "open"} as it was`, (t) => {
    const stopped = follow(t, "a\n");
    rotateSeen(stopped);
    const { files, log, pass, read } = stopped;
    for (let n = 0; isCold && n < 5; n += 1) {
      pass(1000);
      assert.equal(read(), "");
    }
    assert.equal(files.counts().open, isCold ? 0 : 2);
    appendFileSync(log, "c\n");
    for (const line of ["d\n", "e\n"]) {
      rotate(log);
      writeFileSync(log, line);
    }
    // The last event comes first, as after a sweep.
    files.entry(log, "created");
    assert.equal(read(), "c\nd\ne\n");
  });
}

test("a log that was deleted unseen, and is open, is older than what was rotated away since", (t) => {
  const { files, log, read } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  appendFileSync(log, "b\n");
  rmSync(log);
  writeFileSync(log, "c\n");
  rotate(log);
  writeFileSync(log, "d\n");
  files.entry(`${log}.1`, "created");
  assert.equal(read(), "b\nc\n");
  files.entry(log, "created");
  assert.equal(read(), "d\n");
});

test("what a log that was empty held, and was copied and truncated unseen, comes before what it holds", (t) => {
  const { files, log, pass, read } = follow(t, "");
  assert.equal(read(), "");
  appendFileSync(log, "a\n");
  copyAndTruncate(log);
  appendFileSync(log, "b\n");
  pass(50);
  files.entry(log, "changed");
  assert.equal(read(), "a\nb\n");
});

test("an empty copy is not taken for the copy of what was truncated", (t) => {
  const { files, log, read } = follow(t, "a\n");
  copyAndTruncate(log);
  copyAndTruncate(log);
  files.entry(`${log}.1`, "created");
  files.entry(log, "changed");
  files.renamed(`${log}.1`, `${log}.2`);
  files.entry(`${log}.1`, "created");
  files.entry(log, "changed");
  assert.equal(read(), "a\n");
});

test("a rotated form that was there before the first run is not read when it is renamed", (t) => {
  const { files, log, read } = follow(t, "a\n", 10, (path) => writeFileSync(`${path}.1`, "old\n"));
  assert.equal(read(), "a\n");
  rotate(log);
  files.renamed(`${log}.1`, `${log}.2`);
  files.renamed(log, `${log}.1`);
  writeFileSync(log, "b\n");
  files.entry(log, "created");
  assert.equal(read(), "b\n");
});

test("a copy that no truncation followed is not read when rotation renames it", (t) => {
  const { files, log, pass, read } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  copyFileSync(log, `${log}.1`);
  files.entry(`${log}.1`, "created");
  pass(10_000);
  rotate(log);
  writeFileSync(log, "b\n");
  files.entry(log, "created");
  files.renamed(`${log}.1`, `${log}.2`);
  files.renamed(log, `${log}.1`);
  assert.equal(read(), "b\n");
});

test("what is newer waits for a closed file that has something unread and has lost its name, until it is found or given up", (t) => {
  const { files, log, pass, read } = follow(t, "a\n", 0);
  assert.equal(files.counts().open, 0);
  renameSync(log, `${log}.old`);
  writeFileSync(log, "b\n");
  files.removed(log);
  files.entry(log, "created");
  assert.equal(read(), "");
  files.entry(`${log}.old`, "created");
  assert.equal(read(), "a\nb\n");
  appendFileSync(log, "c\n");
  files.entry(log, "changed");
  pass(50);
  rmSync(log);
  files.removed(log);
  writeFileSync(log, "d\n");
  files.entry(log, "created");
  pass(15_000);
  assert.equal(read().at(-2), "d");
});

for (const lags of [false, true]) {
  test(`a rotation opens no rotated form that was read to its end, ${lags ? "although its events lag behind" : "told of each rename"}`, (t) => {
    const { files, log, pass, read } = follow(t, "a\n");
    const tell = (n: number): void => files.renamed(n === 0 ? log : `${log}.${n}`, `${log}.${n + 1}`);
    const goOn = (line: string): void => {
      writeFileSync(log, line);
      files.entry(log, "created");
      assert.equal(read(), line);
      for (let second = 0; second < 5; second += 1) {
        pass(1000);
        assert.equal(read(), "");
      }
      assert.equal(files.counts().open, 0);
    };
    read();
    for (const n of [0, 1, 2]) {
      rotate(log);
      for (let form = n; form >= 0; form -= 1) tell(form);
      goOn(`${n}\n`);
    }
    assert.equal(files.counts().files, 4);
    rotate(log);
    if (lags) {
      rmSync(`${log}.4`);
      for (let n = 2; n >= 0; n -= 1) tryRename(`${log}.${n + 1}`, `${log}.${n + 2}`);
    }
    for (let form = 3; form >= 0; form -= 1) tell(form);
    assert.ok(files.counts().open <= 1, `${files.counts().open} are open`);
    // Under its new name, what comes to one is seen.
    const form = lags ? `${log}.4` : `${log}.3`;
    appendFileSync(form, "late\n");
    files.entry(form, "changed");
    assert.equal(read(), "late\n");
  });
}
