import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { LinesAnswer, StoredLine } from "@logdna-agent/protocol";
import { type Parameters, startServer } from "./server.ts";

const server = await startServer({ after });
const BEGIN = Date.UTC(2025, 5, 1);

// Three batches that overlap in time, with many lines in the same millisecond, sent in the wrong order.
for (const batch of ["b-2", "b-1", "b-3"])
  await server.store(
    "host",
    Array.from({ length: 400 }, (_, n) => ({
      line: `${batch} ${n}`,
      app: n % 3 === 0 ? "third" : "other",
      timestamp: BEGIN + Math.floor(n / 150),
    })),
    { batch },
  );
const all = await server.lines({ host: "host" });

/** Every page of an order, one after the other. */
async function pages(parameters: Parameters): Promise<StoredLine[][]> {
  const found: StoredLine[][] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: LinesAnswer = await server.read("/api/v1/lines", { ...parameters, cursor });
    found.push([...page.lines]);
    cursor = page.next;
  }
  return found;
}

test("lines come in the order of time, then batch, then place in it", () => {
  assert.equal(all.length, 1200);
  const order = [0, 1, 2].flatMap((ms) =>
    ["b-1", "b-2", "b-3"].flatMap((batch) =>
      Array.from({ length: 400 }, (_, n) => n)
        .filter((n) => Math.floor(n / 150) === ms)
        .map((n) => `${batch} ${n}`),
    ),
  );
  assert.deepEqual(
    all.map(({ line }) => line),
    order,
  );
  assert.equal(new Set(all.map(({ id }) => id)).size, 1200);
});

for (const order of ["asc", "desc"] as const)
  for (const limit of [1200, 1199, 400, 7])
    test(`paging: ${order} with ${limit} a page gives every line once, and no empty page`, async () => {
      const found = await pages({ host: "host", order, limit });
      assert.ok(found.slice(0, -1).every((page) => page.length === limit));
      assert.ok((found.at(-1)?.length ?? 0) > 0);
      assert.deepEqual(found.flat(), order === "asc" ? all : all.toReversed());
    });

test("paging keeps to the filter", async () => {
  const found = await pages({ host: "host", app: "third", q: "b-2", order: "asc", limit: 50 });
  assert.deepEqual(
    found.flat(),
    all.filter(({ app, line }) => app === "third" && line.startsWith("b-2")),
  );
});

test("what arrives between two pages is neither repeated nor in the way", async () => {
  const first: LinesAnswer = await server.read("/api/v1/lines", { host: "moving", limit: 2 });
  assert.deepEqual(first, { lines: [], next: null });
  const line = (text: string, timestamp: number): object => ({ line: text, app: "app", timestamp });
  await server.store(
    "moving",
    [1, 2, 3, 4].map((n) => line(String(n), BEGIN + n)),
  );
  const newest: LinesAnswer = await server.read("/api/v1/lines", { host: "moving", limit: 2 });
  await server.store("moving", [line("5", BEGIN + 5)]);
  const older: LinesAnswer = await server.read("/api/v1/lines", {
    host: "moving",
    limit: 2,
    cursor: newest.next ?? "",
  });
  assert.deepEqual(
    [...newest.lines, ...older.lines].map((found) => found.line),
    ["4", "3", "2", "1"],
  );
});

for (const index of [0, 1, 600, 1198, 1199])
  for (const order of ["asc", "desc"] as const)
    test(`around the line at ${index}, ${order}: the line with its neighbours, and a way on`, async () => {
      const line = all[index];
      assert.ok(line !== undefined);
      const parameters = { host: "host", order, limit: 10 };
      const answer: LinesAnswer = await server.read("/api/v1/lines", { ...parameters, around: line.id });
      const expected = all.slice(Math.max(0, index - 5), index + 6);
      assert.deepEqual(answer.lines, order === "asc" ? expected : expected.toReversed());

      const rest = order === "asc" ? all.slice(index + 6) : all.slice(0, Math.max(0, index - 5)).toReversed();
      if (answer.next === null) assert.deepEqual(rest, []);
      else {
        const on: LinesAnswer = await server.read("/api/v1/lines", { ...parameters, cursor: answer.next });
        assert.deepEqual(on.lines, rest.slice(0, 10));
      }
    });

test("around shows the line itself although the filter leaves it out, with neighbours that fit", async () => {
  const line = all[601];
  assert.ok(line !== undefined);
  const { lines }: LinesAnswer = await server.read("/api/v1/lines", {
    host: "host",
    q: "b-3",
    around: line.id,
    order: "asc",
    limit: 4,
  });
  assert.deepEqual(lines.map(({ id }) => id === line.id).filter(Boolean), [true]);
  assert.ok(lines.every(({ id, line: text }) => id === line.id || text.startsWith("b-3")));
  assert.equal(lines.length, 5);
});

const WRONG: readonly (readonly [path: string, parameters: Parameters, status: number, names: string])[] = [
  ["lines", { limit: 0 }, 400, "limit"],
  ["lines", { limit: 5001 }, 400, "limit"],
  ["lines", { limit: 1.5 }, 400, "limit"],
  ["lines", { limit: "many" }, 400, "limit"],
  ["lines", { order: "up" }, 400, "order"],
  ["lines", { cursor: "x" }, 400, "cursor"],
  ["lines", { cursor: "0.0.' OR 1=1" }, 400, "cursor"],
  ["lines", { cursor: "zzzzzzzzzzz.0.batch" }, 400, "cursor"],
  ["lines", { cursor: "0.zzzzzzz.batch" }, 400, "cursor"],
  ["lines", { cursor: "0.0.b".padEnd(300, "b") }, 400, "cursor"],
  ["lines", { around: "x" }, 404, "no such line"],
  ["lines", { around: "0.0.batch" }, 404, "no such line"],
  ["lines", { around: "zzzzzzzzzzz.0.batch" }, 404, "no such line"],
  ["lines", { from: "yesterday" }, 400, "from"],
  ["lines", { to: "1e99" }, 400, "to"],
  ["lines", { q: "q".repeat(4097) }, 400, "q"],
  ["lines", { host: "h".repeat(4097) }, 400, "host"],
  ["lines", { tag: Array.from({ length: 101 }, () => "t") }, 400, "tag"],
  ["histogram", { buckets: 0 }, 400, "buckets"],
  ["histogram", { buckets: 1001 }, 400, "buckets"],
  ["histogram", { from: "x" }, 400, "from"],
  ["facets", { to: "x" }, 400, "to"],
  ["tail", { q: "q".repeat(4097) }, 400, "q"],
];

for (const [path, parameters, status, names] of WRONG)
  test(`wrong: ${path} with ${JSON.stringify(parameters).slice(0, 60)} is answered ${status}`, async () => {
    const answer = await server.get(`/api/v1/${path}`, parameters);
    assert.equal(answer.status, status, answer.text);
    const { error }: { error: string } = JSON.parse(answer.text);
    assert.match(error, new RegExp(`\\b${names}\\b`));
  });

test("times as far as JavaScript counts them are taken, and find everything between them", async () => {
  const parameters = { host: "host", from: -8.64e15, to: 8.64e15 };
  assert.equal((await server.lines(parameters)).length, 1200);
  assert.equal((await server.get("/api/v1/histogram", parameters)).status, 200);
});
