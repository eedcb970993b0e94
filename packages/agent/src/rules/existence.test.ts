import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foundAlike } from "./existence.ts";
import { LinearMatcher } from "./linear/linear_matcher.ts";
import { isCheapToBacktrack } from "./pattern_cost.ts";
import { readRustRegex } from "./rust_regex.ts";

const ATOMS = ["a", "b", "[ab]", ".", "\\w", "\\n", "😀", "^", "$", "(?m:^)", "(?m:$)", "\\b", "\\B", ""];
const REPETITIONS = ["", "", "", "*", "+", "?", "*?", "+?", "{2}", "{0}", "{2,}", "{1,3}", "{0,2}?"];

const expression = fc.letrec<{ readonly any: string; readonly repeated: string; readonly joined: string }>((tie) => ({
  any: fc.oneof({ depthSize: "small" }, fc.constantFrom(...ATOMS), tie("repeated"), tie("joined")),
  repeated: fc.tuple(tie("any"), fc.constantFrom(...REPETITIONS)).map(([what, how]) => `(?:${what})${how}`),
  joined: fc
    .tuple(fc.array(tie("any"), { minLength: 1, maxLength: 4 }), fc.constantFrom("", "", "|"))
    .map(([parts, by]) => `(?:${parts.join(by)})`),
})).any;

test("what is made of any expression is found in the same texts", () => {
  const text = fc
    .array(fc.constantFrom("a", "b", "a", " ", "\n", "😀", "é"), { maxLength: 10 })
    .map((all) => all.join(""));
  fc.assert(
    fc.property(expression, fc.array(text, { minLength: 1, maxLength: 8 }), (given, texts) => {
      const pattern = readRustRegex(given);
      const matcher = new LinearMatcher(pattern, true);
      const simpler = new LinearMatcher(foundAlike(pattern), true);
      for (const each of texts)
        assert.equal(simpler.test(each), matcher.test(each), `${given} on ${JSON.stringify(each)}`);
      assert.ok(foundAlike(pattern).size <= pattern.size, given);
    }),
    { numRuns: 1500 },
  );
});

test("what takes V8 long only at its ends is left to it", () => {
  for (const given of ["(a+)+$", "(.*)*x", ".*.*.*=.*", "\\S+@\\S+", "(\\w+\\s?)+$", "password=\\S+", "\\d+ms"])
    assert.ok(isCheapToBacktrack(foundAlike(readRustRegex(given))), given);
  for (const given of ["^(a+)+$", "(x+x+)+y", "a.*b.*c"])
    assert.ok(!isCheapToBacktrack(foundAlike(readRustRegex(given))), given);
});
