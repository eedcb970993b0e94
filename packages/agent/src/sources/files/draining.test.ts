import assert from "node:assert/strict";
import { test } from "node:test";
import { due } from "./draining.ts";
import { BEGINNING, EMPTY_HEAD, type Presence, TailedFile } from "./tailed_file.ts";

test("a file whose last lines may go on is read when they have waited, and stays open until then", () => {
  for (const [presence, quietMs, expected] of [
    ["present", 0, "read"],
    ["present", 2000, "read"],
    ["present", 2001, "wait"],
    ["present", 4999, "wait"],
    ["present", 5000, "read"],
    ["rotated", 2001, "wait"],
    ["deleted", 2001, "read"],
  ] as const) {
    const file = new TailedFile({
      dev: 1n,
      ino: 1n,
      path: "/a",
      head: EMPTY_HEAD,
      position: BEGINNING,
      onAcknowledged: () => undefined,
    });
    Object.assign(file, { presence, pending: 5, held: true, activeAt: 1000, heldUntil: 6000 });
    assert.equal(due(file, 1000 + quietMs), expected, `${presence}, quiet for ${quietMs} ms`);
  }
});

/** Presence, milliseconds without new bytes, bytes of a line that has not ended, what is due. */
const CASES: readonly (readonly [presence: Presence, quietMs: number, pending: number, due: string])[] = [
  ["present", 0, 0, "read"],
  ["present", 2000, 5, "read"],
  ["present", 2001, 0, "close"],
  ["present", 2001, 5, "nothing"],
  ["present", 99_999, 5, "nothing"],
  ["rotated", 2000, 0, "read"],
  ["rotated", 2001, 0, "close"],
  ["rotated", 2001, 5, "read"],
  ["deleted", 2001, 0, "read"],
  ["deleted", 10_000, 0, "read"],
  ["deleted", 10_001, 0, "close"],
];

test("a rotated file is read until its last line was, and a deleted one for as long as its writer may not have noticed", () => {
  for (const [presence, quietMs, pending, expected] of CASES) {
    const file = new TailedFile({
      dev: 1n,
      ino: 1n,
      path: "/a",
      head: EMPTY_HEAD,
      position: BEGINNING,
      onAcknowledged: () => undefined,
    });
    Object.assign(file, { presence, pending, activeAt: 1000 });
    assert.equal(due(file, 1000 + quietMs), expected, `${presence}, quiet for ${quietMs} ms, ${pending} pending`);
    file.queued = true;
    assert.equal(due(file, 1000 + quietMs), "notice");
  }
});
