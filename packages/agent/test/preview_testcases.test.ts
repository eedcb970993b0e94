/**
 * Runs the cases under `testcases/preview/`: a folder each, in which `logdna-agent preview` is started with what is in `args`, one
 * argument a line, and with `stdin`, if there is one, as its standard input. `expected` is what it prints, with `CASE` for the folder.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LAUNCHER } from "./launcher.ts";

const CASES = join(import.meta.dirname, "../../../testcases/preview");

for (const name of readdirSync(CASES).sort()) {
  test(`preview case ${name}`, () => {
    const directory = join(CASES, name);
    const file = (path: string): string => readFileSync(join(directory, path), "utf8");
    const ended = spawnSync(LAUNCHER, ["preview", ...file("args").trimEnd().split("\n")], {
      cwd: directory,
      env: { PATH: process.env.PATH },
      input: existsSync(join(directory, "stdin")) ? file("stdin") : "",
      encoding: "utf8",
    });
    assert.equal(ended.stderr, "");
    assert.equal(ended.stdout.replaceAll(directory, "CASE"), file("expected"));
    assert.equal(ended.status, 0);
  });
}
