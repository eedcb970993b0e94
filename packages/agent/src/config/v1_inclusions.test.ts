import assert from "node:assert/strict";
import { test } from "node:test";
import { createPathRules } from "../rules/path_rules.ts";
import { loadConfig } from "./mod.ts";

/** Whether a configuration has a file shipped. */
function ships(conf: string, env: Readonly<Record<string, string>> = {}): (path: string) => boolean {
  const loaded = loadConfig({
    argv: [],
    env: { MZ_INGESTION_KEY: "key1", ...env },
    version: "1.2.3",
    readFile: (path) => {
      if (path === "/etc/logdna.conf") return conf;
      throw Object.assign(new Error(path), { code: "ENOENT" });
    },
  });
  assert.ok(loaded.kind === "run", JSON.stringify(loaded));
  assert.deepEqual(loaded.warnings, []);
  const { logDirs: dirs, includeGlobs: include, includeRegexes: includeRegex } = loaded.config;
  const { excludeGlobs: exclude, excludeRegexes: excludeRegex } = loaded.config;
  return createPathRules({ dirs, include, includeRegex, exclude, excludeRegex }).includes;
}

test("a directory of a v1 file ships *.log and what has no extension, at any depth, and no other directory does", () => {
  const shipped = ships("logdir = /srv/app.d,/data/*/logs,/opt/*.txt,/x(y)\n", { MZ_LOG_DIRS: "/other" });
  const all = {
    "/srv/app.d/syslog": true,
    "/srv/app.d/deep/er.d/messages": true,
    "/srv/app.d/x.log": true,
    "/srv/app.d/x.txt": false,
    "/srv/app.d/deep/archive.gz": false,
    "/srv/app.d/.hidden": false,
    "/data/a/logs/out": true,
    "/data/b/logs/out.err": false,
    "/opt/named.txt": true,
    "/opt/named": false,
    "/x(y)/out": true,
    "/other/out": false,
    "/other/out.log": true,
  };
  for (const [path, expected] of Object.entries(all)) assert.equal(shipped(path), expected, path);
});

test("a v1 file without directories ships of the default one what v1 shipped, but for what is excluded", () => {
  const shipped = ships("tags = a\nexclude = /var/log/private\n");
  for (const path of ["/var/log/syslog", "/var/log/apt/term.log"]) assert.ok(shipped(path), path);
  for (const path of ["/var/log/wtmp", "/var/log/private", "/var/log/a.gz"]) assert.ok(!shipped(path), path);
  assert.ok(!ships("")("/var/log/syslog"), "an empty file is not v1's");
});
