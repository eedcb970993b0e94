import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { explainPath } from "./path_explanation.ts";
import { createPathRules, type PathRuleOptions, type PathRules } from "./path_rules.ts";

const DEFAULT_EXCLUDE = ["/var/log/wtmp", "/var/log/asl/**", "/var/log/sar*", "/var/log/pods/**/*"];

function rules(options: Partial<PathRuleOptions>): PathRules {
  return createPathRules({ include: ["*.log"], includeRegex: [], exclude: [], excludeRegex: [], ...options });
}

test("a file ships if it is included and not excluded", () => {
  const { includes } = rules({ includeRegex: ["/app-\\d+$"], exclude: ["*/skip.log"], excludeRegex: ["(?i)secret"] });
  assert.ok(includes("/var/log/a.log"));
  assert.ok(includes("/var/log/app-7"));
  assert.ok(!includes("/var/log/app-x"));
  assert.ok(!includes("/var/log/skip.log"));
  assert.ok(!includes("/var/log/SECRET/a.log"));
  assert.ok(!includes("/var/log/syslog"));
});

test("a path that may take an expression too long does not ship, whatever the expression is for", () => {
  // Thousands of ways lead through this at every place of a name that was made for it.
  const ways = "[ab]*a[ab]{9000}c|\\.log$";
  const path = `/var/log/${`${"ab".repeat(120)}a/`.repeat(8)}a.log`;
  const start = process.cpuUsage();
  for (const options of [{ include: [], includeRegex: [ways] }, { excludeRegex: [`${ways}x`] }]) {
    const { includes } = rules(options);
    assert.ok(includes("/var/log/a.log"));
    assert.ok(!includes(path));
    const explained = { dirs: ["/"], include: ["*.log"], includeRegex: [], exclude: [], excludeRegex: [], ...options };
    assert.equal(explainPath(explained, path).included, false);
  }
  assert.ok(rules({ excludeRegex: ["[ab]*a[ab]{9000}c"] }).prunes(path));
  assert.ok(process.cpuUsage(start).user < 1_000_000);
});

test("without inclusions nothing ships", () => {
  assert.ok(!rules({ include: [] }).includes("/var/log/a.log"));
});

test("only what is in a log directory ships", () => {
  const { includes, roots } = rules({ dirs: ["/var/log/", "/srv/app"] });
  assert.ok(includes("/var/log/a.log"));
  assert.ok(includes("/srv/app/deep/a.log"));
  assert.ok(!includes("/srv/apps/a.log"));
  assert.ok(!includes("/etc/a.log"));
  assert.deepEqual(roots, ["/var/log", "/srv/app"]);
});

test("roots within roots are left out", () => {
  assert.deepEqual(rules({ dirs: ["/var/log", "/var/log/app", "/var/log", "/var/logs"] }).roots, [
    "/var/log",
    "/var/logs",
  ]);
  assert.deepEqual(rules({ dirs: ["/srv", "/"] }).roots, ["/"]);
});

test("a file that is named among the log directories ships whatever the inclusions say, unless it is excluded", () => {
  const { includes, roots } = rules({ dirs: ["/srv/one", "/srv/data/out.txt"], exclude: ["/srv/data/*.bak"] });
  assert.ok(includes("/srv/data/out.txt"));
  assert.ok(!includes("/srv/data/other.log"));
  assert.ok(includes("/srv/one/x.log"));
  assert.ok(!includes("/srv/one/x.txt"));
  assert.deepEqual(roots, ["/srv/one", "/srv/data/out.txt"]);
  assert.ok(!rules({ dirs: ["/srv/data/a.bak"], exclude: ["/srv/data/*.bak"] }).includes("/srv/data/a.bak"));
});

test("a pattern among the log directories names files as v1 read it: a star stays within a directory", () => {
  const { includes, roots } = rules({ dirs: ["/srv/*/out/*.txt", "/data/**/trace-?.out"] });
  assert.deepEqual(roots, ["/srv", "/data"]);
  assert.ok(includes("/srv/a/out/x.txt"));
  assert.ok(!includes("/srv/a/b/out/x.txt"));
  assert.ok(!includes("/srv/a/out/x.log"));
  assert.ok(!includes("/srv/a/out/.x.txt"));
  assert.ok(includes("/data/a/b/trace-1.out"));
  assert.ok(includes("/data/trace-1.out"));
  assert.ok(!includes("/data/a/b/trace-12.out"));
});

test("a pattern that names directories stands for them", () => {
  const { includes } = rules({ dirs: ["/home/*/logs"] });
  assert.ok(includes("/home/ann/logs/deep/a.log"));
  assert.ok(!includes("/home/ann/logs/deep/a.txt"));
  assert.ok(!includes("/home/ann/other/a.log"));
});

/** Rules, a directory, whether it need not be looked into. */
const PRUNING: readonly (readonly [Partial<PathRuleOptions>, directory: string, pruned: boolean])[] = [
  [{ exclude: DEFAULT_EXCLUDE }, "/var/log/pods", true],
  [{ exclude: DEFAULT_EXCLUDE }, "/var/log/pods/a", true],
  [{ exclude: DEFAULT_EXCLUDE }, "/var/log/asl", true],
  [{ exclude: DEFAULT_EXCLUDE }, "/var/log/sarx", true],
  [{ exclude: DEFAULT_EXCLUDE }, "/var/log/wtmp", false],
  [{ exclude: DEFAULT_EXCLUDE }, "/var/log", false],
  [{ exclude: ["/a/?*"] }, "/a", false],
  [{ exclude: ["/a/!(x)*"] }, "/a/y", false],
  [{ exclude: ["/a/\\*"] }, "/a/*", false],
  [{ excludeRegex: ["^/a/tmp/"] }, "/a/tmp", true],
  [{ excludeRegex: ["^/a/tmp/$"] }, "/a/tmp", false],
  [{ excludeRegex: ["/tmp\\b"] }, "/a/tmp", false],
  [{ include: ["/var/log/app/*.log"] }, "/var/log/other", true],
  [{ include: ["/var/log/app/*.log"] }, "/var/log", false],
  [{ include: ["/var/log/app/*.log"] }, "/var/log/app/deep", false],
  [{ include: ["/var/log/app/*.log"], includeRegex: ["x"] }, "/var/log/other", false],
  [{ dirs: ["/home/*/logs/*.txt"] }, "/home/ann", false],
  [{ dirs: ["/home/*/logs/*.txt"] }, "/home/ann/logs", false],
  [{ dirs: ["/home/*/logs/*.txt"] }, "/home/ann/music", true],
  [{ dirs: ["/home/*/logs"] }, "/home/ann/logs/deep/er", false],
  [{ dirs: ["/home/*/logs", "/home/bob"] }, "/home/bob/music", false],
  [{ dirs: ["/srv/**/*.txt"] }, "/srv/a/b/c", false],
  [{ dirs: ["/srv/data/out.txt"], include: ["/none/*"] }, "/srv/data", false],
];

for (const [options, directory, pruned] of PRUNING) {
  test(`${JSON.stringify(options)} ${pruned ? "prunes" : "keeps"} ${directory}`, () => {
    assert.equal(rules(options).prunes(directory), pruned);
  });
}

test("what is pruned holds nothing that ships", () => {
  const name = fc.constantFrom("a", "b", "x.log", "y.txt", ".h", "tmp");
  const glob = fc
    .array(fc.constantFrom("*", "**", "?", "a", "b", "x.log", "{a,b}", "!(a)", "[ab]", "*.log", "a*", "t*p", ".*"), {
      minLength: 1,
      maxLength: 4,
    })
    .map((parts) => `/${parts.join("/")}`);
  const regex = fc.constantFrom("/a/", "^/a", "b$", "(?i)TMP", "a/b", "\\bb\\b", "x|tmp/", "^/[ab]/[^/]*/");
  const some = <T>(what: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(what, { maxLength: 2 });
  const options = fc.record({
    include: some(fc.oneof(glob, fc.constant("*.log"))),
    includeRegex: some(regex),
    exclude: some(glob),
    excludeRegex: some(regex),
  });
  const dirs = fc.oneof(fc.constant(undefined), fc.array(glob, { minLength: 1, maxLength: 2 }));
  const path = fc.array(name, { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(options, dirs, path, (given, directories, names) => {
      const { includes, prunes } = createPathRules(directories === undefined ? given : { ...given, dirs: directories });
      const file = `/${names.join("/")}`;
      if (!includes(file)) return;
      for (let depth = 1; depth < names.length; depth++)
        assert.ok(!prunes(`/${names.slice(0, depth).join("/")}`), `${file} ships, but depth ${depth} is pruned`);
    }),
    { numRuns: 5000 },
  );
});
