import assert from "node:assert/strict";
import { test } from "node:test";
import { globMatcher, globProblem } from "./glob.ts";

/** Pattern, path, whether it matches: bash's `[[ path == pattern ]]` with extglob, and `{a,b}`. */
const CASES: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
  ["*.log", "/var/log/a/b.log", true],
  ["*.log", "/var/log/.hidden.log", true],
  ["*.log", "/var/log/new\nline.log", true],
  ["*.log", "/var/log/a.log.1", false],
  ["*.log", "/var/log/a.LOG", false],
  ["/var/log/**", "/var/log/a", true],
  ["/var/log/**", "/var/log/a/b/.c", true],
  ["/var/log/**", "/var/logs/a", false],
  ["/var/log/*", "/var/log/a/b", true],
  ["/var/log/pods/**/*", "/var/log/pods/a/b/0.log", true],
  ["/var/log/pods/**/*", "/var/log/pods/0.log", true],
  ["/var/log/sar*", "/var/log/sar12", true],
  ["/var/log/sar*", "/var/log/sar/12/x", true],
  ["!(*.*)", "/var/log/syslog", true],
  ["!(*.*)", "/var/log/a.b", false],
  ["!(*.*)", "/var/log.d/syslog", false],
  ["app?.log", "/var/log/app1.log", false],
  ["**/app?.log", "/var/log/app1.log", true],
  ["**/app?.log", "/var/log/app12.log", false],
  ["/a/?.log", "/a//.log", false],
  ["/var/log/{a,b}/*.log", "/var/log/b/x.log", true],
  ["/var/log/{a,b}/*.log", "/var/log/c/x.log", false],
  ["*.{log,txt}", "/a/b.txt", true],
  ["/var/log/[ab].log", "/var/log/a.log", true],
  ["/var/log/[ab].log", "/var/log/[ab].log", false],
  ["/var/log/[!ab].log", "/var/log/c.log", true],
  ["/var/log/[!ab].log", "/var/log/a.log", false],
  ["/var/log/[[:digit:]].log", "/var/log/7.log", true],
  ["/var/log/@(a|b).log", "/var/log/b.log", true],
  ["/var/log/@(a|b)?.log", "/var/log/ax.log", true],
  ["/var/log/@(a|b)?.log", "/var/log/a.log", false],
  ["/var/log/@(a|b)??.log", "/var/log/axy.log", true],
  ["/var/log/@(?|bc).log", "/var/log/a.log", true],
  ["/var/log/[)?].log", "/var/log/?.log", true],
  ["/var/log/[)?].log", "/var/log/a.log", false],
  ["/var/log/[ab]+.log", "/var/log/a+.log", true],
  ["/var/log/[ab]+.log", "/var/log/ab.log", false],
  ["/var/log/@(a|b)+.log", "/var/log/a+.log", true],
  ["/a/\\*.log", "/a/*.log", true],
  ["/a/\\*.log", "/a/b.log", false],
  ["/srv/my app/*.log", "/srv/my app/x.log", true],
  ["/srv/über/*.log", "/srv/über/é.log", true],
];

for (const [pattern, path, matches] of CASES) {
  test(`${pattern} ${matches ? "matches" : "does not match"} ${JSON.stringify(path)}`, () => {
    assert.equal(globProblem(pattern), undefined);
    assert.equal(globMatcher(pattern).test(path), matches);
  });
}

test("patterns that cannot be read are told", () => {
  for (const pattern of [
    "",
    "[a",
    "{a",
    "!(a",
    "@(a|b",
    "a]",
    "a)",
    "[z-a]",
    "x".repeat(5000),
    `${"+(".repeat(60)}a${")".repeat(60)}`,
  ])
    assert.notEqual(globProblem(pattern), undefined, pattern);
});
