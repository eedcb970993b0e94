import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { patternRegExp } from "../pattern_source.ts";
import { readRustRegex } from "../rust_regex.ts";
import { WorkLimitError } from "./automaton.ts";
import { LinearFinder } from "./linear_finder.ts";

/** What Rust's `find_iter` gives, found by V8; right where no repetition repeats what may be empty. */
function expectedSpans(expression: string, text: string): number[] {
  const regex = patternRegExp(readRustRegex(expression)) ?? assert.fail(expression);
  const sticky = new RegExp(regex.source, `${regex.flags}g`);
  const spans: number[] = [];
  let lastEnd = -1;
  for (let at = 0; at <= text.length; ) {
    sticky.lastIndex = at;
    const match = sticky.exec(text);
    if (match === null) break;
    const end = match.index + match[0].length;
    if (match[0] !== "" || end !== lastEnd) spans.push(match.index, end);
    lastEnd = end;
    at = match[0] === "" ? end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1) : end;
  }
  return spans;
}

const SINGLE = ["a", "b", "é", ".", "(?s:.)", "[ab]", "[^a]", "\\d", "\\w", "\\s", "\\n", "😀"];
const EMPTY = ["^", "$", "(?m:^)", "(?m:$)", "\\b", "\\B", "(?-u:\\b)", "\\b{start}", "\\b{end-half}", ""];
const REPEATS = ["", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?", "{2,}"];

const single = fc.constantFrom(...SINGLE);
const repeated = fc.tuple(single, fc.constantFrom(...REPEATS)).map(([what, repeat]) => `(?:${what})${repeat}`);
const empty = fc.constantFrom(...EMPTY);
const sequence = (part: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));
const choice = (part: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => `(?:${parts.join("|")})`);
/** What may be empty is not repeated. */
const solid = fc.tuple(single, choice(sequence(repeated)), fc.constantFrom(...REPEATS));
const expression = choice(
  sequence(
    fc.oneof(
      repeated,
      empty,
      solid.map(([one, rest, repeat]) => `(?:${one}${rest})${repeat}`),
    ),
  ),
);

test("on any expression and any text it finds the matches that V8 finds", () => {
  const text = fc
    .array(fc.constantFrom("a", "b", "ab", "A", "1", " ", "\n", "é", "-", "😀"), { maxLength: 12 })
    .map((all) => all.join(""));
  fc.assert(
    fc.property(expression, fc.array(text, { minLength: 1, maxLength: 5 }), (given, texts) => {
      const finder = new LinearFinder(readRustRegex(given));
      // V8 looks for a place of no width in the middle of a character beyond the basic plane, too.
      for (const each of texts.map((one) => (/[\\^$]|\(\?:\)/.test(given) ? one.replaceAll("😀", "x") : one)))
        assert.deepEqual(finder.spans(each), expectedSpans(given, each), `${given} on ${JSON.stringify(each)}`);
    }),
    { numRuns: 1500 },
  );
});

test("what may be empty is repeated as Rust's crate does it", () => {
  const spans = (given: string, text: string): number[] => new LinearFinder(readRustRegex(given)).spans(text);
  assert.deepEqual(spans("a*", "aab"), [0, 2, 3, 3]);
  assert.deepEqual(spans("", "ab"), [0, 0, 1, 1, 2, 2]);
  assert.deepEqual(spans("", "😀"), [0, 0, 2, 2]);
  // An empty alternative that is preferred ends the repetition, which the crate compiles as `(?:(?:|a)+)?`.
  assert.deepEqual(spans("(?:|a)*", "aaa"), [0, 0, 1, 1, 2, 2, 3, 3]);
  assert.deepEqual(spans("(?:|a)+", "aaa"), [0, 0, 1, 1, 2, 2, 3, 3]);
  assert.deepEqual(spans("(?:a*)*", "aab"), [0, 2, 3, 3]);
  assert.deepEqual(spans("(?:a*?)*?b", "aab"), [0, 3]);
});

test("matches that are longer than a block, and blocks without any, are found", () => {
  const finder = new LinearFinder(readRustRegex("x[^x]+y|z\\d{3}"));
  const gap = "-".repeat(10_000);
  const text = `z123${gap}x${"é".repeat(9000)}y${gap}z45${gap}z678`;
  const end = 4 + gap.length + 9002;
  assert.deepEqual(finder.spans(text), [0, 4, 4 + gap.length, end, text.length - 4, text.length]);
  assert.deepEqual(finder.spans("x".repeat(5000)), []);
  assert.deepEqual(new LinearFinder(readRustRegex("a")).spans("a".repeat(8192)).length, 16_384);
});

/** Expressions that take a search quadratic time or worse in other ways, what a text of 1 MB repeats, and its end. */
const CATASTROPHES: readonly (readonly [expression: string, repeated: string, end: string])[] = [
  ["(a+)+$", "a", "!"],
  ["(a|aa)+$", "a", "!"],
  ["(.*)*x", "a", ""],
  ["(\\w+\\s?)+$", "word ", "!"],
  ["(x+x+)+y", "x", ""],
  // Here each search of Rust's crate itself reads to the end: `find_iter` is quadratic there.
  [".*[^a]x|a", "a", ""],
  ["a[^z]*z|b", "ab", ""],
  ["(?:a?){30}a{30}b|a", "a", ""],
  ["((a{1,10}){1,10}){1,10}b", "a", ""],
  ["(?:\\d{1,3}\\.){3}\\d{1,3}x", "1.", ""],
];

for (const [given, what, end] of CATASTROPHES) {
  test(`the work of ${given} does not grow with a text that was made for it`, () => {
    const stepsOf = (length: number): number => {
      const finder = new LinearFinder(readRustRegex(given));
      finder.spans(what.repeat(length / what.length) + end);
      return finder.steps;
    };
    // All sets of instructions are met soon; from then on a character is one look into a table.
    assert.equal(stepsOf(1 << 20), stepsOf(1 << 14));
  });
}

test("a text that goes on to need new sets is given up at the limit, and the next one is read", () => {
  const finder = new LinearFinder(readRustRegex("[ab]*a[ab]{14}c|c[ab]{14}a[ab]*"));
  let seed = 1;
  const letters = Array.from({ length: 100_000 }, () => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed % 2 === 0 ? "a" : "b";
  }).join("");
  assert.throws(() => finder.spans(letters, 100_000), WorkLimitError);
  assert.deepEqual(finder.spans("aaaaaaaaaaaaaaac"), [0, 16]);
  assert.equal(finder.spans(`${letters}a${"b".repeat(14)}c`).length, 2);
});
