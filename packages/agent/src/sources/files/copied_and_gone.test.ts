import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
import type { AgentEvent } from "../../telemetry/events.ts";
import type { FileSet } from "./file_set.ts";

interface Runs {
  readonly log: string;
  readonly events: AgentEvent[];
  /** Begins a run: everything that is there is met in the first scan. */
  begin(spoolLimit?: number): FileSet;
  /** Reads everything that there is to read, and acknowledges it. */
  read(files: FileSet): string;
  /** Lets time pass, in which files are polled. */
  pass(ms: number): void;
  /** Lets time pass in which nothing can run, and polls once. */
  standStill(ms: number): void;
  end(files: FileSet): void;
}

/** What an agent that was alive at a moment has seen for certain is older than that. */
const LAG_MS = 60_000;

/** A log that is followed in several runs of the agent; time passes only when the test says so. */
function runs(t: TestContext): Runs {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "gone-")));
  const logs = join(root, "logs");
  mkdirSync(logs);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const events: AgentEvent[] = [];
  let state = StateStore.open(join(root, "state"));
  let open: FileSet | undefined;
  let now = 1000;
  t.after(() => {
    open?.close();
    state.close();
    rmSync(root, { recursive: true });
  });
  return {
    log: join(logs, "a.log"),
    events,
    begin(spoolLimit = 0) {
      const files = fileSetIn(logs, {
        spoolLimit,
        state,
        emit: (event) => events.push(event),
        clock: () => now,
      });
      open = files;
      for (const name of readdirSync(logs).sort()) files.entry(join(logs, name), "scan");
      files.scanned();
      return files;
    },
    read(files) {
      let text = "";
      for (let chunk = files.next(); chunk !== undefined; chunk = files.next()) {
        text += chunk.bytes.toString("latin1");
        chunk.source.sent(chunk.start, chunk.positionAfter(chunk.bytes.length)).acknowledge();
      }
      return text;
    },
    pass(ms) {
      for (const until = now + ms; now < until; ) {
        now += 50;
        t.mock.timers.tick(50);
      }
    },
    standStill(ms) {
      now += ms;
      t.mock.timers.tick(50);
    },
    end(files) {
      state.transaction(() => files.saveCheckpoints());
      files.checkpointsSaved();
      files.close();
      state.setAlive(Date.now() - LAG_MS);
      state.close();
      state = StateStore.open(join(root, "state"));
    },
  };
}

for (const form of ["a.log.1", "a-20260102.log"]) {
  test(`of a log that was copied to ${form}, truncated and deleted between two runs, only what was not read comes`, (t) => {
    const { log, begin, read, end, events } = runs(t);
    writeFileSync(log, "one\n");
    const first = begin();
    assert.equal(read(first), "one\n");
    end(first);
    appendFileSync(log, "two\n");
    copyFileSync(log, log.replace("a.log", form));
    rmSync(log);
    const second = begin();
    assert.equal(read(second), "two\n");
    end(second);
    const third = begin();
    assert.equal(read(third), "");
    assert.ok(!events.some(({ name }) => name === "file_gone_while_down"));
  });

  test(`of a log that was copied to ${form} and truncated between two runs, only what was not read comes, and in its order`, (t) => {
    const { log, begin, read, end } = runs(t);
    writeFileSync(log, "one\n");
    const first = begin();
    assert.equal(read(first), "one\n");
    end(first);
    appendFileSync(log, "two\n");
    copyFileSync(log, log.replace("a.log", form));
    truncateSync(log);
    appendFileSync(log, "three\n");
    const second = begin();
    assert.equal(read(second), "two\nthree\n");
    end(second);
    assert.equal(read(begin()), "");
  });
}

// As far as the file system likes: ext4 gives the number away at once.
test("a log that got the inode number of the last one does not hide that a copy of that is there", (t) => {
  const { log, begin, read, end } = runs(t);
  writeFileSync(log, "one\n");
  const first = begin();
  assert.equal(read(first), "one\n");
  end(first);
  appendFileSync(log, "two\n");
  copyFileSync(log, `${log}.1`);
  rmSync(log);
  writeFileSync(log, "three\n");
  const second = begin();
  assert.equal(read(second), "two\nthree\n");
  end(second);
  assert.equal(read(begin()), "");
});

test("what was on its way of a log that was copied and deleted is read again from its copy, under its id", (t) => {
  const { log, begin, read, end } = runs(t);
  writeFileSync(log, "one\ntwo\n");
  const first = begin();
  const chunk = first.next();
  assert.ok(chunk !== undefined);
  chunk.source.sent(chunk.start, chunk.positionAfter(chunk.bytes.length));
  const { id } = chunk.source;
  end(first);
  copyFileSync(log, `${log}.1`);
  rmSync(log);
  const second = begin();
  const file = second.byId(id);
  assert.ok(file !== undefined);
  assert.equal(second.readAgain(file, { end: 8, lineStart: 8 })?.bytes.toString("latin1"), "one\ntwo\n");
  assert.equal(read(second), "");
});

test("a rotated form that only begins as a deleted log did is read whole", (t) => {
  const { log, begin, read, end } = runs(t);
  writeFileSync(log, "begins\none\n");
  const first = begin();
  assert.equal(read(first), "begins\none\n");
  end(first);
  rmSync(log);
  writeFileSync(`${log}.1`, "begins\ntwo\nthree\n");
  assert.equal(read(begin()), "begins\ntwo\nthree\n");
});

/** A log that nothing happened to for so long that it is closed. */
function closed({ log, begin, read, pass }: Runs): FileSet {
  writeFileSync(log, "one\n");
  const files = begin();
  assert.equal(read(files), "one\n");
  for (let n = 0; n < 100; n += 1) {
    pass(50);
    assert.equal(read(files), "");
  }
  assert.equal(files.counts().open, 0);
  return files;
}

test("the rest of a closed log that was copied, truncated and deleted before the agent looked is read from the copy", (t) => {
  const run = runs(t);
  const { log, read, pass } = run;
  const files = closed(run);
  appendFileSync(log, "two\n");
  copyFileSync(log, `${log}.1`);
  truncateSync(log);
  rmSync(log);
  files.entry(log, "changed");
  files.entry(`${log}.1`, "created");
  files.entry(log, "changed");
  files.removed(log);
  pass(10_000);
  assert.equal(read(files), "two\n");
  pass(10_000);
  assert.deepEqual([read(files), files.counts().files], ["", 1]);
});

test("it is read from the copy also when the events that tell of the deletion come later than a poll", (t) => {
  const run = runs(t);
  const { log, read, pass, standStill } = run;
  const files = closed(run);
  appendFileSync(log, "two\n");
  copyFileSync(log, `${log}.1`);
  files.entry(`${log}.1`, "created");
  truncateSync(log);
  rmSync(log);
  standStill(10_000);
  files.entry(log, "changed");
  files.removed(log);
  pass(10_000);
  assert.equal(read(files), "two\n");
});

test("it is read before what is written to a new log", (t) => {
  const run = runs(t);
  const { log, read, pass } = run;
  const files = closed(run);
  appendFileSync(log, "two\n");
  copyFileSync(log, `${log}.1`);
  // While the old file is there, the new one has another inode number.
  renameSync(log, `${log}.kept`);
  writeFileSync(log, "three\n");
  rmSync(`${log}.kept`);
  files.entry(`${log}.1`, "created");
  files.renamed(log, `${log}.kept`);
  files.removed(`${log}.kept`);
  files.entry(log, "created");
  let text = read(files);
  pass(10_000);
  text += read(files);
  assert.equal(text, "two\nthree\n");
});

/** How long the disk is waited for, in milliseconds. */
const WAIT_MS = 10_000;

for (const ends of [false, true]) {
  test(`a log that is unread, copied, truncated and deleted while it is open is read from its copy, ${ends ? "when the agent ends at once" : "although it is spooled"}`, async (t) => {
    const { log, begin, read, pass, events } = runs(t);
    writeFileSync(log, "one\ntwo\n");
    const files = begin(1e9);
    pass(50);
    copyFileSync(log, `${log}.1`);
    truncateSync(log);
    // More than it held: its size does not tell.
    appendFileSync(log, "three, four and five\n");
    files.entry(`${log}.1`, "created");
    pass(600);
    rmSync(log);
    files.removed(log);
    if (ends) await files.finish(true);
    // The disk takes as long as it takes, whatever the clock of the files says.
    const until = performance.now() + WAIT_MS;
    for (let n = 0; performance.now() < until && !events.some(({ name }) => name === "segment_written"); n += 1) {
      if (n < 100) pass(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    pass(10_000);
    let text = "";
    while (performance.now() < until && !text.endsWith("five\n")) {
      text += read(files);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(text, "one\ntwo\nthree, four and five\n");
  });
}
