import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createPathRules } from "./path_rules.ts";
import { onlyName, realRoots } from "./real_root.ts";

test("a path has its own name, and one for each log directory that leads to it by a link", (t) => {
  const at = realpathSync(mkdtempSync(join(tmpdir(), "roots-")));
  t.after(() => rmSync(at, { recursive: true }));
  mkdirSync(join(at, "real/app"), { recursive: true });
  symlinkSync("real", join(at, "link"));
  symlinkSync("/", join(at, "top"));
  assert.equal(realRoots([join(at, "real"), "/proc"]).namesOf, onlyName);

  const { dirs, linked, namesOf } = realRoots([`${at}/link/app/*.log`, `${at}/link/`, `${at}/link`]);
  assert.deepEqual(dirs, [`${at}/real/app/*.log`, `${at}/real/`, `${at}/real`]);
  assert.deepEqual(
    linked.map(({ given }) => given),
    [`${at}/link/app`, `${at}/link`],
  );
  assert.deepEqual(namesOf(`${at}/real/app/a`), [`${at}/real/app/a`, `${at}/link/app/a`]);
  assert.deepEqual(namesOf(`${at}/real`), [`${at}/real`, `${at}/link`]);
  assert.deepEqual(namesOf(`${at}/realm/a`), [`${at}/realm/a`]);
  assert.deepEqual(realRoots([`${at}/top`]).namesOf("/a"), ["/a", `${at}/top/a`]);

  const none = { includeRegex: [], excludeRegex: [] };
  const given = { dirs, include: [`${at}/link/x/*.out`], exclude: [`${at}/link/old/*`], ...none };
  const { includes, prunes } = createPathRules(given, namesOf);
  assert.deepEqual([`${at}/real/x/a.out`, `${at}/real/y/a.out`].map(includes), [true, false]);
  const pruned = ["real", "real/x", "real/y", "real/old"].map((name) => prunes(join(at, name)));
  assert.deepEqual(pruned, [false, false, true, true]);
});
