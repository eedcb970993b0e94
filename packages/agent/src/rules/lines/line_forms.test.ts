import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { LinearFinder } from "../linear/linear_finder.ts";
import { LinearMatcher } from "../linear/linear_matcher.ts";
import { readRustRegex } from "../rust_regex.ts";
import { candidateSearch, mayMatch } from "./candidates.ts";
import { leadsOf } from "./leads.ts";
import { LineMatcher } from "./line_matcher.ts";
import { LineRedaction } from "./line_redaction.ts";
import { Hits, RunText } from "./run_text.ts";

const ATOMS = ["a", "k", "é", "٣", "😀", ".", "[ak]", "[^a]", "\\d", "\\w", "\\W", "\\s", "[é-ü]", "ab1", "abé"].concat(
  [...["^", "$", "(?m:^)", "(?m:$)", "\\b", "\\B", "(?-u:\\b)", "(?-u:\\w)", "\\b{start}", "\\b{end-half}", ""]],
);
const EMPTY = ["()", "(?:)", "(?:,?|k?)", "(?:a*|)"];
const REPETITIONS = ["", "", "", "*", "+", "?", "*?", "+?", "{2}", "{2,}", "{1,3}", "{0,2}?"];

const atom = fc.constantFrom(...ATOMS, ...EMPTY);
const repeated = (part: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(part, fc.constantFrom(...REPETITIONS)).map(([what, how]) => `(?:${what})${how}`);
const joined = (part: fc.Arbitrary<string>, by: string): fc.Arbitrary<string> =>
  fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(by));
const part = fc.oneof(atom, repeated(atom), repeated(joined(fc.oneof(atom, repeated(atom)), "")));
const expression = fc
  .tuple(fc.constantFrom("", "", "(?i)"), joined(fc.oneof(joined(part, ""), joined(part, "")), "|"))
  .map(([flags, rest]) => flags + rest);

const LATIN1 = ["a", "k", "K", "b", "1", "ab1", " ", "é", "É", "_", "\r"];
const BASIC = [...LATIN1, "٣", "日", "\u212a", "\ufffd"];
const line = fc.oneof(
  ...[LATIN1, BASIC, [...BASIC, "😀", "𝟛"]].map((characters) =>
    fc.array(fc.constantFrom(...characters), { maxLength: 12 }).map((all) => all.join("")),
  ),
);

test("in whichever form a line is searched, the answer is that of the automata", () => {
  fc.assert(
    fc.property(expression, fc.array(line, { minLength: 1, maxLength: 8 }), (given, lines) => {
      const pattern = readRustRegex(given);
      const linear = new LinearMatcher(pattern, true);
      const finder = new LinearFinder(pattern);
      const matcher = new LineMatcher([given]);
      const redaction = new LineRedaction([given], undefined);
      const may = mayMatch([pattern]);
      for (const each of lines) {
        const place = `${given} on ${JSON.stringify(each)}`;
        const expected = linear.test(each);
        assert.equal(matcher.test(each), expected, place);
        if (expected) assert.ok(may(each), place);
        const spans = finder.spans(each);
        assert.equal(spans.length > 0, expected, place);
        assert.equal(redaction.redact(each)?.toString(), spans.length > 0 ? redacted(each, spans) : undefined, place);
      }
    }),
    { numRuns: 1500 },
  );
});

test("a character of two UTF-16 units is one", () => {
  for (const given of ["^a.b", "(?i)^a[^x]{2}b$", "^a\\W?b$"]) {
    const line = given.includes("{2}") ? "a😀😁b" : "a😀b";
    assert.ok(mayMatch([readRustRegex(given)])(line), given);
    assert.ok(new LineMatcher([given]).test(line), given);
    assert.equal(new LineRedaction([given], undefined).redact(line)?.toString(), "[REDACTED]", given);
  }
});

test("every line that matches is a candidate, whatever lines are around it", () => {
  fc.assert(
    fc.property(
      fc.array(expression, { minLength: 1, maxLength: 3 }),
      fc.array(line, { minLength: 1, maxLength: 8 }),
      (given, lines) => {
        const matchers = given.map((each) => new LinearMatcher(readRustRegex(each), true));
        const run = new RunText(Buffer.from(lines.map((each) => `${each}\n`).join("")));
        const hits = new Hits(run, candidateSearch(given.map(readRustRegex)));
        for (let from = 0; from < run.text.length; from = run.endOf(from)) {
          const text = run.line(from, run.endOf(from));
          if (matchers.some((matcher) => matcher.test(text)))
            assert.ok(hits.from(from) < run.endOf(from), `${given.join(" ")} on ${JSON.stringify(text)}`);
        }
      },
    ),
    { numRuns: 1500 },
  );
});

test("the first bytes of what a set holds are found for every set, or are too many", () => {
  const sets = ["\\d", "\\s", "[а-я]", "[é-ü0-9]", "[日本]", "(?i)[é]", "[\\u{10000}-\\u{10010}]", "[\\p{Nd}&&[^0-9]]"];
  for (const given of sets) {
    const leads = leadsOf(readRustRegex(given)) ?? assert.fail(given);
    const matcher = new LinearMatcher(readRustRegex(`^${given}`), true);
    for (let code = 0x80; code <= 0x1ffff; code++) {
      if (code === 0xd800) code = 0xe000;
      const character = String.fromCodePoint(code);
      if (matcher.test(character))
        assert.ok(leads.includes(Buffer.from(character)[0] ?? 0), `${given} on ${character}`);
    }
  }
  for (const given of ["\\S", ".", "\\w", "[^a]"]) assert.equal(leadsOf(readRustRegex(given)), undefined, given);
  assert.deepEqual(leadsOf(readRustRegex("[a-z]{3}é+(?i)k\\x20$")), []);
});

function redacted(text: string, spans: readonly number[]): string {
  let out = "";
  let at = 0;
  for (let next = 0; next < spans.length; next += 2) {
    out += `${text.slice(at, spans[next])}[REDACTED]`;
    at = spans[next + 1] ?? at;
  }
  return out + text.slice(at);
}

// What is empty behind what is repeated without end.
const EXPLOSIVE = [
  ["b(a+)+()c", "b", "a", ""],
  ["b(?:a+)+(?:)c", "b", "a", ""],
  ["^(\\w+\\s?)*$|k=.*(?:,?|;?)", "", "w", "?"],
  ["^(\\w+\\s?)*$", "", "w", "?", "a=.*(?:,?|;?)"],
  ["(?:x+x+)+(?:)y", "", "x", ""],
] as const;

for (const [given, begin, often, end, beside] of EXPLOSIVE) {
  test(`${given} is not left to V8${beside === undefined ? "" : `, also beside ${beside}`}`, {
    timeout: 20_000,
  }, () => {
    const expressions = beside === undefined ? [given] : [beside, given];
    const line = begin + often.repeat(10_000) + end;
    const { ascii } = candidateSearch(expressions.map(readRustRegex));
    ascii?.test(line);
    assert.equal(new LineMatcher(expressions).test(line), false);
    assert.equal(new LineRedaction(expressions, undefined).redact(line), undefined);
  });
}
