import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lowerAscii, readQuery } from "../query/query.ts";
import { openEmbedded } from "./connection.ts";
import { columnsOf, type ReceivedLine } from "./line_columns.ts";
import { Store } from "./store.ts";
import { TextIndex } from "./text_index.ts";

const directory = mkdtempSync(join(tmpdir(), "text-index-"));
const connections = await openEmbedded(directory);
after(async () => {
  await connections.close();
  rmSync(directory, { recursive: true, force: true });
});

const START = Date.UTC(2026, 0, 10);
const rows = async <T>(query: string): Promise<T[]> =>
  (await connections.write.query({ query, format: "JSONEachRow" })).json<T>();

async function empty(): Promise<void> {
  for (const table of ["lines", "grams"])
    if ((await rows(`EXISTS TABLE ${table}`)).length > 0)
      await connections.write.command({ query: `TRUNCATE TABLE IF EXISTS ${table}` });
}

/** Lines of which each has a word of its own, and words that many have. */
function linesFrom(first: number, count: number, timeOf: (n: number) => number): ReceivedLine[] {
  return Array.from({ length: count }, (_, n) => ({
    timestamp: timeOf(first + n),
    received: START,
    host: "h",
    app: "a",
    file: "",
    level: "",
    env: "",
    tags: [],
    line: `Line own-${(first + n).toString(36).padStart(6, "q")}- of kind${n % 7} ${n % 1000 === 999 ? "Rare Éclair" : "often"}`,
    meta: "",
    label: {},
    annotation: {},
  }));
}

async function found(store: Store, q: string): Promise<string[]> {
  const { lines } = await store.lines(readQuery({ q }), "desc", 5000);
  return lines.map(({ line }) => line);
}

/** Compares what is found by texts with what the lines say. */
async function check(store: Store, all: readonly ReceivedLine[]): Promise<void> {
  for (const q of [
    "rare",
    "RARE Éclair",
    "kind3",
    "ind",
    "own-nosuch",
    ...[0, 4095, 16_000, 29_001, all.length - 1].flatMap((n) => all[n]?.line.slice(5, 16) ?? []),
  ]) {
    const expected = all.filter(({ line }) => lowerAscii(line).includes(lowerAscii(q)));
    const lines = await found(store, `"${q}"`);
    assert.equal(lines.length, Math.min(5000, expected.length), q);
    if (expected.length <= 5000) assert.deepEqual(lines.toSorted(), expected.map(({ line }) => line).toSorted(), q);
    const { buckets } = await store.histogram(readQuery({ q: `"${q}"` }), 10);
    const counted = buckets.flatMap(({ counts }) => Object.values(counts)).reduce((sum, n) => sum + n, 0);
    assert.equal(counted, expected.length, q);
  }
}

test("whatever was stored in how large batches, and in whatever order of time, is found by its texts, also after a crash", async () => {
  let store = await Store.open(connections);
  await empty();
  store = await Store.open(connections);
  const all: ReceivedLine[] = [];
  let batches = 0;
  const add = async (count: number, timeOf: (n: number) => number): Promise<void> => {
    const lines = linesFrom(all.length, count, timeOf);
    all.push(...lines);
    batches += 1;
    await store.add(`batch-${batches}`, true, () => columnsOf(lines));
  };
  for (const count of [1, 4000, 5000, 20_000, 3, 9000, 100]) await add(count, (n) => START + n);
  // Times that are all over the day, and one that is far away.
  await add(20_000, (n) => START + ((n * 7919) % 86_400_000));
  await add(9000, (n) => (n % 9000 === 7 ? 0 : START + n));
  // These are in memory alone.
  await add(60, (n) => START + 1e9 + n);
  await check(store, all);
  // As after a crash: what this one knows is in its memory alone.
  store = await Store.open(connections);
  await check(store, all);
  await add(50, (n) => START + 2e9 + n);
  await check(store, all);
});

test("what few lines have is looked for between few times, and what many have everywhere", async () => {
  await empty();
  const store = await Store.open(connections);
  for (let n = 0; n < 80; n += 1)
    await store.add(`many-${n}`, true, () => columnsOf(linesFrom(n * 8192, 8192, (time) => START + time)));
  const index = await TextIndex.open(connections, rows, 1e9);
  const own = linesFrom(200_000, 1, () => 0)[0]?.line.slice(5, 15) ?? "";
  const ranges = await index.rangesOf(readQuery({ q: own }), rows);
  assert.equal(ranges?.length, 1);
  const [{ from, to } = { from: 0, to: 0 }] = ranges ?? [];
  assert.ok(from <= START + 200_000 && to >= START + 200_000 && to - from < 20_000, `${from} ${to}`);
  assert.equal(await index.rangesOf(readQuery({ q: "often" }), rows), undefined);
  assert.equal(await index.rangesOf(readQuery({ q: "ten" }), rows), undefined);
});

test("lines that are stored after a crash between the index and the insert are found after another one", async () => {
  await empty();
  const index = await TextIndex.open(connections, rows, 0);
  // Taken up, and never stored.
  await index.cover([{ block: 7, lines: columnsOf(linesFrom(0, 9000, (n) => START + n)) }]);
  const lines = linesFrom(100_000, 1, (n) => START + 1e9 + n);
  await (await Store.open(connections)).add("after", true, () => columnsOf(lines));
  const own = lines[0]?.line.slice(5, 16) ?? "";
  assert.equal((await found(await Store.open(connections), own)).length, 1);
});
