import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
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

interface Followed {
  readonly files: FileSet;
  readonly log: string;
  /** Lets time pass, in which files are polled. */
  pass(ms: number): void;
  /** Lets time pass in which nothing can run. */
  standStill(ms: number): void;
  /** Reads everything that there is to read. */
  read(): string;
  /** Bytes told as lost, one number for each event. */
  lost(): number[];
}

/** A file that is followed, and time that passes only when the test says so: nothing is read before it reads. */
function follow(t: TestContext, text: string, maxOpenFiles = 10): Followed {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "files-")));
  const logs = join(root, "logs");
  mkdirSync(logs);
  const log = join(logs, "a.log");
  writeFileSync(log, text);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const state = StateStore.open(join(root, "state"));
  const events: AgentEvent[] = [];
  let now = 1000;
  const files = fileSetIn(logs, {
    maxOpenFiles,
    state,
    emit: (event) => events.push(event),
    clock: () => now,
  });
  t.after(() => {
    files.close();
    state.close();
    rmSync(root, { recursive: true });
  });
  files.entry(log, "scan");
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
    standStill(ms) {
      now += ms;
      t.mock.timers.tick(50);
    },
    read() {
      let read = "";
      for (let chunk = files.next(); chunk !== undefined; chunk = files.next()) read += chunk.bytes.toString("latin1");
      return read;
    },
    lost: () => events.flatMap((event) => (event.name === "file_lost_unread" ? [event.bytes] : [])),
  };
}

test("a file that is copied and truncated before anything of it was read is read from its copy, gone or not", (t) => {
  const { files, log, pass, read, lost } = follow(t, "a\nb\n");
  copyFileSync(log, `${log}.1`);
  files.entry(`${log}.1`, "created");
  pass(100);
  truncateSync(log);
  pass(6000);
  rmSync(`${log}.1`);
  files.removed(`${log}.1`);
  appendFileSync(log, "c\n");
  files.entry(log, "changed");
  assert.equal(read(), "a\nb\nc\n");
  assert.deepEqual(lost(), []);
});

test("a file that is copied, truncated and written anew before anything of it was read is read from its copy, gone or not", (t) => {
  const { files, log, read, standStill, lost } = follow(t, "a\n");
  copyFileSync(log, `${log}.1`);
  files.entry(`${log}.1`, "created");
  standStill(1000);
  writeFileSync(log, "longer\n");
  standStill(6000);
  rmSync(`${log}.1`);
  files.removed(`${log}.1`);
  files.entry(log, "changed");
  assert.equal(read(), "a\nlonger\n");
  assert.deepEqual(lost(), []);
});

test("a copy that is held and is renamed after its log was copied again costs nothing of that", (t) => {
  const { files, log, read, standStill } = follow(t, "a\n");
  copyFileSync(log, `${log}.1`);
  writeFileSync(log, "b\n");
  files.entry(`${log}.1`, "created");
  files.entry(log, "changed");
  standStill(50);
  renameSync(`${log}.1`, `${log}.2`);
  copyFileSync(log, `${log}.1`);
  truncateSync(log);
  standStill(6000);
  files.renamed(`${log}.1`, `${log}.2`);
  files.entry(`${log}.1`, "created");
  files.entry(log, "changed");
  assert.equal(read(), "a\nb\n");
});

test("what has the name of a copy by now is not taken for that when no truncation followed", (t) => {
  const { files, log, read, standStill } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  copyFileSync(log, `${log}.1`);
  files.entry(`${log}.1`, "created");
  standStill(50);
  renameSync(`${log}.1`, `${log}.3`);
  renameSync(log, `${log}.2`);
  writeFileSync(`${log}.1`, "b\n");
  writeFileSync(log, "c\n");
  standStill(6000);
  files.renamed(`${log}.1`, `${log}.3`);
  files.renamed(log, `${log}.2`);
  files.entry(`${log}.1`, "created");
  files.entry(log, "created");
  assert.equal(read(), "b\nc\n");
});

test("what has the shipped name of a copy by now is held as that was, and may be the copy of a truncation", (t) => {
  const { files, log, pass, read, standStill } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  const form = (n: number): string => log.replace(".log", `.${n}.log`);
  copyFileSync(log, form(1));
  files.entry(form(1), "created");
  standStill(50);
  renameSync(form(1), form(2));
  copyFileSync(log, form(1));
  standStill(6000);
  truncateSync(log);
  pass(100);
  files.entry(form(1), "created");
  files.entry(log, "changed");
  assert.equal(read(), "");
});

// As far as the file system likes: ext4 gives the number away at once.
test("a copy that got the inode number of a file which was deleted just before is found, and not read again", (t) => {
  const { files, log, read } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  const other = log.replace("a.log", "b.log");
  writeFileSync(other, "");
  files.entry(other, "created");
  rmSync(other);
  copyFileSync(log, `${log}.1`);
  truncateSync(log);
  files.entry(log, "changed");
  assert.equal(read(), "");
  files.removed(other);
  files.entry(`${log}.1`, "created");
  assert.equal(read(), "");
});

test("a file that grows between its copy and its truncation gives no line twice", (t) => {
  const { files, log, pass, read } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  appendFileSync(log, "b\n");
  files.entry(log, "changed");
  copyFileSync(log, `${log}.1`);
  files.entry(`${log}.1`, "created");
  appendFileSync(log, "gone\n");
  pass(100);
  truncateSync(log);
  pass(100);
  appendFileSync(log, "c\n");
  files.entry(log, "changed");
  assert.equal(read(), "b\nc\n");
});

test("a copy that lacks what was read after it was made gives no line again, under whatever name it is met", (t) => {
  const { files, log, pass, read } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  copyFileSync(log, `${log}.1`);
  files.entry(`${log}.1`, "created");
  appendFileSync(log, "b\n");
  files.entry(log, "changed");
  assert.equal(read(), "b\n");
  truncateSync(log);
  files.entry(log, "changed");
  assert.equal(read(), "");
  appendFileSync(log, "c\n");
  files.entry(log, "changed");
  assert.equal(read(), "c\n");
  pass(5000);
  renameSync(`${log}.1`, `${log}.2`);
  files.renamed(`${log}.1`, `${log}.2`);
  pass(10_000);
  assert.equal(read(), "");
});

test("what a truncated file held unread counts as lost once, and what was read does not", (t) => {
  const { files, log, pass, read, lost } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  truncateSync(log);
  pass(100);
  assert.equal(read(), "");
  assert.deepEqual(lost(), []);
  appendFileSync(log, "b\nc\n");
  files.entry(log, "changed");
  pass(100);
  assert.equal(read(), "b\nc\n");
  appendFileSync(log, "1234\n");
  files.entry(log, "changed");
  pass(100);
  truncateSync(log);
  pass(20_000);
  assert.equal(read(), "");
  assert.deepEqual(lost(), [5]);
});

test("a file that is written anew, longer, before it is read again has lost nothing that is known", (t) => {
  const { files, log, pass, read, lost } = follow(t, "a\n");
  assert.equal(read(), "a\n");
  writeFileSync(log, "other lines\n");
  files.entry(log, "changed");
  pass(100);
  assert.equal(read(), "other lines\n");
  assert.deepEqual(lost(), []);
});

test("a file that waits closed and is deleted counts as lost once", (t) => {
  const { files, log, pass, read, lost } = follow(t, "unread\n", 0);
  assert.equal(files.counts().open, 0);
  rmSync(log);
  files.removed(log);
  pass(20_000);
  assert.equal(read(), "");
  assert.deepEqual(lost(), [7]);
  assert.equal(files.counts().files, 0);
});

test("the last line of a deleted file is read although it never ends and the agent stood still", (t) => {
  const { files, log, standStill, read, lost } = follow(t, "a\nend");
  assert.equal(read(), "a\n");
  rmSync(log);
  files.removed(log);
  assert.equal(read(), "");
  standStill(11_000);
  assert.equal(read(), "end");
  standStill(11_000);
  assert.equal(read(), "");
  assert.equal(files.counts().files, 0);
  assert.deepEqual(lost(), []);
});

test("a deleted file that cannot be read any more counts as lost once", (t) => {
  const { files, log, pass, read, lost } = follow(t, "unread\n");
  rmSync(log);
  files.removed(log);
  const file = files.byId(1);
  assert.ok(file !== undefined);
  // A directory in its place: reading it fails, as a file does whose server has forgotten it.
  const { fd } = file;
  file.fd = openSync(tmpdir(), "r");
  assert.equal(read(), "");
  pass(20_000);
  assert.equal(lost().length, 1);
  assert.equal(files.counts().files, 0);
  file.fd = fd;
  file.close();
});

test("a short file that was rotated while nobody looked is read, beside a longer one that began in another way", (t) => {
  const { files, log, pass, read } = follow(t, `${"x".repeat(200)}\n`.repeat(10));
  read();
  pass(3000);
  writeFileSync(`${log}.1`, "short\n");
  files.entry(`${log}.1`, "created");
  assert.equal(read(), "short\n");
});

test("the backlog is what is unread at any moment", (t) => {
  const { files, log, pass, read } = follow(t, "one\n");
  const unread = (): number[] => [files.backlog().bytes, ...files.backlog().files.map((file) => file.unread)];
  assert.deepEqual(unread(), [4, 4]);
  assert.equal(read(), "one\n");
  assert.deepEqual(unread(), [0]);
  appendFileSync(log, "two\nhalf");
  pass(50);
  assert.deepEqual(unread(), [8, 8]);
  assert.equal(read(), "two\n");
  assert.deepEqual(unread(), [4, 4]);
  pass(10_000);
  appendFileSync(log, "\nthree");
  files.entry(log, "changed");
  pass(50);
  assert.deepEqual(unread(), [10, 10]);
  rmSync(log);
  files.removed(log);
  pass(30_000);
  assert.equal(read(), "half\nthree");
  pass(30_000);
  assert.deepEqual(unread(), [0]);
});

test("the first log of all is read also when it was rotated before the agent looked, and is gone", (t) => {
  const { files, log, pass, read } = follow(t, "");
  rmSync(log);
  files.removed(log);
  for (let n = 0; n < 300; n += 1) {
    pass(50);
    assert.equal(read(), "");
  }
  assert.equal(files.counts().files, 0);
  writeFileSync(log, "a\n");
  renameSync(log, `${log}.1`);
  files.entry(log, "created");
  files.renamed(log, `${log}.1`);
  assert.equal(read(), "a\n");
});
