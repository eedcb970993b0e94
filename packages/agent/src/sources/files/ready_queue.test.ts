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
