import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadyQueue } from "./ready_queue.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "./tailed_file.ts";

const file = (id: number): TailedFile =>
  Object.assign(
    new TailedFile({
      dev: 1n,
      ino: BigInt(id),
      path: `/${id}`,
      head: EMPTY_HEAD,
      position: BEGINNING,
      onAcknowledged: () => undefined,
    }),
    { id },
  );

test("thousands of files come in the order in which they were added, each once, and again when added again", () => {
  let filled = 0;
  const queue = new ReadyQueue(() => {
    filled += 1;
  });
  const files = Array.from({ length: 5000 }, (_, n) => file(n));
  for (const each of [...files, ...files]) queue.add(each);
  assert.deepEqual([queue.size, filled], [5000, 1]);
  const taken: number[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) {
    taken.push(next.id);
    if (taken.length <= 3000) queue.add(next);
  }
  const ids = files.map(({ id }) => id);
  assert.deepEqual(taken, [...ids, ...ids.slice(0, 3000)]);
  assert.deepEqual([queue.size, filled], [0, 1]);
});

test("files that keep up take turns with those that are behind, so that neither waits for all of the other", () => {
  const queue = new ReadyQueue(() => undefined);
  const behind = Array.from({ length: 1000 }, (_, n) => Object.assign(file(n), { size: 10_000_000 }));
  const current = [1000, 1001, 1002].map(file);
  for (const each of [...behind, ...current]) queue.add(each);
  const taken = Array.from({ length: 8 }, () => queue.take()?.id);
  assert.deepEqual(taken, [1000, 0, 1001, 1, 1002, 2, 3, 4]);
  const late = file(2000);
  queue.add(late);
  assert.ok([queue.take()?.id, queue.take()?.id].includes(2000), "it waits for one of the others at most");
  assert.equal(queue.size, 995 - 1);
});

test("a file that has caught up counts as current", () => {
  const queue = new ReadyQueue(() => undefined);
  const caughtUp = Object.assign(file(1), { size: 10_000_000, position: { ...BEGINNING, offset: 9_900_000 } });
  const behind = Object.assign(file(0), { size: 10_000_000 });
  for (const each of [behind, caughtUp]) queue.add(each);
  assert.deepEqual([queue.take()?.id, queue.take()?.id, queue.take()], [1, 0, undefined]);
});
