import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { helpText } from "./help.ts";
import { RULE_OPTIONS } from "./line_rows.ts";
import { configSchema, type LoadOptions, type LoadResult, loadConfig, renderOptionsMarkdown, Secret } from "./mod.ts";
import { nearest } from "./nearest.ts";
import { type AnyOption, environmentNames, lastKey, longFlag, OPTION_LIST } from "./options.ts";

const KEY = "3c0ffee5ec7e7";

function load(options: Partial<LoadOptions> & { readonly yaml?: string; readonly conf?: string }): LoadResult {
  return loadConfig({
    argv: options.argv ?? [],
    env: options.env ?? {},
    version: "1.2.3",
    osHostname: () => "os-name",
    readFile: (path) => {
      const content = { "/etc/logdna/config.yaml": options.yaml, "/etc/logdna.conf": options.conf }[path];
      if (content === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
      return content;
    },
  });
}

test("no way of printing a configuration or its problems shows the key", () => {
  const results = [
    load({ env: { MZ_INGESTION_KEY: KEY } }),
    load({ argv: ["-k", KEY, "--list"] }),
    load({ argv: [`--kye=${KEY}`] }),
    load({ argv: ["--kye", KEY] }),
    load({ argv: [KEY] }),
    load({ env: { MZ_INGESTION_KEY: `${KEY} ${KEY}` } }),
    load({ yaml: `http: {ingestion_key: ${KEY}, hots: 1}` }),
    load({ yaml: `http:\n  ingestion_key: ${KEY}: ${KEY}` }),
    load({ yaml: `http: {ingestion_key: [${KEY}]}` }),
    load({ yaml: `http: {ingestion_key: *${KEY}}` }),
    load({ yaml: `http: {ingestion_key: !${KEY} x}` }),
    load({ yaml: `ingestion_key: ${KEY}` }),
    load({ yaml: `${KEY}` }),
    load({ yaml: `"${KEY}` }),
    load({ conf: `key = ${KEY}\nkey = ${KEY}2` }),
  ];
  for (const result of results) {
    const { kind } = result;
    for (const text of [
      JSON.stringify(result),
      inspect(result, { depth: 9, showHidden: true }),
      format("%s %o", result, result),
    ])
      assert.ok(!text.includes(KEY), `${kind}: ${text}`);
  }
  assert.equal(results.filter(({ kind }) => kind === "error").length, 12);
  assert.equal(`${new Secret(KEY)}`, "***");
});

test("whatever is given, the answer is a configuration or a list of problems", () => {
  const words = [
    "http",
    "log",
    ":",
    "\n",
    "  ",
    "- ",
    "host",
    "dirs",
    "[",
    "]",
    "{",
    "}",
    "&a",
    "*a",
    "|",
    "'",
    '"',
    "#",
    "\u0024{A}",
    "---",
    "<<",
    "!x",
    "\t",
    "?",
  ];
  const messy = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((all) => all.join("")),
    fc.json().map((json) => json),
  );
  const names = OPTION_LIST.flatMap(([, option]) => [...environmentNames(option), ...(option.oldEnv ?? [])]);
  const flags = OPTION_LIST.flatMap(([, option]) => longFlag(option) ?? []);
  const argument = fc.oneof(
    messy,
    fc.constantFrom(...flags, "-k", "-d", "-l", "--", "-"),
    fc.tuple(fc.constantFrom(...flags), messy).map((pair) => pair.join("=")),
  );
  const env = fc.dictionary(fc.constantFrom(...names), messy, { maxKeys: 6 });
  fc.assert(
    fc.property(messy, messy, env, fc.array(argument, { maxLength: 5 }), (yaml, conf, environment, argv) => {
      const result = load({ yaml, conf, env: environment, argv });
      const told = result.kind === "error" ? result.errors : result.warnings;
      assert.ok(result.kind !== "error" || told.length > 0);
      for (const line of told) assert.doesNotMatch(line, /\.ts:|node:internal|TypeError|undefined is not/);
    }),
    { numRuns: 1000 },
  );
});

test("the YAML file of any shape under a section is read or refused", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("host", "dirs", "glob", "params", "include", "__proto__", "x"), tie("any"), {
        maxKeys: 3,
      }),
    ),
  })).any;
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("http", "log", "journald", "agent", "y"), value), (content) => {
      const result = load({ yaml: stringify(content), env: { MZ_INGESTION_KEY: KEY } });
      assert.ok(result.kind === "run" || (result.kind === "error" && result.errors.length > 0));
    }),
    { numRuns: 1000 },
  );
});

test("aliases cannot make a small file large", () => {
  const levels = Array.from(
    { length: 12 },
    (_, at) => `a${at + 1}: &a${at + 1} [${Array(10).fill(`*a${at}`).join(", ")}]`,
  );
  const begun = performance.now();
  const result = load({
    yaml: `a0: &a0 [x]\n${levels.join("\n")}\nlog: {dirs: *a12}\n`,
    env: { MZ_INGESTION_KEY: KEY },
  });
  assert.equal(result.kind, "error");
  assert.ok(performance.now() - begun < 2000);
});

test("each option has names of its own", () => {
  for (const names of [
    OPTION_LIST.flatMap(([, option]) => [...new Set([...environmentNames(option), ...(option.oldEnv ?? [])])]),
    OPTION_LIST.flatMap(([, option]) => option.yaml ?? []),
    OPTION_LIST.flatMap(([, option]) => option.flags?.split(", ") ?? []),
    OPTION_LIST.flatMap(([, option]) => [
      ...new Set([...(option.properties ?? []), ...(option.env === undefined ? [] : [option.env.toLowerCase()])]),
    ]),
  ])
    assert.deepEqual(names, [...new Set(names)]);
});

test("every default is a value that the option takes", () => {
  for (const [name, option] of OPTION_LIST) {
    const defaults = option.many ? option.default : option.default === undefined ? [] : [option.default];
    for (const value of defaults) assert.deepEqual(option.kind.read(String(value)), { ok: true, value }, name);
  }
});

test("help, document and schema name every option", () => {
  const help = helpText();
  const document = renderOptionsMarkdown();
  const schema = JSON.stringify(configSchema());
  for (const [, option] of OPTION_LIST) {
    for (const text of [...(option.env === undefined ? [] : [option.env]), ...(option.plainEnv ?? [])]) {
      if (option.support !== "meaningless") assert.ok(help.includes(text), text);
      assert.ok(document.includes(`\`${text}\``), text);
    }
    const key = option.yaml?.split(".").at(-1);
    if (key !== undefined) assert.ok(schema.includes(`"${key}":{"description":`), key);
  }
});

test("the schema has the sections of the listed configuration", () => {
  const listed = load({ env: { MZ_INGESTION_KEY: KEY }, argv: ["--list"] });
  assert.ok(listed.kind === "print");
  const schema: unknown = configSchema();
  const check = (value: unknown, part: unknown, path: string): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      const next: unknown = (part as { readonly properties?: Record<string, unknown> }).properties?.[key];
      assert.ok(next !== undefined, `${path}.${key}`);
      check(inner, next, `${path}.${key}`);
    }
  };
  check(parse(listed.text), schema, "");
});

test("the schema knows each key of a rule for lines, and no other", () => {
  // As the schema is built: sections have properties, and a list has items.
  type Part = {
    properties: Record<string, Part>;
    anyOf: Part[];
    items: Part;
    required: string[];
    additionalProperties: false;
  };
  const root = configSchema() as unknown as Part;
  const [list] = root.properties.log?.properties.rules?.anyOf ?? [];
  assert.deepEqual(
    Object.keys(list?.items.properties ?? {}).sort(),
    Object.values<AnyOption>(RULE_OPTIONS).map(lastKey).sort(),
  );
  assert.deepEqual(list?.items.required, ["path"]);
  assert.equal(list?.items.additionalProperties, false);
});

test("the nearest name is found, or none", () => {
  assert.equal(nearest("lookbak", ["lookback", "log"]), "lookback");
  assert.equal(nearest("HSOT", ["host", "hostname"]), "host");
  assert.equal(nearest("log-dirs", ["log_dirs"]), "log_dirs");
  assert.equal(nearest("zzzz", ["host", "key"]), undefined);
});
