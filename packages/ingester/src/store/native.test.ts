import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { openEmbedded } from "./connection.ts";
import { columnsOf, type ReceivedLine } from "./line_columns.ts";
import { rowsOf } from "./native.ts";
import { Store } from "./store.ts";
import { LINES } from "./tables.ts";

const directory = mkdtempSync(join(tmpdir(), "native-"));
const connections = await openEmbedded(directory);
const store = await Store.open(connections);
after(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const LINE: ReceivedLine = {
  timestamp: 0,
  received: 0,
  host: "h",
  app: "",
  file: "",
  level: "",
  env: "",
  tags: [],
  line: "",
  meta: "",
  label: {},
  annotation: {},
};
let batches = 0;

/** Stores lines, and reads all of them in the order of their places in the batch. */
async function storedAs(lines: readonly ReceivedLine[]): Promise<ReceivedLine[]> {
  batches += 1;
  await connections.write.command({ query: "TRUNCATE TABLE lines" });
  await connections.insert(LINES, [rowsOf(columnsOf(lines), `batch-${batches}`)]);
  const answer = await connections.write.query({
    query: `SELECT toUnixTimestamp64Milli(timestamp) AS timestamp, toUnixTimestamp64Milli(received) AS received,
      host, app, file, level, env, tags, line, meta, label, annotation
      FROM lines WHERE batch = 'batch-${batches}' ORDER BY idx`,
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return answer.json<ReceivedLine>();
}

test("any lines are stored as they are", async () => {
  const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }), fc.string());
  // Names that no object has by itself, so that both sides are compared by what they hold.
  const strings = fc.dictionary(fc.string({ unit: "grapheme" }), text, { noNullPrototype: true });
  const time = fc.integer({ min: -2_208_988_800_000, max: 10_413_791_999_999 });
  const line: fc.Arbitrary<ReceivedLine> = fc.record(
    {
      timestamp: time,
      received: fc.constant(1_800_000_000_000),
      host: text,
      app: text,
      file: text,
      level: text,
      env: text,
      tags: fc.array(text, { maxLength: 4 }),
      line: text,
      meta: text,
      label: strings,
      annotation: strings,
    },
    { noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 30 }), async (lines) => {
      assert.deepEqual(await storedAs(lines), lines);
    }),
    { numRuns: 50 },
  );
});

test("texts of every length of their length are stored as they are, also where UTF-8 makes it longer", async () => {
  const sizes = [0, 1, 42, 43, 127, 128, 5461, 5462, 16_383, 16_384, 699_050, 699_051, 2_097_152];
  const lines = sizes.flatMap((size) => ["a", "é", "€", "😀"].map((unit) => ({ ...LINE, line: unit.repeat(size) })));
  for (const [n, { line }] of (await storedAs(lines)).entries()) assert.ok(line === lines[n]?.line, String(n));
});

test("however many names lines have, each keeps its own", async () => {
  for (const count of [1, 256, 257, 65_536, 65_537]) {
    const lines = Array.from({ length: count }, (_, n) => ({ ...LINE, app: `app ${n}`, tags: [`tag ${n}`] }));
    const stored = await storedAs([...lines, ...lines.toReversed()]);
    assert.equal(stored.length, 2 * count);
    const wrong = stored.findIndex(({ app, tags }, n) => {
      const expected = n < count ? n : 2 * count - 1 - n;
      return app !== `app ${expected}` || tags.length !== 1 || tags[0] !== `tag ${expected}`;
    });
    assert.equal(wrong, -1, `${count} names`);
  }
});
