/**
 * Whatever is given, in whatever place, `loadConfig` answers: with a configuration, or with problems that each say where
 * and what. It never throws, never takes long, and never shows the key. `FUZZ_RUNS` sets how often each is tried.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";
import fc from "fast-check";
import { stringify } from "yaml";
import { RULE_OPTIONS } from "./line_rows.ts";
import { type LoadResult, loadConfig } from "./mod.ts";
import { type AnyOption, environmentNames, lastKey, OPTION_LIST } from "./options.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 300);
const KEY = "7c0ffee5ec7e7";
/** Far more than any input of these takes, also on a busy host, and far less than a search that goes back and forth. */
const MAX_MS = 10_000;

interface Inputs {
  readonly yaml?: string;
  readonly conf?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly argv?: readonly string[];
  /** What any other file holds. */
  readonly other?: string;
}

function answered(inputs: Inputs): LoadResult {
  const begun = performance.now();
  const result = loadConfig({
    argv: inputs.argv ?? [],
    env: inputs.env ?? {},
    version: "1.2.3",
    osHostname: () => "os-name",
    readFile: (path) => {
      const places = { "/etc/logdna/config.yaml": inputs.yaml, "/etc/logdna.conf": inputs.conf };
      const content = path in places ? places[path as keyof typeof places] : inputs.other;
      if (content === undefined || path.includes("logdna-hostname"))
        throw Object.assign(new Error("no"), { code: "ENOENT" });
      return content;
    },
  });
  const took = performance.now() - begun;
  assert.ok(took < MAX_MS, `${took} ms`);
  const messages = result.kind === "error" ? [...result.errors, ...result.warnings] : result.warnings;
  assert.ok(result.kind !== "error" || result.errors.length > 0);
  for (const message of messages) {
    assert.match(message, PLACED, "it says where");
    assert.ok(message.replace(/^.*?: /, "").trim().length > 10, `it says what: ${message}`);
    assert.doesNotMatch(message, /\n|\.ts:|node:internal|TypeError|RangeError|\[object|undefined is not/);
  }
  return result;
}

const PLACE =
  /^(?:\/.*?(?::\d+:\d+)?|environment variable (?:[^:"]+|"(?:[^"\\]|\\.)*")|flag -[^:]*|command line|credential ingestion-key): /;
/** Problems of the whole are at no single place. */
const PLACED = new RegExp(
  `${PLACE.source}|^there is no ingestion key; set |^OUTPUT is otlp, which has no default server`,
);

const pieces = fc.constantFrom(
  ...["a", "é", "😀", "0", "9", "-", "_", ".", "/", "*", "**", "?", "[", "]", "{", "}", "(", ")", "|", "^", "$", "\\"],
  ...[",", ":", "=", "#", "!", "@", "&", "%", "<", ">", "'", '"', "`", "~", " ", "\t", "\n", "\r", "\u0000", "\ufeff"],
  ...["(?i)", "(?P<n>", "(?=", "(?x", "[[:alpha:]]", "&&", "--", "\\d", "\\p{L}", "\\p", "\\u002C", "{2,", "!(", "@("],
  ...[
    "- ",
    "\n  ",
    ": ",
    "&x ",
    "*x",
    "!!",
    "|\n",
    ">\n",
    "---\n",
    "\u0024{A}",
    "$\u0024{A}",
    "\u0024{",
    "true",
    "null",
  ],
);
const text = fc.oneof(
  fc.array(pieces, { maxLength: 12 }).map((all) => all.join("")),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "true",
    "no",
    "0",
    "7",
    "10 MB",
    "-1",
    "1e9",
    "none",
    "java",
    "email",
    "50%",
    "/var/log",
    "*.log",
    "",
  ),
);

const names = OPTION_LIST.flatMap(([, option]) => [...environmentNames(option), ...(option.oldEnv ?? [])]);
const flags = OPTION_LIST.flatMap(([, option]) => [...(option.flags?.split(", ") ?? []), ...(option.oldFlags ?? [])]);
const properties = OPTION_LIST.flatMap(([, option]) => [
  ...(option.env === undefined ? [] : [option.env.toLowerCase()]),
  ...(option.properties ?? []),
]);
const paths = OPTION_LIST.flatMap(([, option]) => option.yaml ?? []);
const ruleKeys = Object.values<AnyOption>(RULE_OPTIONS).map(lastKey);

const environment = fc.dictionary(
  fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: text.map((t) => `MZ_${t}`) }),
  text,
  { maxKeys: 8 },
);
const argument = fc.oneof(
  text,
  fc.constantFrom(...flags, "-l", "-h", "-V", "-v", "-s", "-u", "--", "-"),
  fc.tuple(fc.constantFrom(...flags), fc.constantFrom("", "=", " "), text).map((parts) => parts.join("")),
);
const argv = fc.array(argument, { maxLength: 6 });

/** A value of whatever shape, as YAML can hold it. */
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...ruleKeys, "glob", "regex", "__proto__"), text), tie("any"), {
      maxKeys: 4,
    }),
  ),
})).any;
const tree = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...paths), fc.constant("log.rules"), text), value), { maxLength: 8 })
  .map((pairs) => {
    const root: Record<string, unknown> = {};
    for (const [path, inner] of pairs) {
      const keys = path.split(".");
      const last = keys.pop() ?? "";
      let section = root;
      for (const key of keys) {
        const next = section[key];
        const deeper = typeof next === "object" && next !== null && !Array.isArray(next) ? next : {};
        section[key] = deeper;
        section = deeper as Record<string, unknown>;
      }
      section[last] = inner;
    }
    return stringify(root);
  });
/** A text with some of it cut out, doubled or replaced. */
const damaged = (whole: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(whole, fc.array(fc.tuple(fc.nat(400), fc.nat(20), fc.oneof(pieces, fc.constant(""))), { maxLength: 4 }))
    .map(([original, cuts]) =>
      cuts.reduce((rest, [at, length, put]) => rest.slice(0, at) + put + rest.slice(at + length), original),
    );
const yaml = fc.oneof(tree, damaged(tree), text);
const line = fc
  .tuple(
    fc.oneof(fc.constantFrom(...properties), text),
    fc.constantFrom("=", ":", " ", " = ", "\t:", "\\=", ""),
    text,
    fc.constantFrom("\n", "\r\n", "\r", "\\\n", ""),
  )
  .map((parts) => parts.join(""));
const conf = fc.oneof(
  fc.array(line, { maxLength: 8 }).map((lines) => lines.join("")),
  yaml,
);

test("any YAML file is read or refused", () => {
  fc.assert(
    fc.property(yaml, (content) => void answered({ yaml: content, env: { MZ_INGESTION_KEY: KEY } })),
    { numRuns: RUNS },
  );
});

test("any properties file is read or refused", () => {
  fc.assert(
    fc.property(conf, (content) => void answered({ conf: content, env: { MZ_INGESTION_KEY: KEY } })),
    { numRuns: RUNS },
  );
});

test("any environment and any command line is read or refused, with any files under them", () => {
  fc.assert(
    fc.property(fc.record({ yaml, conf, env: environment, argv, other: conf }), (inputs) => void answered(inputs)),
    { numRuns: RUNS },
  );
});

test("any regular expression and any glob is read or refused in each place", () => {
  const many = fc.array(text, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(many, many, (expressions, globs) => {
      const rule = { path: globs, line_exclusion_regex: expressions, line_redact_regex: expressions };
      const log = {
        dirs: globs,
        include: { glob: globs, regex: expressions },
        exclude: { glob: globs, regex: expressions },
        line_inclusion_regex: expressions,
        multiline_start: expressions[0],
        rules: [rule],
      };
      const env = {
        MZ_INGESTION_KEY: KEY,
        MZ_EXCLUSION_RULES: globs.join(","),
        MZ_REDACT_REGEX: expressions.join(","),
      };
      answered({ yaml: stringify({ log }), env, argv: ["--line-exclusion", ...expressions] });
    }),
    { numRuns: RUNS },
  );
});

test("no problem and no list shows the key, however it is given", () => {
  // Nothing that ends a value or a line: behind that the key would be something else, such as the name of an option.
  const around = fc
    .array(
      fc.constantFrom(
        "a",
        " ",
        "\t",
        "'",
        '"',
        ":",
        ": ",
        "#",
        " #",
        "!",
        "&",
        "*",
        "[",
        "{",
        "|",
        ">",
        "%",
        "@",
        "\\",
        "é",
      ),
      {
        maxLength: 4,
      },
    )
    .map((all) => all.join(""));
  const held = fc.tuple(around, around).map(([before, after]) => `${before}${KEY}${after}`);
  const given: fc.Arbitrary<Inputs> = fc.oneof(
    held.map((key) => ({ env: { MZ_INGESTION_KEY: key } })),
    held.map((key) => ({ env: { LOGDNA_AGENT_KEY: key, MZ_INGESTION_KEY: "" } })),
    held.map((key) => ({ env: { MZ_INGESTION_KEY_FILE: "/k" }, other: key })),
    held.map((key) => ({ env: { CREDENTIALS_DIRECTORY: "/c" }, other: key })),
    held.map((key) => ({ argv: ["-k", key] })),
    held.map((key) => ({ argv: [`--key=${key}`] })),
    held.map((key) => ({ argv: [`-k${key}`] })),
    held.map((key) => ({ argv: [`-K${key}`] })),
    held.map((key) => ({ argv: [`--key${key}`] })),
    held.map((key) => ({ argv: ["--kye", key] })),
    held.map((key) => ({ argv: ["-s", `key=${key}`] })),
    held.map((key) => ({ argv: [key] })),
    held.map((key) => ({ yaml: `http:\n  ingestion_key: ${key}\n` })),
    held.map((key) => ({ yaml: `http:\n  ingestion_key:\n    - ${key}\n` })),
    held.map((key) => ({ yaml: `http:\n  ingestion_key: |\n    ${key}\n` })),
    held.map((key) => ({ yaml: `http:\n  ingestion_key ${key}\n` })),
    held.map((key) => ({ yaml: `http:\n  ingestion_kye: ${key}\n` })),
    held.map((key) => ({ conf: `key = ${key}\nkey: ${key}x\n` })),
    held.map((key) => ({ conf: `kye = ${key}\n` })),
    fc.constant({ conf: `logdir = /a\nkey\\\n  ${KEY}\n` }),
    fc.constant({ conf: `logdir = /a\n${KEY}\n` }),
    fc.constant({ conf: KEY }),
    held.map((salt) => ({ env: { MZ_INGESTION_KEY: "k", MZ_REDACT_SALT: salt } })),
    held.map((salt) => ({ env: { MZ_INGESTION_KEY: "k" }, yaml: `log:\n  redact_salt: ${salt}\n` })),
    held.map((salt) => ({ env: { MZ_INGESTION_KEY: "k", MZ_REDACT_SALT_FILE: "/s" }, other: salt })),
  );
  fc.assert(
    fc.property(given, fc.boolean(), environment, (inputs, list, more) => {
      const other = Object.fromEntries(Object.entries(more).filter(([name]) => !/KEY|SALT|CONF/.test(name)));
      const env = { ...other, ...inputs.env };
      const result = answered({ ...inputs, env, argv: [...(inputs.argv ?? []), ...(list ? ["--list"] : [])] });
      for (const shown of [
        JSON.stringify(result),
        inspect(result, { depth: 9, showHidden: true }),
        format("%o", result),
      ])
        assert.ok(!shown.includes(KEY), shown);
    }),
    { numRuns: RUNS * 3 },
  );
});

test("a large input takes time in proportion to its size", () => {
  const most = 256 * 1024;
  const long = (unit: string, size = most - 100): string => unit.repeat(Math.floor(size / unit.length));
  const numbered = (unit: (at: number) => string, count: number): string =>
    Array.from({ length: count }, (_, at) => unit(at)).join("");
  const inputs: Readonly<Record<string, Inputs>> = {
    "many keys in YAML": { yaml: numbered((at) => `k${at}: 1\n`, 10_000) },
    "one key again and again": { yaml: long("host: a\n", 100_000) },
    "deep YAML": { yaml: long("[", 30_000) },
    "deep maps": { yaml: long("{a: ", 30_000) },
    "many anchors": { yaml: `x: [${numbered((at) => `&a${at} 1, *a${at},`, 5000)}]` },
    "many aliases in a list": { yaml: `log: {dirs: [&a /x, ${long("*a,", 30_000)}]}` },
    "many rules": { yaml: `log:\n  rules:\n${long("    - {path: '*'}\n", 100_000)}` },
    "many wrong rules": { yaml: `log:\n  rules:\n${long("    - {pth: '*'}\n", 100_000)}` },
    "a long value": { yaml: `http: {host: ${long("a")}}` },
    "many variables": { yaml: `http: {host: '${long("\u0024{A}", 200_000)}'}` },
    "too long": { yaml: long("#", 3 * most) },
    "continued lines": { conf: `key=${long("a\\\n")}` },
    backslashes: { conf: `key=${long("\\")}` },
    "blank lines": { conf: `${long("\n")}key=1` },
    blanks: { conf: `${long(" ")}=1` },
    "unknown properties": { conf: numbered((at) => `k${at}=1\n`, 20_000) },
    "one property again and again": { conf: long("tags=a\n") },
    "too long properties": { conf: long("a=1\n", 3 * most) },
    "many items": { env: { MZ_LOG_DIRS: numbered((at) => `/d${at},`, 5000) } },
    commas: { env: { MZ_TAGS: long(",", 500_000), MZ_EXCLUSION_REGEX_RULES: long("\\,", 120_000) } },
    "many wrong items": { env: { MZ_INCLUSION_REGEX_RULES: long("(,", 20_000) } },
    "unknown variables": { env: Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`MZ_X${at}`, "1"])) },
    "a long expression": { env: { MZ_LINE_EXCLUSION_REGEX: long("(a*)*", 60_000) } },
    "a deep expression": { env: { MZ_LINE_EXCLUSION_REGEX: long("(", 60_000) } },
    "a large expression": { env: { MZ_LINE_EXCLUSION_REGEX: "((((a{1000}){1000}){1000}){1000}){1000}" } },
    "many classes": { env: { MZ_LINE_EXCLUSION_REGEX: `(?-u)${long("\\w", 60_000)}` } },
    "many properties of characters": { env: { MZ_LINE_EXCLUSION_REGEX: long("\\p{L}", 60_000) } },
    "a long glob": { env: { MZ_INCLUSION_RULES: long("*a", 4000) } },
    "a deep glob": { env: { MZ_INCLUSION_RULES: `${long("{a\\,", 2000)}${long("}", 500)}` } },
    "nested globs": { env: { MZ_INCLUSION_RULES: `${long("+(", 2600)}a${long(")", 1300)}` } },
    "a range in a glob": { env: { MZ_INCLUSION_RULES: "{1..100000000}" } },
    "many flags": { argv: Array.from({ length: 5000 }, () => "-d/x") },
    "many unknown flags": { argv: Array.from({ length: 5000 }, (_, at) => `--x${at}`) },
    "many words": { argv: Array.from({ length: 5000 }, () => "word") },
  };
  for (const [name, given] of Object.entries(inputs)) {
    const begun = performance.now();
    answered({ ...given, env: { A: "a", ...given.env } });
    const took = performance.now() - begun;
    if (process.env.FUZZ_TIMES !== undefined) process.stdout.write(`${name}: ${Math.round(took)} ms\n`);
  }
});
