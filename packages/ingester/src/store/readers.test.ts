import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ClickHouseClient } from "@clickhouse/client";
import { openEmbedded } from "./connection.ts";
import { Readers } from "./readers.ts";

const directory = mkdtempSync(join(tmpdir(), "readers-"));
const connections = await openEmbedded(directory);
after(async () => {
  await connections.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Two connections, both taken until `release` is called. */
function busy(): { readers: Readers; release: () => void; done: Promise<unknown> } {
  const readers = new Readers(connections.read);
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = Promise.all(connections.read.map(() => readers.run(() => promise)));
  return { readers, release: resolve, done };
}

test("as many queries run at once as there are connections, each with one of its own, and the next waits", async () => {
  const { readers, release, done } = busy();
  const order: string[] = [];
  const waiting = ["a", "b", "c"].map((name) => readers.run(async () => order.push(name)));
  await new Promise(setImmediate);
  assert.deepEqual(order, []);
  release();
  await Promise.all([done, ...waiting]);
  assert.deepEqual(order, ["a", "b", "c"]);
});

test("a query whose client has gone while it waited is not run, and those behind it are", async () => {
  const { readers, release, done } = busy();
  const gone = new AbortController();
  const never = readers.run(() => assert.fail("it ran"), gone.signal);
  const next = readers.run(async () => "next");
  gone.abort(new Error("gone"));
  release();
  await assert.rejects(never, { message: "gone" });
  assert.equal(await next, "next");
  await done;
});

test("a query that fails gives its connection back", async () => {
  const readers = new Readers(connections.read);
  const bad = (client: ClickHouseClient): Promise<unknown> => client.query({ query: "SELECT nothing" });
  for (let n = 0; n < 5; n += 1) await assert.rejects(readers.run(bad), /nothing/);
  assert.equal(await readers.run(async () => "fine"), "fine");
});
