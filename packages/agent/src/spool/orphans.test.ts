import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { StateStore } from "../state/state_store.ts";
import { adoptOrphans } from "./orphans.ts";
import { SegmentStore } from "./segment_store.ts";

const PATH = "/var/log/größe.log";

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "orphans-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function open(t: TestContext, directory: string) {
  const state = StateStore.open(directory);
  t.after(() => state.close());
  return { state, store: new SegmentStore({ directory, records: state.spool, limit: 1e9 }) };
}

/** A state in which a deleted file of 100 bytes is, with segments that begin at these offsets and have 10 bytes each. */
async function spooled(t: TestContext, directory: string, ...starts: readonly number[]) {
  const { state, store } = open(t, directory);
  const checkpoint = { offset: 4, anchor: new Uint8Array(0), lineStart: 2, part: 1 };
  const head = { headLength: 3, headCrc: 7 };
  const fileId = state.addFile({ dev: 1n, ino: 2n, born: 0n, path: PATH, ...head, checkpoint });
  state.beginSpool(fileId, 100);
  for (const start of starts) {
    const origin = { path: PATH, size: 100, ...head, offset: 4, lineStart: 2, part: 1 };
    const bytes = Buffer.from("0123456789");
    await store.write(
      { fileId, start, bytes, origin },
      () => false,
      () => true,
    );
  }
  state.close();
}

function names(directory: string, beginning: string): string[] {
  return readdirSync(directory).filter((name) => name.startsWith(beginning));
}

function withoutState(directory: string): void {
  for (const name of names(directory, "state.sqlite")) rmSync(join(directory, name));
}

test("segments of a state that is gone are noted in the new one, with the file that they are of", async (t) => {
  const directory = temporary(t);
  await spooled(t, directory, 0, 10, 30);
  withoutState(directory);
  const { state, store } = open(t, directory);
  assert.deepEqual(adoptOrphans(state), { files: 1, segments: 3, strays: [] });
  const { whole, damaged } = store.check();
  assert.deepEqual(damaged, []);
  assert.deepEqual(
    whole.map(({ start, end }) => [start, end]),
    [
      [0, 10],
      [10, 20],
      [30, 40],
    ],
  );
  const [segment] = whole;
  assert.ok(segment !== undefined);
  assert.equal((await store.read(segment)).toString(), "0123456789");
  const [file, ...others] = state.files();
  assert.ok(file !== undefined);
  assert.deepEqual(others, []);
  const { checkpoint } = file;
  assert.deepEqual([file.path, file.headLength, file.headCrc], [PATH, 3, 7]);
  assert.deepEqual([checkpoint.offset, checkpoint.lineStart, checkpoint.part], [4, 2, 1]);
  assert.deepEqual([...state.spool.sizes()], [[file.id, 100]]);
  // Ids of later ones are higher, and nothing is adopted twice.
  assert.deepEqual(adoptOrphans(state), { files: 0, segments: 0, strays: [] });
  assert.ok(state.spool.add({ fileId: file.id, start: 50, end: 60, size: 1 }) > Math.max(...whole.map(({ id }) => id)));
});

test("where the first segments were done with, reading begins at the first that is there", async (t) => {
  const directory = temporary(t);
  await spooled(t, directory, 0, 10);
  rmSync(join(directory, "spool-1.zst"));
  withoutState(directory);
  const { state } = open(t, directory);
  adoptOrphans(state);
  const [file] = state.files();
  const { offset, lineStart, part } = file?.checkpoint ?? {};
  assert.deepEqual([offset, lineStart, part], [10, 10, 0]);
});

test("a segment that this very state was done with, and that came back, is removed", async (t) => {
  const directory = temporary(t);
  await spooled(t, directory, 0, 10);
  const bytes = readFileSync(join(directory, "spool-1.zst"));
  const { state, store } = open(t, directory);
  const [first] = store.check().whole;
  assert.ok(first !== undefined);
  store.remove(first);
  writeFileSync(join(directory, "spool-1.zst"), bytes, { mode: 0o600 });
  assert.deepEqual(adoptOrphans(state), { files: 0, segments: 0, strays: [] });
  assert.deepEqual(names(directory, "spool-"), ["spool-2.zst"]);
});

test("a segment whose note a power loss took goes back to its file", async (t) => {
  const directory = temporary(t);
  await spooled(t, directory, 0);
  const { state, store } = open(t, directory);
  const [file] = state.files();
  assert.ok(file !== undefined);
  const origin = { path: PATH, size: 200, headLength: 3, headCrc: 7, offset: 4, lineStart: 2, part: 1 };
  const bytes = Buffer.from("0123456789");
  const written = await store.write(
    { fileId: file.id, start: 10, bytes, origin },
    () => false,
    () => true,
  );
  assert.ok(written !== undefined);
  // As if its number had never been given.
  state.spool.remove(written.id);
  renameSync(join(directory, `spool-${written.id}.zst`), join(directory, "spool-9.zst"));
  assert.deepEqual(adoptOrphans(state), { files: 1, segments: 1, strays: [] });
  assert.deepEqual(
    state.files().map(({ id }) => id),
    [file.id],
  );
  assert.deepEqual(
    state.spool.segments().map(({ id, fileId }) => [id, fileId]),
    [
      [1, file.id],
      [9, file.id],
    ],
  );
  assert.deepEqual([...state.spool.sizes()], [[file.id, 200]]);
});

test("copies, and segments that say nothing of themselves, are set aside and told", async (t) => {
  const directory = temporary(t);
  await spooled(t, directory, 0);
  copyFileSync(join(directory, "spool-1.zst"), join(directory, "spool-5.zst"));
  const old = zstdCompressSync(Buffer.from("of an earlier version\n"));
  writeFileSync(join(directory, "spool-7.zst"), old, { mode: 0o600 });
  writeFileSync(join(directory, "spool-8.zst"), "", { mode: 0o600 });
  const damaged = readFileSync(join(directory, "spool-1.zst"));
  damaged[20] = (damaged[20] ?? 0) ^ 1;
  writeFileSync(join(directory, "spool-9.zst"), damaged, { mode: 0o600 });
  withoutState(directory);
  const { state } = open(t, directory);
  const { files, segments, strays } = adoptOrphans(state);
  assert.deepEqual([files, segments], [1, 1]);
  assert.deepEqual(strays.map(({ path }) => path.slice(directory.length + 1)).toSorted(), [
    "spool-5.zst",
    "spool-7.zst",
    "spool-8.zst",
    "spool-9.zst",
  ]);
  assert.deepEqual(names(directory, "spool-"), ["spool-1.zst"]);
  const aside = names(directory, "aside-");
  assert.equal(aside.length, 3);
  const kept = aside.find((name) => name.endsWith("spool-7.zst")) ?? "";
  assert.deepEqual(readFileSync(join(directory, kept)), old);
  assert.ok(strays.some(({ reason }) => reason.includes(kept)));
});

test("a segment can be unpacked by any program that knows zstd", async (t) => {
  const directory = temporary(t);
  await spooled(t, directory, 0);
  const packed = readFileSync(join(directory, "spool-1.zst"));
  assert.equal(zstdDecompressSync(packed).toString(), "0123456789");
});

test("a segment is not written over one that could not be adopted", async (t) => {
  const directory = temporary(t);
  await spooled(t, directory, 0);
  withoutState(directory);
  const orphan = readFileSync(join(directory, "spool-1.zst"));
  // The new state begins with the same number, and has not looked.
  await spooled(t, directory, 0);
  assert.deepEqual(readFileSync(join(directory, "spool-1.zst")), orphan);
  assert.equal(names(directory, "spool-").length, 2);
});
