import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { explainPath } from "./path_explanation.ts";
import { createPathRules } from "./path_rules.ts";

const GLOBS = ["*.log", "/var/**", "!(*.*)", "/srv/a.*", "**/b.log", "*/log/*"];
const REGEXES = ["\\.log$", "^/srv", "a|b", "log/"];
const DIRS = ["/var/log", "/srv/*.log", "/srv/a.txt", "/var/*/b.log", "/"];
const PATHS = [
  "/var/log/a.log",
  "/var/log/a.txt",
  "/srv/a.txt",
  "/srv/b.log",
  "/srv/log/b.log",
  "/opt/a",
  "/var/x/b.log",
];

test("the explanation of a path is that of the rules, and names a rule that says so", () => {
  const some = (items: readonly string[]): fc.Arbitrary<string[]> => fc.subarray([...items]);
  const options = fc.record({
    dirs: some(DIRS),
    include: some(GLOBS),
    includeRegex: some(REGEXES),
    exclude: some(GLOBS),
    excludeRegex: some(REGEXES),
  });
  fc.assert(
    fc.property(options, fc.constantFrom(...PATHS), (given, path) => {
      const { included, list, at } = explainPath(given, path);
      assert.equal(included, createPathRules(given).includes(path));
      if (at === undefined) return;
      const alone = createPathRules({
        dirs: ["/"],
        include: ["**"],
        includeRegex: [],
        exclude: [],
        excludeRegex: [],
        [list]: [given[list][at]],
      });
      assert.equal(alone.includes(path), included);
    }),
    { numRuns: 500 },
  );
});
