import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { patternRegExp } from "../pattern_source.ts";
import { readRustRegex, rustMatcher } from "../rust_regex.ts";
import { WorkLimitError } from "./automaton.ts";
import { LinearMatcher } from "./linear_matcher.ts";

/** Expressions that take one character or two. */
const TAKING = [
  "a",
  "b",
  "ab",
  "é",
  "😀",
  ".",
  "(?s:.)",
  "[ab]",
  "[^a]",
  "[[:alpha:]&&[^b]]",
  "\\d",
  "\\w",
  "\\W",
  "\\s",
].concat(["(?-u:\\d)", "[^É]", "\\n", "\\p{Lu}", "a|b", ""]);
/** Expressions that take none. */
const CONDITIONS = [
  "^",
  "$",
  "(?m:^)",
  "(?m:$)",
  "\\b",
  "\\B",
  "(?-u:\\b)",
  "(?-u:\\B)",
  "\\b{start}",
  "\\b{end}",
].concat(["\\b{start-half}", "\\b{end-half}", "(?-u:\\b{start-half})", "(?-u:\\b{end})"]);
const REPETITIONS = ["", "", "", "*", "+", "?", "*?", "{2}", "{1,3}", "{0}", "{2,}", "{0,2}?"];
const CHARACTERS = ["a", "b", "A", "1", " ", "_", "\n", "é", "É", "-"];

/** Expressions of these, small enough for V8 to try all ways. */
function expressionOf(atoms: readonly string[]): fc.Arbitrary<string> {
  const repeated = (part: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.tuple(part, fc.constantFrom(...REPETITIONS)).map(([what, repetition]) => `(?:${what})${repetition}`);
  const joined = (part: fc.Arbitrary<string>, by: string): fc.Arbitrary<string> =>
    fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(by));
  const inner = repeated(fc.constantFrom(...atoms));
  const middle = repeated(joined(joined(inner, ""), "|"));
  return joined(joined(fc.oneof(inner, middle), ""), "|");
}

function agreesOn(atoms: readonly string[], characters: readonly string[], numRuns: number): void {
  const text = fc.array(fc.constantFrom(...characters), { maxLength: 8 }).map((all) => all.join(""));
  fc.assert(
    fc.property(
      expressionOf(atoms),
      fc.nat(9),
      fc.array(text, { minLength: 1, maxLength: 5 }),
      (given, folds, texts) => {
        // Where case is ignored, V8 has no words of ASCII.
        fc.pre(folds !== 0 || !/\(\?-u:\\[bB]/.test(given));
        const pattern = readRustRegex(folds === 0 ? `(?i)${given}` : given);
        const linear = new LinearMatcher(pattern, true);
        const regex = patternRegExp(pattern);
        fc.pre(regex !== undefined);
        for (const each of texts)
          assert.equal(linear.test(each), regex.test(each), `${regex} on ${JSON.stringify(each)}`);
      },
    ),
    { numRuns },
  );
}

test("on any expression of the dialect and any text the linear matcher agrees with V8", () => {
  agreesOn([...TAKING, ...CONDITIONS], CHARACTERS, 2000);
});

test("it agrees about characters beyond the basic plane and halves of them", () => {
  // Without conditions: V8 looks for a place of no width in the middle of such a character, too.
  agreesOn(TAKING, [...CHARACTERS, "😀", "\ud83d", "\ude00"], 1000);
});

test("it agrees with V8 also where it forgets its states, or gives up keeping them", () => {
  const ambiguous = readRustRegex("^(a|b)*a(a|b){14}c$");
  const wide = readRustRegex("[^x]*é[a-é]{30}\\d\\b");
  const letters = fc.array(fc.constantFrom("a", "b"), { minLength: 3000, maxLength: 40_000 });
  fc.assert(
    fc.property(letters, fc.constantFrom("c", "b", ""), (given, end) => {
      const long = given.join("") + end;
      const matcher = new LinearMatcher(ambiguous, true);
      // The expected answer needs no regular expression.
      const expected = end === "c" && given.length >= 15 && given.at(-15) === "a";
      assert.equal(matcher.test(long), expected);
      assert.equal(matcher.test(long), expected);
    }),
    { numRuns: 20 },
  );
  const matcher = new LinearMatcher(wide, true);
  let alphabet = "";
  for (let code = 0x20; code < 0xd800; code++) alphabet += String.fromCharCode(code);
  for (const end of ["", `é${"b".repeat(30)}7`, `é${"b".repeat(30)}7z`])
    assert.equal(matcher.test(alphabet + end), patternRegExp(wide)?.test(alphabet.slice(-100) + end), end);
});

/** Expressions with a character that a text of 1 MB repeats, and an end after which there is no match. */
const CATASTROPHES: readonly (readonly [expression: string, repeated: string, end: string])[] = [
  ["(a+)+$", "a", "!"],
  ["^(a|a)*$", "a", "!"],
  ["(a|aa)+$", "a", "!"],
  ["(.*)*x", "a", ""],
  ["^(([a-z])+.)+[A-Z]([a-z])+$", "a", ""],
  ["(x+x+)+y", "x", ""],
  [".*.*.*=.*", "a", ""],
  ["a.*b.*c", "ab", ""],
  ["\\d+ms", "1", ""],
  ["\\b\\w+\\b:", "日", ""],
  ["(?:a?){30}a{30}b", "a", ""],
  ["(a|b)*a(a|b){12}c", "abb", ""],
];

for (const [given, repeated, end] of CATASTROPHES) {
  test(`the time of ${given} grows with the text, not faster`, () => {
    const matcher = rustMatcher(given, false);
    const timeOf = (length: number): number => {
      const long = repeated.repeat(length / repeated.length) + end;
      let best = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 3; round++) {
        const start = process.cpuUsage();
        assert.equal(matcher.test(long), false);
        const { user, system } = process.cpuUsage(start);
        best = Math.min(best, user + system);
      }
      return best;
    };
    const short = timeOf(1 << 16);
    const long = timeOf(1 << 20);
    // Linear is 16 times as long, quadratic 256 times. Times below a millisecond say little.
    assert.ok(long < 80 * Math.max(short, 1000), `${short} µs, then ${long} µs`);
  });
}

test("what is looked at does not grow with a text that was made for an expression, once all sets were met", () => {
  for (const [given, repeated, end] of CATASTROPHES) {
    const stepsOf = (length: number): number => {
      const matcher = new LinearMatcher(readRustRegex(given), true);
      assert.equal(matcher.test(repeated.repeat(length / repeated.length) + end), false);
      return matcher.steps;
    };
    assert.equal(stepsOf(1 << 20), stepsOf(1 << 14), given);
  }
});

test("a text that takes more than is allowed is given up, and the next one is read", () => {
  const matcher = new LinearMatcher(readRustRegex("[ab]*a[ab]{14}c"), true);
  let seed = 1;
  const letters = Array.from({ length: 20_000 }, () => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed % 2 === 0 ? "a" : "b";
  }).join("");
  assert.throws(() => matcher.test(letters, 1000), WorkLimitError);
  assert.equal(matcher.test(`${letters}a${"b".repeat(14)}c`), true);
});

test("an expression that can match only at the start does not read a text to its end", () => {
  const matcher = new LinearMatcher(readRustRegex("^/var/[^/]*/x"), true);
  const long = "b".repeat(1 << 24);
  const start = process.cpuUsage();
  for (let round = 0; round < 1000; round++) assert.equal(matcher.test(long), false);
  assert.ok(process.cpuUsage(start).user < 1_000_000);
});

test("what V8 is trusted with is bounded at each place of a text", () => {
  for (const cheap of [
    "error|warn",
    "(?i)timeout",
    "^/var/log/",
    "\\bfatal\\b",
    "\\d{3}-\\d{4}",
    "(?:\\d{1,3}\\.){3}\\d{1,3}\\b",
  ])
    assert.ok(rustMatcher(cheap, false) instanceof RegExp, cheap);
  for (const given of [
    "a(?i)b",
    "a*",
    "^x+y",
    "(a|a){20}b",
    "(a?){30}a{30}",
    "a{101}",
    "^(?:a|b|c){1,5}x",
    "^.*x",
    "(?:\\d{1,5}1){5}x",
    "(?:\\w{1,9}\\d?){9}-",
  ])
    assert.ok(!(rustMatcher(given, false) instanceof RegExp), given);
});
