import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { LinesAnswer, StoredLine } from "@logdna-agent/protocol";
import { runProgram, startServer } from "./server.ts";

const server = await startServer({ after });
const BEGIN = Date.UTC(2025, 5, 1);
const LONG = 9_500_000;

for (let n = 0; n < 60; n += 1)
  await server.store("long", [{ line: `${n} ${"x".repeat(LONG)}`, app: "app", timestamp: BEGIN + n }]);

test("many long lines make a page that shows their beginnings, and says how long they are", async () => {
  const { lines, next }: LinesAnswer = await server.read("/api/v1/lines", { host: "long", order: "asc", limit: 100 });
  assert.equal(next, null);
  assert.deepEqual(
    lines.map(({ line, wholeBytes }) => [line.split(" ")[0], line.length, wholeBytes]),
    Array.from({ length: 60 }, (_, n) => [String(n), 16_384, LONG + String(n).length + 1]),
  );
});

test("the whole line is read by its id", async () => {
  const { lines }: LinesAnswer = await server.read("/api/v1/lines", { host: "long", order: "asc", limit: 1 });
  const whole: StoredLine = await server.read(`/api/v1/lines/${lines[0]?.id}`);
  const { wholeBytes: _, ...listed } = lines[0] ?? assert.fail("no line");
  assert.deepEqual({ ...whole, line: whole.line.slice(0, 16_384) }, listed);
  assert.equal(whole.line, `0 ${"x".repeat(LONG)}`);
  for (const id of ["x", "0.0.batch", "%00", `${whole.id}'`])
    assert.equal((await server.get(`/api/v1/lines/${id}`)).status, 404, id);
});

test("search in the terminal prints whole lines", async (t) => {
  const args = ["search", "--url", server.url, "--data-dir", server.dataDir, "--limit", "2", "--json", "host:long"];
  const { stdout } = await runProgram(t, args);
  assert.deepEqual(
    stdout
      .trimEnd()
      .split("\n")
      .map((json) => (JSON.parse(json) as StoredLine).line.length),
    [LONG + 3, LONG + 3],
  );
});

test("a page ends where it holds enough text, and the next goes on there", async () => {
  const text = (n: number): string => `${n} ${"y".repeat(60_000)}`;
  const all = Array.from({ length: 400 }, (_, n) => text(n));
  for (let n = 0; n < 400; n += 100)
    await server.store(
      "pages",
      all.slice(n, n + 100).map((line, idx) => ({ line, app: "app", timestamp: BEGIN + n + idx })),
    );
  for (const order of ["asc", "desc"] as const) {
    const found: string[] = [];
    let pages = 0;
    let cursor: string | null = "";
    while (cursor !== null) {
      const { text: json } = await server.get("/api/v1/lines", { host: "pages", order, limit: 5000, cursor });
      assert.ok(json.length < 9_000_000, `${json.length} characters`);
      const page: LinesAnswer = JSON.parse(json);
      found.push(...page.lines.map(({ line }) => line));
      pages += 1;
      cursor = page.next;
    }
    assert.deepEqual(found, order === "asc" ? all : all.toReversed());
    assert.ok(pages >= 3 && pages <= 5, `${pages} pages`);
  }
});

test("of a line that is cut no character is, and a line of 64 KiB is whole", async () => {
  const texts = ["😀".repeat(20_000), "z".repeat(65_536), "ä".repeat(32_769)];
  await server.store(
    "cut",
    texts.map((line, n) => ({ line, app: "app", timestamp: BEGIN + n })),
  );
  assert.deepEqual(
    (await server.lines({ host: "cut" })).map(({ line, wholeBytes }) => [line, wholeBytes]),
    [
      ["😀".repeat(16_384), 80_000],
      ["z".repeat(65_536), undefined],
      ["ä".repeat(16_384), 65_538],
    ],
  );
});

test("meta that is long is left out of lists, and there with the line", async () => {
  const meta = { text: "m".repeat(70_000) };
  await server.store("meta", [{ line: "short", app: "app", meta }]);
  const [listed] = await server.lines({ host: "meta" });
  assert.deepEqual([listed?.line, listed?.meta, listed?.wholeBytes], ["short", "", 5]);
  const whole: StoredLine = await server.read(`/api/v1/lines/${listed?.id}`);
  assert.deepEqual(JSON.parse(whole.meta), meta);
  assert.equal(whole.wholeBytes, undefined);
});
