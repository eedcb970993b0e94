/**
 * Runs the cases under `testcases/config/`: what is given as files, and what must come of it as files.
 *
 * Given: `args` (one argument a line), `env` (`NAME=VALUE` lines), `config.yaml` (at its default place), `logdna.conf`
 * (the v1 file at its default place), `logdna-hostname`, and any other file under `/given/`.
 * Expected: `expected.yaml` (values of the configuration; those that are not named may be any), or `errors` or `output`;
 * in each case `warnings`, where there are any.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, parseDocument } from "yaml";
import { type LoadResult, loadConfig, Secret } from "./mod.ts";
import { environmentNames, longFlag, OPTION_LIST, optionTitle } from "./options.ts";

const CASES = join(import.meta.dirname, "../../../../testcases/config");
const PLACES: Readonly<Record<string, string>> = {
  "config.yaml": "/etc/logdna/config.yaml",
  "logdna.conf": "/etc/logdna.conf",
  "logdna-hostname": "/etc/logdna-hostname",
};
const WRITTEN = new Set(["args", "env", "expected.yaml", "errors", "output", "warnings"]);

const names = readdirSync(CASES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

for (const name of names.sort()) {
  test(`config case ${name}`, () => {
    const directory = join(CASES, name);
    const result = load(directory);
    assert.deepEqual(result.warnings, lines(directory, "warnings"), "warnings");
    if (existsSync(join(directory, "expected.yaml"))) {
      assert.ok(result.kind === "run", `errors: ${JSON.stringify(result)}`);
      const expected: unknown = parse(readFileSync(join(directory, "expected.yaml"), "utf8"));
      assert.ok(typeof expected === "object" && expected !== null && Object.keys(expected).length > 0);
      const actual = Object.fromEntries(Object.entries(result.config).map(([key, value]) => [key, plain(value)]));
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, actual[key]])), expected);
    } else if (existsSync(join(directory, "output"))) {
      assert.ok(result.kind === "print", JSON.stringify(result));
      assert.equal(result.text, readFileSync(join(directory, "output"), "utf8"));
    } else {
      assert.ok(result.kind === "error", JSON.stringify(result));
      assert.deepEqual(result.errors, lines(directory, "errors"));
    }
  });
}

test("every option of the table has a case that gives it in each of its places", () => {
  for (const [, option] of OPTION_LIST) {
    const name = `option_${optionTitle(option).toLowerCase().replaceAll(/\W/g, "_")}`;
    const directory = join(CASES, name);
    assert.ok(existsSync(directory), `testcases/config/${name} is missing`);
    const lacks = (what: string): string => `testcases/config/${name} does not give it in ${what}`;
    const variables = environmentNames(option);
    const given = lines(directory, "env").map((line) => line.slice(0, line.indexOf("=")));
    assert.ok(variables.length === 0 || variables.some((variable) => given.includes(variable)), lacks("env"));
    const flag = longFlag(option);
    const flags = lines(directory, "args").map((line) => line.split("=", 1)[0]);
    assert.ok(flag === undefined || flags.includes(flag), lacks("args"));
    if (option.yaml !== undefined) {
      const yaml = parseDocument(lines(directory, "config.yaml").join("\n"));
      assert.ok(yaml.hasIn(option.yaml.split(".")), lacks("config.yaml"));
    }
    if (variables.length > 0 || option.yaml !== undefined) continue;
    const keys = lines(directory, "logdna.conf").map((line) => line.split(/\W/, 1)[0] ?? "");
    assert.ok(
      option.properties?.some((key) => keys.includes(key)),
      lacks("logdna.conf"),
    );
  }
});

function load(directory: string): LoadResult {
  const files = new Map<string, string>();
  for (const file of readdirSync(directory)) {
    if (!WRITTEN.has(file)) files.set(PLACES[file] ?? `/given/${file}`, join(directory, file));
  }
  const env = lines(directory, "env").map((line) => [
    line.slice(0, line.indexOf("=")),
    line.slice(line.indexOf("=") + 1),
  ]);
  return loadConfig({
    argv: lines(directory, "args"),
    env: Object.fromEntries(env),
    version: "1.2.3",
    readFile: (path) => {
      const file = files.get(path);
      if (file === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
      return readFileSync(file, "utf8");
    },
    osHostname: () => "os-name",
  });
}

function lines(directory: string, file: string): string[] {
  const path = join(directory, file);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8").replace(/\n$/, "").split("\n");
}

function plain(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
