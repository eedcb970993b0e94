import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import picomatch from "picomatch";
import { forPicomatch, globMatcher, globProblem } from "./glob.ts";
import { LogDirectory } from "./log_directory.ts";

const DIALECT = {
  bash: true,
  regex: false,
  dot: true,
  flags: "s",
  posix: true,
  literalBrackets: false,
  strictBrackets: true,
} as const;

test("on any glob and any path the matcher agrees with picomatch's own expression", () => {
  const piece = fc.constantFrom(
    "a",
    "b",
    "ab",
    ".",
    "/",
    "/",
    "*",
    "**",
    "/**/",
    "?",
    "[ab]",
    "[!a]",
    "[[:digit:]-]",
    "{a,b/}",
    "{1..3}",
    "!(a)",
    "!(*a*)",
    "!(!(a))",
    "@(a|b*)",
    "+(a|/)",
    "*(b.)",
    "?(ab)",
    "(a|b)+",
    "(?!a)",
    "(?=b|/)",
    "!",
    "\\*",
    "é",
    "😀",
    "$",
    "^",
    "+",
    "\\d",
  );
  const glob = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(""));
  const path = fc
    .array(fc.constantFrom("a", "b", "ab", "/", "/", ".", "..", "1", "-", "\n", "é", "😀", "*", "$"), { maxLength: 8 })
    .map((pieces) => `/${pieces.join("")}`);
  let read = 0;
  fc.assert(
    fc.property(glob, fc.array(path, { minLength: 1, maxLength: 5 }), (pattern, paths) => {
      if (globProblem(pattern) !== undefined) return;
      read++;
      for (const dialect of [DIALECT, { flags: "s", posix: true, strictBrackets: true }]) {
        const regex = picomatch.makeRe(forPicomatch(pattern), dialect);
        const matcher = globMatcher(pattern, dialect);
        for (const each of [...paths, "", "a"])
          assert.equal(matcher.test(each), regex.test(each), `${pattern} as ${regex} on ${JSON.stringify(each)}`);
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(read > 1500, `only ${read} patterns could be read`);
});

/** Patterns, and a name of which as many as fit into a path make it as long as the kernel allows. */
const CATASTROPHES: readonly (readonly [pattern: string, name: string])[] = [
  ["**/*a*b*c*d*.log", "/abcd".repeat(50)],
  ["*a*a*a*a*a*a*a*a*a*a*z", "a"],
  ["/x/**/**/**/**/**/y", "/x"],
  ["+(a|aa)b", "a"],
  ["*(*(a)b|a*)c", "a"],
  ["!(*a*a*a*a*x)*a*a*a*z", "a"],
  ["!(!(*a*a*a*b)*a*a*c)!(*a*a)z", "a"],
  ["{*a*a,*a*b}{*a*a*c,*a*d}*e*f*g*h", "aefg"],
];

for (const [pattern, name] of CATASTROPHES) {
  test(`the longest path that is made for ${pattern} takes no longer than others`, () => {
    const path = `/x${name.repeat(4093 / name.length)}`;
    const matcher = globMatcher(pattern);
    const directory = new LogDirectory(`/x${pattern}`);
    const start = process.cpuUsage();
    assert.equal(matcher.test(path), false);
    directory.placeOf(path.slice(0, 500));
    // With picomatch's own expression it is hours.
    const { user } = process.cpuUsage(start);
    assert.ok(user < 2_000_000, `${user} µs`);
  });
}

test("what cannot be matched in linear time is refused with a reason", () => {
  assert.match(globProblem("(a)\\1*") ?? "", /back-reference/);
  assert.match(globProblem("(?<=a)*") ?? "", /not supported/);
  assert.match(globProblem("(?<!a)*") ?? "", /not supported/);
});
