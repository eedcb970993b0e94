import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findWords, queryWords } from "./query_words.ts";

describe("queryWords", () => {
  const cases: readonly (readonly [q: string, words: readonly string[]])[] = [
    ["", []],
    ["disk full", ["disk", "full"]],
    ['"disk full" now', ["disk full", "now"]],
    ["disk -full", ["disk"]],
    ['-"disk full" x', ["x"]],
    ["host:web-1 level:error boom", ["boom"]],
    ['app:"my app" boom', ["boom"]],
    ["-host:web-1 boom", ["boom"]],
    ["a:b http://x", ["a:b", "http://x"]],
    ['"not closed', ["not closed"]],
    ["twice twice", ["twice"]],
    ['""', []],
  ];
  for (const [q, words] of cases) {
    it(`finds ${JSON.stringify(words)} in ${q || "nothing"}`, () => assert.deepEqual(queryWords(q), words));
  }
});

describe("findWords", () => {
  it("finds words in any case, as they stand", () => {
    assert.deepEqual(findWords("A.b a.B axb", ["a.b"], 9), [
      [0, 3],
      [4, 7],
    ]);
  });

  it("joins neighbours and prefers the longer word", () => {
    assert.deepEqual(findWords("diskfull disks", ["disk", "full", "disks"], 9), [
      [0, 8],
      [9, 14],
    ]);
  });

  it("stops at the limit", () => {
    assert.equal(findWords("a ".repeat(100), ["a"], 7).length, 7);
  });
});
