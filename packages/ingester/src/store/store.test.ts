import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { StoredLine } from "@logdna-agent/protocol";
import { readQuery } from "../query/query.ts";
import { readLines, type Sender } from "../receive/lines.ts";
import { openEmbedded } from "./connection.ts";
import { columnsOf, type LineColumns } from "./line_columns.ts";
import { rowsOf } from "./native.ts";
import { Store } from "./store.ts";
import { LINES } from "./tables.ts";
import { UnstorableRows, Writer } from "./writer.ts";

// The embedded engine takes one directory a process: the tests share the store, and empty it before they begin.
const directory = mkdtempSync(join(tmpdir(), "store-"));
const connections = await openEmbedded(directory);
const store = await Store.open(connections);
after(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 0, 10, 12);
let batches = 0;

const senderOf = (batch: string): Sender => ({ hostname: "h", tags: [], received: NOON, batch });

/** Stores lines that arrived so many days before NOON, whatever time they say they are of. */
async function arrive(daysAgo: number, texts: readonly string[], timestamp?: number): Promise<void> {
  batches += 1;
  const batch = `batch-${batches}`;
  const body = Buffer.from(JSON.stringify({ lines: texts.map((line) => ({ line, app: "app", timestamp })) }));
  const lines = readLines(body, { ...senderOf(batch), received: NOON - daysAgo * DAY_MS });
  assert.ok(await store.add(batch, true, () => columnsOf(lines)));
}

async function texts(): Promise<string[]> {
  const { lines } = await store.lines(readQuery({}), "asc", 5000, undefined);
  return lines.map(({ line }: StoredLine) => line);
}

const empty = (): Promise<unknown> => connections.write.command({ query: "TRUNCATE TABLE lines" });

/** Bytes that no text compresses to less than. */
const large = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("base64");

test("retention by age drops whole days of arrival once all of them is too old, and says which", async () => {
  await empty();
  for (const days of [0, 1, 2, 3, 40]) await arrive(days, [`${days} days ago`], NOON - 365 * DAY_MS);
  const days = (maxAgeMs: number): Promise<string[]> => store.retain({ maxAgeMs, maxBytes: undefined }, NOON);
  assert.deepEqual(await days(100 * DAY_MS), []);
  assert.deepEqual(await days(3 * DAY_MS), ["20251201"]);
  assert.deepEqual((await texts()).toSorted(), ["0 days ago", "1 days ago", "2 days ago", "3 days ago"]);
  assert.deepEqual(await days(DAY_MS), ["20260108", "20260107"]);
  assert.deepEqual((await texts()).toSorted(), ["0 days ago", "1 days ago"]);
  assert.deepEqual(await days(DAY_MS), []);
});

test("retention by age does not look at what time a line says it is of", async () => {
  await empty();
  await arrive(0, ["from 1970"], 0);
  await arrive(10, ["from the future"], NOON + 365 * DAY_MS);
  assert.deepEqual(await store.retain({ maxAgeMs: 5 * DAY_MS, maxBytes: undefined }, NOON), ["20251231"]);
  assert.deepEqual(await texts(), ["from 1970"]);
});

test("retention by size drops the oldest days until the rest fits, and never the newest", async () => {
  await empty();
  const sizes = new Map<number, string>();
  for (const days of [0, 1, 2, 3]) {
    const text = `${days} ${large()}`;
    sizes.set(days, text);
    await arrive(days, [text]);
  }
  const bytes = (maxBytes: number): Promise<string[]> => store.retain({ maxAgeMs: undefined, maxBytes }, NOON);
  const left = async (): Promise<string[]> => (await texts()).map((text) => text.slice(0, 1)).toSorted();
  assert.deepEqual(await bytes(10_000_000), []);
  assert.deepEqual(await left(), ["0", "1", "2", "3"]);
  assert.deepEqual(await bytes(150_000), ["20260108", "20260107"]);
  assert.deepEqual(await left(), ["0", "1"]);
  assert.deepEqual(await bytes(1), ["20260109"]);
  assert.deepEqual(await left(), ["0"]);
  assert.deepEqual(await bytes(1), []);
});

test("without bounds nothing is dropped", async () => {
  await empty();
  await arrive(10_000, ["old"]);
  assert.deepEqual(await store.retain({ maxAgeMs: undefined, maxBytes: undefined }, NOON), []);
  assert.deepEqual(await texts(), ["old"]);
});

test("a batch is known after its lines were dropped, and is not stored again", async () => {
  await empty();
  await arrive(40, ["old"]);
  const batch = `batch-${batches}`;
  await store.retain({ maxAgeMs: DAY_MS, maxBytes: undefined }, NOON);
  const never = (): LineColumns => assert.fail("the lines are not asked for");
  assert.equal(await store.add(batch, false, never), false);
});

test("a query that takes too long is an error of its own", async () => {
  const client = connections.read[0];
  const slow = client?.query({
    query: "SELECT sleepEachRow(1) FROM numbers(3)",
    clickhouse_settings: { max_execution_time: 1 },
  });
  await assert.rejects(slow ?? Promise.resolve(), { code: "159" });
});

test("an insert of many short lines is one part, so that a crash leaves all of them or none", async () => {
  await empty();
  await connections.write.command({ query: "SYSTEM STOP MERGES lines" });
  await arrive(
    0,
    Array.from({ length: 200_000 }, () => ""),
  );
  const answer = await connections.write.query({
    query: "SELECT count() AS parts, sum(rows) AS rows FROM system.parts WHERE active AND table = 'lines'",
    format: "JSONEachRow",
  });
  const [counts] = await answer.json<{ parts: string; rows: string }>();
  await connections.write.command({ query: "SYSTEM START MERGES lines" });
  assert.deepEqual([Number(counts?.parts), Number(counts?.rows)], [1, 200_000]);
});

test("a batch is looked for, and stored, while all searches take long", async () => {
  await empty();
  await arrive(0, ["before"]);
  const known = `batch-${batches}`;
  let searching = connections.read.length;
  const searches = connections.read.map(async (client) => {
    const answer = await client.query({
      query: "SELECT sleepEachRow(1) FROM numbers(3)",
      clickhouse_settings: { max_execution_time: 0 },
    });
    await answer.text();
    searching -= 1;
  });
  const lines = columnsOf(readLines(Buffer.from('{"lines":[{"line":"new","app":"a"}]}'), senderOf("new")));
  assert.equal(await store.add("new", false, () => lines), true);
  assert.equal(await (await Store.open(connections)).add(known, false, () => assert.fail("it is there")), false);
  assert.equal(searching, connections.read.length);
  await Promise.all(searches);
  assert.deepEqual((await texts()).toSorted(), ["before", "new"]);
});

test("rows that the store cannot take are refused for good, and those that came with them are stored", async () => {
  await empty();
  const writer = new Writer((rows) => connections.insert(LINES, rows));
  const write = (batch: string, change: (rows: Buffer) => Buffer): Promise<void> => {
    const lines = columnsOf(readLines(Buffer.from(`{"lines":[{"line":"${batch}","app":"a"}]}`), senderOf(batch)));
    return writer.write({ lines, block: 0, rows: change(rowsOf(lines, batch)) });
  };
  const [first, wrong, second] = await Promise.allSettled([
    write("good-1", (rows) => rows),
    // A block in which the last column, `block`, is a text that is no number.
    write("bad", (rows) =>
      Buffer.concat([rows.subarray(0, rows.lastIndexOf("\u0006UInt64")), Buffer.from("\u0006String\u0004none")]),
    ),
    write("good-2", (rows) => rows),
  ]);
  assert.deepEqual([first.status, second.status], ["fulfilled", "fulfilled"]);
  assert.ok(wrong.status === "rejected" && wrong.reason instanceof UnstorableRows, JSON.stringify(wrong));
  assert.deepEqual((await texts()).toSorted(), ["good-1", "good-2"]);
});

test("an index of the engine's own that an earlier version made is dropped when the store is opened, and all lines are found", async () => {
  await empty();
  for (const text of ["needle one", "hay"]) await arrive(0, [text]);
  await connections.write.command({ query: "TRUNCATE TABLE grams" });
  await connections.write.command({
    query: "ALTER TABLE lines ADD INDEX words lower(line) TYPE ngrambf_v1(4, 32768, 2, 0) GRANULARITY 4",
  });
  const opened = await Store.open(connections);
  const answer = await connections.write.query({
    query: "SELECT name FROM system.data_skipping_indices WHERE name = 'words'",
    format: "JSONEachRow",
  });
  assert.deepEqual(await answer.json(), []);
  const { lines } = await opened.lines(readQuery({ q: "needle" }), "asc", 10);
  assert.deepEqual(
    lines.map(({ line }) => line),
    ["needle one"],
  );
});
