import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { StateError } from "./private_database.ts";
import { type NewFile, StateStore } from "./state_store.ts";

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "state-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const file: NewFile = {
  dev: 2n ** 63n,
  ino: 2n ** 60n + 1n,
  born: 10n ** 18n + 1n,
  path: "/var/log/a.log",
  headLength: 12,
  headCrc: 4_000_000_000,
  checkpoint: { offset: 2 ** 45, anchor: new Uint8Array([1, 2, 0]), lineStart: 7, part: 2 },
};

test("what was written is there after a kill -9", (t) => {
  const directory = temporary(t);
  const script = `
    import { StateStore } from ${JSON.stringify(new URL("./state_store.ts", import.meta.url).href)};
    const state = StateStore.open(${JSON.stringify(directory)});
    const id = state.addFile({ dev: ${file.dev}n, ino: ${file.ino}n, born: ${file.born}n, path: "/var/log/a.log", headLength: 12, headCrc: 4000000000,
      checkpoint: { offset: 2 ** 45, anchor: new Uint8Array([1, 2, 0]), lineStart: 7, part: 2 } });
    state.addBatch({ id: "b", ranges: [{ fileId: id, start: 1, end: 2, lineStart: 0 }] });
    state.addBatch({ id: "a", ranges: [] });
    process.kill(process.pid, "SIGKILL");
  `;
  assert.throws(() => execFileSync(process.execPath, ["--input-type=module", "--eval", script], { stdio: "pipe" }));
  const state = StateStore.open(directory);
  t.after(() => state.close());
  const [known] = state.files();
  assert.ok(known !== undefined);
  const { id, ...rest } = known;
  assert.deepEqual(
    { ...rest, checkpoint: { ...rest.checkpoint, anchor: [...rest.checkpoint.anchor] } },
    {
      ...file,
      checkpoint: { ...file.checkpoint, anchor: [1, 2, 0] },
      missingSince: 0,
    },
  );
  assert.deepEqual(state.batches(), [
    { id: "a", ranges: [] },
    { id: "b", ranges: [{ fileId: id, start: 1, end: 2, lineStart: 0 }] },
  ]);
});

test("another file with the same inode number takes the place, and ranges of the old one are forgotten", (t) => {
  const state = StateStore.open(temporary(t));
  t.after(() => state.close());
  const first = state.addFile(file);
  state.addBatch({ id: "a", ranges: [{ fileId: first, start: 1, end: 2, lineStart: 0 }] });
  assert.equal(state.addFile({ ...file, path: "/var/log/b.log" }), first);
  assert.deepEqual(state.batches(), [{ id: "a", ranges: [] }]);
  assert.deepEqual(
    state.files().map(({ path }) => path),
    ["/var/log/b.log"],
  );
});

test("a transaction that fails leaves nothing behind", (t) => {
  const state = StateStore.open(temporary(t));
  t.after(() => state.close());
  assert.throws(() =>
    state.transaction(() => {
      state.addFile(file);
      throw new Error("no");
    }),
  );
  assert.deepEqual(state.files(), []);
});

test("a second agent on the same directory is refused by name", (t) => {
  const directory = temporary(t);
  const state = StateStore.open(directory);
  t.after(() => state.close());
  const script = `
    import { StateStore } from ${JSON.stringify(new URL("./state_store.ts", import.meta.url).href)};
    try { StateStore.open(${JSON.stringify(directory)}); } catch (error) { process.stdout.write(error.message); }
  `;
  const said = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  assert.match(said, /^Another agent is using the state in .*state\.sqlite\. Stop it first/);
});

test("the state is private, also where it was not", (t) => {
  const directory = join(temporary(t), "state");
  mkdirSync(directory, { mode: 0o755 });
  writeFileSync(join(directory, "state.sqlite"), "", { mode: 0o644 });
  StateStore.open(directory).close();
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, "state.sqlite")).mode & 0o777, 0o600);
});

test("what someone planted is refused", (t) => {
  const directory = temporary(t);
  symlinkSync("/etc/passwd", join(directory, "state.sqlite"));
  assert.throws(
    () => StateStore.open(directory),
    (error) => error instanceof StateError && /symbolic link/.test(error.message),
  );
});

test("a damaged state is said to be damaged, with what to do", (t) => {
  const directory = temporary(t);
  writeFileSync(join(directory, "state.sqlite"), "this is not a database, and it is long enough to be looked at");
  assert.throws(() => StateStore.open(directory), /is damaged .*Move it away/);
});

test("a directory that others use keeps its mode, and is refused where they may write", (t) => {
  const directory = temporary(t);
  writeFileSync(join(directory, "other.db"), "of another program");
  chmodSync(directory, 0o755);
  StateStore.open(directory).close();
  assert.equal(statSync(directory).mode & 0o7777, 0o755);
  const shared = temporary(t);
  writeFileSync(join(shared, "other.txt"), "of another program");
  chmodSync(shared, 0o1777);
  assert.throws(() => StateStore.open(shared), /others may write to it.*--db-path/);
  assert.equal(statSync(shared).mode & 0o7777, 0o1777);
});

test("a scratch file has no name, and holds what is written to it", (t) => {
  const directory = temporary(t);
  const state = StateStore.open(directory);
  t.after(() => state.close());
  const before = readdirSync(directory);
  const fd = state.scratchFile();
  t.after(() => closeSync(fd));
  assert.deepEqual(readdirSync(directory), before);
  writeSync(fd, "kept");
  assert.equal(fstatSync(fd).mode & 0o777, 0o600);
  assert.equal(fstatSync(fd).size, 4);
  assert.ok(state.freeBytes() > 0);
});

/** What takes from a state of this version what version 3 had not. */
const TO_VERSION_3 = "ALTER TABLE batches DROP COLUMN made_under;";
/** And what version 2 had not. */
const TO_VERSION_2 = `DROP TABLE newest_batch; DROP TABLE finished; ALTER TABLE files DROP COLUMN born; ${TO_VERSION_3}`;

test("a state of version 2 is taken over: nothing is known of births in it", (t) => {
  const directory = temporary(t);
  const first = StateStore.open(directory);
  first.addFile(file);
  first.close();
  const database = new DatabaseSync(join(directory, "state.sqlite"));
  database.exec(`${TO_VERSION_2} PRAGMA user_version = 2;`);
  database.close();
  const state = StateStore.open(directory);
  t.after(() => state.close());
  assert.deepEqual(
    state.files().map(({ path, born }) => ({ path, born })),
    [{ path: file.path, born: 0n }],
  );
});

test("the newest id of a batch is known although the batch is acknowledged, and never becomes an older one", (t) => {
  const state = StateStore.open(temporary(t));
  t.after(() => state.close());
  assert.equal(state.newestBatch(), undefined);
  state.addBatch({ id: "0b-x", ranges: [] });
  state.removeBatch("0b-x");
  assert.equal(state.newestBatch(), "0b-x");
  state.addBatch({ id: "0a-y", ranges: [] });
  assert.equal(state.newestBatch(), "0b-x");
});

test("a state of version 1 is taken over, and gets what the spool needs", (t) => {
  const directory = temporary(t);
  const first = StateStore.open(directory);
  const id = first.addFile(file);
  first.close();
  // What version 1 was: the same without the spool.
  const database = new DatabaseSync(join(directory, "state.sqlite"));
  database.exec(`DROP TABLE segments; DROP TABLE spooled; ${TO_VERSION_2} PRAGMA user_version = 1;`);
  database.close();
  const state = StateStore.open(directory);
  t.after(() => state.close());
  assert.deepEqual(
    state.files().map((known) => known.id),
    [id],
  );
  state.beginSpool(id, 10);
  const segment = { fileId: id, start: 0, end: 10, size: 5 };
  const added = state.spool.add(segment);
  assert.deepEqual(state.spool.segments(), [{ id: added, ...segment }]);
  state.removeFile(id);
  assert.deepEqual([state.spool.segments(), state.spool.sizes().size], [[], 0]);
});

test("what is finished is known by its first bytes for a day", (t) => {
  const state = StateStore.open(temporary(t));
  t.after(() => state.close());
  const now = 1_700_000_000_000;
  state.finish({ path: "/a", headLength: 3, headCrc: 7 }, now);
  state.finish({ path: "/a", headLength: 4, headCrc: 8 }, now + 3_600_000);
  state.finish({ path: "/b", headLength: 5, headCrc: 9 }, now);
  assert.deepEqual(state.finished("/a"), [
    { length: 3, crc: 7 },
    { length: 4, crc: 8 },
  ]);
  state.setAlive(now + 86_400_001);
  assert.deepEqual([state.finished("/a"), state.finished("/b")], [[{ length: 4, crc: 8 }], []]);
});

test("what was there when the agent was known to run the time before last was seen", (t) => {
  const directory = temporary(t);
  const first = StateStore.open(directory);
  assert.equal(first.aliveBefore(), undefined);
  first.setAlive(1000);
  assert.equal(first.aliveBefore(), 1000);
  first.setAlive(2000);
  assert.equal(first.aliveBefore(), 1000);
  first.close();
  const second = StateStore.open(directory);
  t.after(() => second.close());
  assert.equal(second.aliveBefore(), 2000);
  second.setAlive(9000);
  assert.deepEqual([second.aliveBefore(), second.lastAlive()], [2000, 9000]);
});

test("only batches that were made in the same way are there, and the others can be forgotten", (t) => {
  const directory = temporary(t);
  const first = StateStore.open(directory);
  first.makeUnder(2 ** 48 - 1);
  first.addBatch({ id: "0a-x", ranges: [{ fileId: 1, start: 1, end: 2, lineStart: 0 }] });
  first.makeUnder(7);
  first.addBatch({ id: "0b-x", ranges: [] });
  first.close();
  const state = StateStore.open(directory);
  t.after(() => state.close());
  assert.deepEqual(state.batches(), []);
  state.makeUnder(2 ** 48 - 1);
  assert.deepEqual(state.batches(), [{ id: "0a-x", ranges: [{ fileId: 1, start: 1, end: 2, lineStart: 0 }] }]);
  assert.equal(state.forgetOtherBatches(), 1);
  state.makeUnder(7);
  assert.deepEqual([state.batches(), state.newestBatch()], [[], "0b-x"]);
});

test("a state of version 3 is taken over: how its batches were made is not known", (t) => {
  const directory = temporary(t);
  const first = StateStore.open(directory);
  first.makeUnder(7);
  first.addBatch({ id: "0a-x", ranges: [] });
  first.close();
  const database = new DatabaseSync(join(directory, "state.sqlite"));
  database.exec(`${TO_VERSION_3} PRAGMA user_version = 3;`);
  database.close();
  const state = StateStore.open(directory);
  t.after(() => state.close());
  state.makeUnder(7);
  assert.deepEqual([state.batches(), state.forgetOtherBatches(), state.newestBatch()], [[], 1, "0a-x"]);
});
