import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { StateStore } from "../state/state_store.ts";
import { NoRoom, SegmentStore } from "./segment_store.ts";
import { findOrphans } from "./unknown_segments.ts";

const FILE = {
  dev: 1n,
  ino: 2n,
  born: 0n,
  path: "/var/log/a.log",
  headLength: 0,
  headCrc: 0,
  checkpoint: { offset: 0, anchor: new Uint8Array(0), lineStart: 0, part: 0 },
};

const ORIGIN = { path: FILE.path, size: 1_000_000, headLength: 0, headCrc: 0, offset: 0, lineStart: 0, part: 0 };

function open(t: TestContext, limit: number) {
  const directory = mkdtempSync(join(tmpdir(), "spool-"));
  const state = StateStore.open(directory);
  t.after(() => {
    state.close();
    rmSync(directory, { recursive: true });
  });
  const fileId = state.addFile(FILE);
  state.beginSpool(fileId, 1_000_000);
  const make = (): SegmentStore => new SegmentStore({ directory, records: state.spool, limit });
  const spooled = (): string[] => readdirSync(directory).filter((name) => name.startsWith("spool-"));
  return { directory, state, fileId, make, spooled };
}

const noRoom = (): boolean => false;
const always = (): boolean => true;

test("what was written is there for the next store, with its check sum, and private", async (t) => {
  const { directory, state, fileId, make, spooled } = open(t, 1e9);
  const bytes = Buffer.from("line\n".repeat(10_000));
  const store = make();
  const written = await store.write({ fileId, start: 100, bytes, origin: ORIGIN }, noRoom, always);
  assert.ok(written !== undefined);
  assert.deepEqual([written.start, written.end], [100, 100 + bytes.length]);
  const next = make();
  assert.deepEqual(findOrphans(directory, state.spool), { orphans: [], strays: [] });
  assert.deepEqual(next.check(), { whole: [written], damaged: [] });
  assert.equal(next.bytes, written.size);
  assert.deepEqual(await next.read(written), bytes);
  const [name = ""] = spooled();
  const { size, mode } = statSync(join(directory, name));
  assert.deepEqual([size, mode & 0o777], [written.size, 0o600]);
  next.remove(written);
  assert.deepEqual(spooled(), []);
  assert.equal(next.bytes, 0);
  assert.deepEqual(make().check().whole, []);
});

test("nothing is kept beyond the limit, and room is asked for", async (t) => {
  const { fileId, make, spooled, state } = open(t, 100_000);
  const store = make();
  const first = await store.write({ fileId, start: 0, bytes: randomBytes(60_000), origin: ORIGIN }, noRoom, always);
  assert.ok(first !== undefined);
  const second = { fileId, start: 60_000, bytes: randomBytes(60_000), origin: ORIGIN };
  await assert.rejects(store.write(second, noRoom, always), NoRoom);
  assert.equal(spooled().length, 1);
  const asked: number[] = [];
  const makeRoom = (bytes: number): boolean => {
    asked.push(bytes);
    store.remove(first);
    return true;
  };
  const written = await store.write(second, makeRoom, always);
  assert.equal(asked.length, 1);
  assert.equal(asked[0], first.size + (written?.size ?? 0) - 100_000);
  assert.deepEqual(state.spool.segments(), [written]);
});

test("what is not wanted any more leaves nothing", async (t) => {
  const { fileId, make, spooled, state } = open(t, 1e9);
  const store = make();
  for (const wanted of [0, 1]) {
    let asked = 0;
    const isWanted = (): boolean => asked++ < wanted;
    assert.equal(
      await store.write({ fileId, start: 0, bytes: Buffer.from("a\n"), origin: ORIGIN }, noRoom, isWanted),
      undefined,
    );
  }
  assert.deepEqual([spooled(), state.spool.segments(), store.bytes], [[], [], 0]);
});

test("a state that another process closed, or that cannot be written, leaves no segment behind", async (t) => {
  const { fileId, make, spooled, state } = open(t, 1e9);
  const store = make();
  state.close();
  await assert.rejects(
    store.write({ fileId, start: 0, bytes: Buffer.from("a\n"), origin: ORIGIN }, noRoom, always),
    NoRoom,
  );
  assert.deepEqual([spooled(), store.bytes], [[], 0]);
});
