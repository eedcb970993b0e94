import assert from "node:assert/strict";
import { test } from "node:test";
import { readRustRegex } from "../rust_regex.ts";
import { LinearFinder } from "./linear_finder.ts";
import { LinearMatcher } from "./linear_matcher.ts";
import { Room } from "./room.ts";

/** Texts in which nothing repeats. */
function textsOf(count: number, length: number): string[] {
  let seed = 1;
  return Array.from({ length: count }, () =>
    Array.from({ length }, () => {
      seed = (seed * 48_271) % 0x7fffffff;
      return "abc1"[seed % 4] ?? "";
    }).join(""),
  );
}

test("what forgets all the time finds the same, and never keeps more than there is room for", () => {
  const most = 5000;
  const room = new Room(most);
  const expressions = Array.from({ length: 12 }, (_, at) => `[ab1]*a[abc]{${at}}c${at % 2}?|\\bc+\\B`);
  const bounded = expressions.map((text) => {
    const pattern = readRustRegex(text);
    return { finder: new LinearFinder(pattern, room), matcher: new LinearMatcher(pattern, true, room) };
  });
  const free = expressions.map((text) => new LinearFinder(readRustRegex(text)));
  let flushed = 0;
  for (const text of textsOf(30, 500))
    for (const [at, { finder, matcher }] of bounded.entries()) {
      const before = room.entries;
      const spans = free[at]?.spans(text);
      assert.deepEqual(finder.spans(text), spans);
      assert.equal(matcher.test(text), spans?.length !== 0);
      assert.ok(room.entries <= most);
      if (room.entries < before) flushed++;
    }
  assert.ok(flushed > 10, `${flushed}`);
});
