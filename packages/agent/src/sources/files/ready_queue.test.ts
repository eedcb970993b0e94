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

/** A file that was rotated away from `/a.log`, or that file itself. */
const form = (id: number, name: string, mtimeNs: bigint): TailedFile => {
  const made = new TailedFile({
    dev: 1n,
    ino: BigInt(id),
    path: "/a.log",
    head: EMPTY_HEAD,
    position: BEGINNING,
    onAcknowledged: () => undefined,
  });
  made.names.add(name);
  return Object.assign(made, { id, mtimeNs });
};

test("of one log, what it was rotated into comes first, the oldest before the others, and other files take their turns", () => {
  const queue = new ReadyQueue(() => undefined);
  const log = form(0, "/a.log", 1n);
  const other = file(10);
  const newer = form(1, "/a.log.1", 3n);
  const oldest = Object.assign(form(2, "/a.log.2", 2n), { size: 10_000_000 });
  for (const each of [log, other, newer, oldest]) queue.add(each);
  assert.equal(queue.take(), oldest);
  queue.add(oldest);
  const taken = Array.from({ length: 5 }, () => queue.take()?.id);
  assert.deepEqual(
    taken.filter((id) => id !== 10),
    [2, 1, 0, undefined],
  );
  assert.ok(taken.indexOf(10) < 2, "it waits for one of the others at most");
  assert.equal(queue.size, 0);
});

test("forms that were modified in the same moment come in the order of the numbers or dates in their names, or as they were met", () => {
  const orderOf = (...files: TailedFile[]): number[] => {
    const queue = new ReadyQueue(() => undefined);
    for (const each of files) queue.add(each);
    return files.map(() => queue.take()?.id ?? 0);
  };
  assert.deepEqual(orderOf(form(1, "/a.log.2", 7n), form(2, "/a.log.10", 7n), form(3, "/a.log.1", 7n)), [2, 1, 3]);
  assert.deepEqual(orderOf(form(1, "/a.log-20260102", 7n), form(2, "/a.log-20251231", 7n)), [2, 1]);
  const [earlier, later] = [form(1, "/gone", 7n), form(2, "/gone too", 7n)];
  assert.deepEqual(orderOf(later, earlier), [1, 2]);
  // Of what an earlier run has left in the spool no time is known, and ids of the state are given in order.
  assert.deepEqual(orderOf(form(3, "/a.log.1", 9n), form(2, "/gone", 0n), form(1, "/a.log.2", 8n)), [1, 2, 3]);
});

test("nothing of a path that is held is taken until it is released as often, and then the oldest comes first", () => {
  let filled = 0;
  const queue = new ReadyQueue(() => {
    filled += 1;
  });
  const log = form(0, "/a.log", 1n);
  queue.add(log);
  queue.hold("/a.log");
  queue.hold("/a.log");
  queue.add(file(10));
  const restored = form(1, "/gone", 2n);
  queue.add(restored);
  assert.deepEqual([queue.take()?.id, queue.take(), queue.size], [10, undefined, 0]);
  queue.release("/a.log");
  assert.equal(queue.take(), undefined);
  const before = filled;
  queue.release("/a.log");
  assert.equal(filled, before + 1);
  assert.deepEqual([queue.take(), queue.take(), queue.take()], [restored, log, undefined]);
});
