import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { crc32, gzipSync, zstdCompressSync } from "node:zlib";
import { fileSetIn } from "../../../test/file_set.ts";
import { StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { FileSet } from "./file_set.ts";

interface Runs {
  readonly log: string;
  readonly state: () => StateStore;
  readonly events: AgentEvent[];
  /** Begins a run, with the names that are met in the first scan. */
  begin(...names: string[]): FileSet;
  /** Reads and acknowledges what there is, until it has this text. */
  read(files: FileSet, until: string): Promise<void>;
  /** What comes while everything is looked into that has to be. */
  rest(files: FileSet): Promise<string>;
  end(files: FileSet): void;
}

/** A log that is followed in several runs of the agent; between them and meanwhile the test does what it likes. */
function runs(t: TestContext): Runs {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "missed-")));
  const logs = join(root, "logs");
  mkdirSync(logs);
  const log = join(logs, "a.log");
  const events: AgentEvent[] = [];
  let state = StateStore.open(join(root, "state"));
  let open: FileSet | undefined;
  t.after(() => {
    open?.close();
    state.close();
    rmSync(root, { recursive: true });
  });
  const take = (files: FileSet): string => {
    let text = "";
    for (let chunk = files.next(); chunk !== undefined; chunk = files.next()) {
      text += chunk.bytes.toString("latin1");
      chunk.source.sent(chunk.start, chunk.positionAfter(chunk.bytes.length)).acknowledge();
    }
    return text;
  };
  return {
    log,
    state: () => state,
    events,
    begin(...names) {
      const files = fileSetIn(logs, {
        state,
        emit: (event) => events.push(event),
      });
      open = files;
      for (const name of names) files.entry(join(logs, name), "scan");
      files.scanned();
      state.setAlive(Date.now());
      return files;
    },
    async read(files, until) {
      let text = "";
      for (const end = performance.now() + 5000; text.length < until.length && performance.now() < end; await turn())
        text += take(files);
      assert.equal(text, until);
    },
    async rest(files) {
      let text = "";
      for (const end = performance.now() + 200; performance.now() < end; await turn()) text += take(files);
      return text;
    },
    end(files) {
      state.transaction(() => files.saveCheckpoints());
      files.checkpointsSaved();
      files.close();
      state.setAlive(Date.now());
      state.close();
      state = StateStore.open(join(root, "state"));
    },
  };
}

/** What `gzip` does: the form gets the time of the file. */
function compress(path: string, extension: "gz" | "zst" = "gz"): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  writeFileSync(`${path}.${extension}`, extension === "gz" ? gzipSync(bytes) : zstdCompressSync(bytes));
  utimesSync(`${path}.${extension}`, atime, mtime);
  unlinkSync(path);
}

/** Longer than the kernel's time stamps are apart. */
const tick = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);

for (const extension of ["gz", "zst"] as const) {
  test(`a log that was written, rotated and compressed (.${extension}) between two runs is read whole, in its order`, async (t) => {
    const { log, begin, read, rest, end, events } = runs(t);
    writeFileSync(log, "one\n");
    const first = begin("a.log");
    await read(first, "one\n");
    end(first);
    tick();
    appendFileSync(log, "two\n");
    renameSync(log, `${log}.1`);
    compress(`${log}.1`, extension);
    renameSync(`${log}.1.${extension}`, `${log}.2.${extension}`);
    writeFileSync(log, "three\n");
    tick();
    renameSync(log, `${log}.1`);
    compress(`${log}.1`, extension);
    writeFileSync(log, "four\n");
    const names = ["a.log", `a.log.1.${extension}`, `a.log.2.${extension}`];
    const second = begin(...names);
    await read(second, "two\nthree\nfour\n");
    assert.ok(events.some((event) => event.name === "file_restored" && event.from === `${log}.1.${extension}`));
    end(second);
    const third = begin(...names);
    assert.equal(await rest(third), "");
  });
}

test("a compressed log of which only the rest was unpacked is known by its beginning when it gets another name", async (t) => {
  const { log, begin, read, rest, end } = runs(t);
  // Longer than what is kept before the position.
  const one = `${"1".repeat(100)}\n`;
  writeFileSync(log, one);
  const first = begin("a.log");
  await read(first, one);
  end(first);
  tick();
  appendFileSync(log, "two\n");
  renameSync(log, `${log}.1`);
  compress(`${log}.1`);
  writeFileSync(log, "three\n");
  const second = begin("a.log", "a.log.1.gz");
  await read(second, "two\nthree\n");
  renameSync(`${log}.1.gz`, `${log}.2.gz`);
  second.renamed(`${log}.1.gz`, `${log}.2.gz`);
  assert.equal(await rest(second), "");
});

test("a copy that got the inode number of another log costs that one nothing, be it compressed and sent by half", async (t) => {
  const { log, state, begin, read, end } = runs(t);
  writeFileSync(log, "one\n");
  const first = begin("a.log");
  await read(first, "one\n");
  end(first);
  tick();
  copyFileSync(log, `${log}.1`);
  unlinkSync(log);
  const other = log.replace("a.log", "b.log");
  const { dev, ino } = statSync(`${log}.1`, { bigint: true });
  const text = Buffer.from("b one\n");
  state().addFile({
    dev,
    ino,
    born: 1n,
    path: other,
    headLength: text.length,
    headCrc: crc32(text),
    checkpoint: { offset: text.length, anchor: text, lineStart: text.length, part: 0 },
  });
  writeFileSync(`${other}.1.gz`, gzipSync("b one\nb two\n"));
  const second = begin("a.log.1", "b.log.1.gz");
  let chunk = second.next();
  for (const end = performance.now() + 5000; chunk === undefined && performance.now() < end; await turn())
    chunk = second.next();
  assert.equal(chunk?.bytes.toString("latin1"), "b two\n");
  end(second);
  const third = begin("a.log.1", "b.log.1.gz");
  await read(third, "b two\n");
});

test("a compressed log that was read and forgotten before the agent was killed is not read again", async (t) => {
  const { log, state, begin, read, rest, end } = runs(t);
  writeFileSync(log, "one\n");
  const first = begin("a.log");
  await read(first, "one\n");
  end(first);
  // As if the file had been deleted, and the agent killed before it told again that it lived.
  const [known] = state().files();
  assert.ok(known !== undefined);
  tick();
  appendFileSync(log, "");
  utimesSync(log, new Date(), new Date());
  renameSync(log, `${log}.1`);
  compress(`${log}.1`);
  state().removeFile(known.id);
  state().finish(known, Date.now());
  const second = begin("a.log.1.gz");
  assert.equal(await rest(second), "");
});

test("a compressed log that was there before the last run ended, or holds what is older, is not read", async (t) => {
  const { log, begin, rest, end } = runs(t);
  writeFileSync(`${log}.1.gz`, gzipSync("old\n"));
  tick();
  end(begin("a.log.1.gz"));
  tick();
  renameSync(`${log}.1.gz`, `${log}.2.gz`);
  writeFileSync(`${log}.1.gz`, gzipSync("unpacked from a backup\n"));
  utimesSync(`${log}.1.gz`, 1_700_000_000, 1_700_000_000);
  writeFileSync(`${log}.other.gz`, gzipSync("not called like a rotated form\n"));
  const second = begin("a.log.1.gz", "a.log.2.gz", "a.log.other.gz");
  assert.equal(await rest(second), "");
});

test("while the agent stands still over two rotations with compression, the log between them is read in its order", async (t) => {
  const { log, begin, read } = runs(t);
  writeFileSync(log, "one\n");
  const files = begin("a.log");
  await read(files, "one\n");
  tick();
  appendFileSync(log, "two\n");
  writeFileSync(`${log}.2.gz`, gzipSync("one\ntwo\n"));
  truncateSync(log);
  tick();
  writeFileSync(`${log}.1.gz`, gzipSync("three\n"));
  truncateSync(log);
  appendFileSync(log, "four\n");
  files.entry(`${log}.2.gz`, "created");
  files.entry(`${log}.1.gz`, "created");
  files.entry(log, "changed");
  await read(files, "two\nthree\nfour\n");
});

test("a compressed file that has got the inode number of a rotated one is not taken for it", async (t) => {
  const { log, state, begin, rest } = runs(t);
  writeFileSync(`${log}.1.gz`, gzipSync("three\n".repeat(100)));
  const { dev, ino } = statSync(`${log}.1.gz`, { bigint: true });
  const text = Buffer.from("one\ntwo\n");
  state().addFile({
    dev,
    ino,
    born: 1n,
    path: log,
    headLength: text.length,
    headCrc: crc32(text),
    checkpoint: { offset: 4, anchor: text.subarray(0, 4), lineStart: 4, part: 0 },
  });
  state().setAlive(Date.now() + 60_000);
  const files = begin("a.log.1.gz");
  for (const end = performance.now() + 5000; state().files().length > 0 && performance.now() < end; await turn());
  assert.equal(await rest(files), "");
  assert.deepEqual([files.counts().files, state().files()], [0, []]);
});

test("the rest of a log is found in its compressed form among many that were renamed in the same moment", async (t) => {
  const { log, begin, read, end } = runs(t);
  writeFileSync(log, "one\n");
  const first = begin("a.log");
  await read(first, "one\n");
  end(first);
  appendFileSync(log, "two\n");
  renameSync(log, `${log}.1`);
  compress(`${log}.1`);
  for (let n = 2; n <= 9; n += 1) writeFileSync(`${log}.${n}.gz`, gzipSync(`older ${n}\n`));
  // What the others hold is older, and their change times are newer.
  for (let n = 2; n <= 9; n += 1) utimesSync(`${log}.${n}.gz`, 1_700_000_000, 1_700_000_000);
  writeFileSync(log, "three\n");
  const second = begin("a.log");
  await read(second, "two\nthree\n");
});

test("a log that was truncated, rotated away and compressed while it was open is read once, in its order", async (t) => {
  const { log, begin, read, rest } = runs(t);
  writeFileSync(log, "one\n");
  const files = begin("a.log");
  await read(files, "one\n");
  tick();
  appendFileSync(log, "two\n");
  writeFileSync(`${log}.2.gz`, gzipSync("one\ntwo\n"));
  truncateSync(log);
  tick();
  appendFileSync(log, "three\n");
  renameSync(log, `${log}.1`);
  compress(`${log}.1`);
  writeFileSync(log, "four\n");
  files.entry(`${log}.2.gz`, "created");
  files.renamed(log, `${log}.1`);
  files.entry(`${log}.1.gz`, "created");
  files.removed(`${log}.1`);
  files.entry(log, "created");
  await read(files, "two\nthree\nfour\n");
  assert.equal(await rest(files), "");
});

test("a log that was deleted while it was open is as old as what was last written to it, beside what is restored", async (t) => {
  const { log, begin, read } = runs(t);
  writeFileSync(log, "one\n");
  const files = begin("a.log");
  await read(files, "one\n");
  appendFileSync(log, "two\n");
  writeFileSync(`${log}.2.gz`, gzipSync("one\ntwo\n"));
  truncateSync(log);
  // As if the kernel's clock had ticked between the truncation and the end of the compressor.
  const { mtimeMs } = statSync(log);
  utimesSync(`${log}.2.gz`, new Date(), new Date(Math.ceil(mtimeMs) + 5));
  files.entry(log, "changed");
  assert.equal(files.next(), undefined);
  tick();
  appendFileSync(log, "three\n");
  files.entry(log, "changed");
  rmSync(log);
  files.removed(log);
  writeFileSync(log, "four\n");
  files.entry(log, "created");
  await read(files, "two\nthree\nfour\n");
});

test("what was on its way of a log that was truncated and compressed is sent again after a crash", async (t) => {
  const { log, begin, rest, end } = runs(t);
  writeFileSync(log, "one\n");
  const files = begin("a.log");
  const chunk = files.next();
  assert.equal(chunk?.bytes.toString("latin1"), "one\n");
  chunk.source.sent(chunk.start, chunk.positionAfter(chunk.bytes.length));
  tick();
  writeFileSync(`${log}.1.gz`, gzipSync("one\n"));
  truncateSync(log);
  files.entry(log, "changed");
  assert.equal(await rest(files), "");
  end(files);
  const second = begin("a.log", "a.log.1.gz");
  assert.equal(await rest(second), "one\n");
  end(second);
  const third = begin("a.log", "a.log.1.gz");
  assert.equal(await rest(third), "");
});

test("a log that was empty when it was found is known to the next run by what was read of it and not acknowledged", async (t) => {
  const { log, begin, read, end, state } = runs(t);
  writeFileSync(log, "");
  const first = begin("a.log");
  const one = `${"1".repeat(700)}\n`.repeat(3);
  appendFileSync(log, one);
  first.entry(log, "changed");
  const chunk = first.next();
  assert.equal(chunk?.bytes.length, one.length);
  chunk.source.sent(chunk.start, chunk.positionAfter(chunk.bytes.length));
  assert.equal(state().files()[0]?.headLength, 1024);
  end(first);
  copyFileSync(log, `${log}.1`);
  truncateSync(log);
  appendFileSync(log, "two\n".repeat(1000));
  const second = begin("a.log", "a.log.1");
  const range = { start: 0, end: one.length, lineStart: one.length };
  const file = second.byId(chunk.source.id);
  assert.ok(file !== undefined);
  assert.equal(second.readAgain(file, range)?.bytes.toString("latin1"), one);
  await read(second, "two\n".repeat(1000));
});
