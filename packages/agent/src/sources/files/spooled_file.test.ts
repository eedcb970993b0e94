import assert from "node:assert/strict";
import { test } from "node:test";
import { roomIn, type SpooledFile } from "./spooled_file.ts";
import { TailedFile } from "./tailed_file.ts";

/** A file in the spool with segments of 10 bytes of the file and so many on disk, by their ids. */
function spooled(sizes: Readonly<Record<number, number>>, unpackedTo = 0): SpooledFile {
  const position = { offset: 0, anchor: new Uint8Array(0), lineStart: 0, part: 0 };
  const head = { length: 0, crc: 0 };
  const file = new TailedFile({ dev: 1n, ino: 1n, path: "/a", head, position, onAcknowledged: () => undefined });
  const segments = Object.entries(sizes).map(([id, size], n) => ({
    id: Number(id),
    fileId: 1,
    start: 10 * n,
    end: 10 * n + 10,
    size,
  }));
  return { file, segments, dropped: [], end: 10 * segments.length, source: false, unpackedTo };
}

const ids = (found: ReturnType<typeof roomIn>): number[] | undefined => found?.map(({ segment }) => segment.id);

test("room is made of the oldest segments of all files, and of no more than it takes", () => {
  const items = [spooled({ 2: 100, 3: 100 }), spooled({ 1: 50, 4: 100 })];
  assert.deepEqual(ids(roomIn(items, 1)), [1]);
  assert.deepEqual(ids(roomIn(items, 51)), [1, 2]);
  assert.deepEqual(ids(roomIn(items, 350)), [1, 2, 3, 4]);
  assert.deepEqual(ids(roomIn(items, 0)), []);
});

test("where all that can go is not enough, nothing goes", () => {
  // The first segment is being read.
  const items = [spooled({ 1: 500, 2: 100 }, 10), spooled({ 3: 100 })];
  assert.deepEqual(ids(roomIn(items, 200)), [2, 3]);
  assert.equal(roomIn(items, 201), undefined);
});
