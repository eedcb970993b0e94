import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { openEmbedded } from "../store/connection.ts";
import { literal, timeLiteral, type Value } from "./literal.ts";

const directory = mkdtempSync(join(tmpdir(), "literal-"));
const { write: client, close } = await openEmbedded(directory);
after(async () => {
  await close();
  rmSync(directory, { recursive: true, force: true });
});

/** What the engine takes literals for. */
async function understood(values: readonly Value[]): Promise<unknown> {
  const answer = await client.query({
    query: `SELECT ${values.map((value, n) => `${literal(value)} AS c${n}`).join(", ")}`,
    format: "JSONCompactEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return (await answer.json())[0];
}

test("what could end a literal or change what it says is kept as it is", async () => {
  const texts = [
    "",
    "'",
    "''",
    "\\",
    "\\'",
    "\\\\'",
    "' OR 1=1 --",
    "'; DROP TABLE lines; --",
    "\0",
    "a\0b",
    "\x1b[31m",
    "\r\n\t\b\f\x7f",
    "\\x00\\n\\0",
    "{p0:String}",
    "/* */ -- # `",
    "$$ $a$ :x ?",
    "%_\\%",
    "Ärger 😀 \u2028\u2029\ufeff",
    "'".repeat(4096),
    "\\".repeat(4095),
  ];
  assert.deepEqual(await understood(texts), texts);
  assert.deepEqual(await understood([texts]), [texts]);
});

test("any texts, lists of texts and integers are kept as they are", async () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("\\", "'", "\0", "x", "n", "\n", ";", "-", '"', "`", "{", "}") }),
  );
  const value = fc.oneof(text, fc.maxSafeInteger(), fc.array(text, { minLength: 1 }));
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 20 }), async (values) => {
      assert.deepEqual(await understood(values), values);
    }),
  );
});

test("half a surrogate pair becomes the replacement character, as everywhere in the store", async () => {
  assert.deepEqual(await understood(["a\ud800b"]), ["a\ufffdb"]);
});

test("a number that is no safe integer is refused", () => {
  for (const number of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    assert.throws(() => literal(number), RangeError);
});

test("times are those that were given, as far as JavaScript counts them and the columns hold them", async () => {
  const times = [-2_208_988_800_000, -1, 0, 1, 1_767_323_045_678, 10_413_791_999_999];
  const columns = times.map((ms, n) => `toUnixTimestamp64Milli(${timeLiteral(ms)}) AS c${n}`);
  const answer = await client.query({ query: `SELECT ${columns.join(", ")}`, format: "JSONCompactEachRow" });
  const [row = []] = await answer.json<string[]>();
  assert.deepEqual(row.map(Number), times);
});
