/**
 * Runs the cases under `testcases/paths/`: a folder each, in which `files` tells the files that are there, beneath the log directory
 * where a path does not begin with `../`, and which of them ship. An agent is started on them with the `config.yaml`, the `env`
 * (`NAME=VALUE` lines) and the `args` (one argument a line) beside it.
 *
 * `+ path` ships, `- path` does not. `path -> target` is a symbolic link, `path/` an empty directory.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { makePlace } from "./agent.ts";
import { runCase } from "./rule_case.ts";

const CASES = join(import.meta.dirname, "../../../testcases/paths");

for (const name of readdirSync(CASES).sort()) {
  test(`path case ${name}`, async (t) => {
    const place = makePlace();
    cpSync(join(CASES, name), place.root, { recursive: true });
    const lines = readFileSync(join(CASES, name, "files"), "utf8").split("\n");
    const files = lines.filter((line) => line !== "").map(read);
    for (const { path, target } of files) make(join(place.logs, path), path, target);
    const taken = files.filter(({ ships }) => ships).map(({ path }) => path);
    const { lines: arrived, read: bytes } = await runCase(t, place, taken.length);
    assert.deepEqual(
      arrived.map(({ file, line }) => ({ file, line })),
      taken.sort().map((file) => ({ file, line: readFileSync(join(place.logs, file), "utf8").trimEnd() })),
    );
    const size = taken.reduce((sum, path) => sum + statSync(join(place.logs, path)).size, 0);
    assert.equal(bytes, size, "nothing else was read");
  });
}

interface CaseFile {
  readonly path: string;
  readonly target: string | undefined;
  readonly ships: boolean;
}

function read(line: string): CaseFile {
  const [, sign, path = "", target] = /^([+-]) (.*?)(?: -> (.*))?$/.exec(line) ?? assert.fail(line);
  return { path, target, ships: sign === "+" };
}

/** Makes what is at a path; the content of a file is its name. */
function make(at: string, content: string, target: string | undefined): void {
  mkdirSync(dirname(at), { recursive: true });
  if (content.endsWith("/")) mkdirSync(at, { recursive: true });
  else if (target === undefined) writeFileSync(at, `${content}\n`);
  else symlinkSync(target, at);
}
