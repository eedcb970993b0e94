/** `--list` prints a file that can be used again, whatever the configuration is and wherever it comes from. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { REDACTION_PRESETS } from "./line_options.ts";
import { type LoadResult, loadConfig, Secret } from "./mod.ts";
import { type AnyOption, environmentNames, longFlag, OPTION_LIST, OPTIONS, type OptionName } from "./options.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 150);
const KEY = "5c0ffee5ec7e7";

interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly yaml?: string | undefined;
  readonly conf?: string | undefined;
}

function load({ argv = [], env = {}, yaml, conf }: Given): LoadResult {
  return loadConfig({
    argv,
    env,
    version: "1.2.3",
    osHostname: () => "os-name",
    readFile: (path) => {
      const places = { "/etc/logdna/config.yaml": yaml, "/etc/logdna.conf": conf, "/key": KEY, "/salt": "0123456789" };
      const content = places[path as keyof typeof places];
      if (content === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
      return content;
    },
  });
}

function listed(given: Given): string {
  const result = load({ ...given, argv: [...(given.argv ?? []), "--list"] });
  assert.ok(result.kind === "print", JSON.stringify(result));
  return result.text;
}

/** A configuration as plain data; what is secret too, since secrets are all equal to an assertion. */
function configOf(given: Given): unknown {
  const result = load(given);
  assert.ok(result.kind === "run", JSON.stringify(result));
  return plain(result.config);
}

function plain(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** Texts that are something else to one reader of YAML or another: YAML 1.1, 10.2 (its types), and YAML 1.2, 10.3.2. */
const AMBIGUOUS = [
  ...["yes", "no", "Yes", "NO", "on", "off", "y", "n", "true", "False", "null", "Null", "~", "=", "<<"],
  ...["1", "1.0", "0.", ".5", "+1", "-0", "1_000", "0x1f", "0o17", "017", "0b1", "1e3", ".inf", ".NaN", "12:30"],
  ...["2001-01-01", "2001-12-14t21:59:43.10-05:00", "- a", "a: b", "#", "a #b", "!x", "&x", "*x", "%x", "@x", "`x"],
  ...["'", '"', "{", "[", "|", ">", "?", "-", "---", "...", "\u0024{A}", "$\u0024{A}", "\u0024{a.b}", "\\", "é", "😀"],
];
const ambiguous = fc.constantFrom(...AMBIGUOUS);
/** What may not be seen as it is, but as an escape. */
const UNSEEN = ["\u0085", "\u009b", "\u2028", "\u2029", "\u202e", "\ufeff", "\u200f"];
/** A text that every place takes as it is: without control characters, white space around it, and commas. */
const text = fc
  .oneof(ambiguous, fc.array(fc.oneof(ambiguous, fc.constantFrom(" ", ...UNSEEN)), { maxLength: 4 }))
  .map((parts) => (Array.isArray(parts) ? parts.join("") : parts).trim())
  .filter((whole) => whole !== "");
const regex = fc.constantFrom("a{1,2}", "\\d+$", "(?i)x|y", "#", "- a", "no", "1.0", "\u2028");
const globs = fc.constantFrom("/a/**", "**/*.log", "!(*.*)", "/a/{b,c}", "/yes", "/\u009b?", "/a/\\(b\\)");
const number = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map(String);
const template = fc.constantFrom(
  "",
  "web",
  "no",
  "\u0024{line.app|x}-$\u0024{A}",
  "\u0024{env.STAGE|a b}",
  "a\n b",
  "\t",
  "\u009b",
);

/** Values as text of every option that is listed. Options that contradict each other are within bounds in which they do not. */
const VALUES: Partial<Record<OptionName, fc.Arbitrary<string>>> = {
  keyFile: fc.constant("/key"),
  output: fc.constantFrom("logdna", "OTLP"),
  host: fc.constantFrom("a.example", "a:1", "[::1]:2", "2001:db8::1"),
  endpoint: fc.constantFrom("/x", "/~", "/a#b:c"),
  keyHeader: fc.constantFrom("api-key", "authorization:Bearer", "x: no"),
  headers: fc.constantFrom("x-a: hunter2", "x-b: hunter2"),
  useSsl: fc.constantFrom("yes", "no", "true", "0"),
  caFile: fc.constantFrom("/ca.pem", "relative", "/no"),
  caDir: fc.constantFrom("/cas/", "/~"),
  clientCertFile: fc.constantFrom("/cert.pem"),
  proxy: fc.constantFrom("http://p:1", "https://[::1]", "http://u:hunter2%40@p", "p"),
  httpsProxy: fc.constantFrom("http://p:2", "http://user:hunter2@p:2"),
  httpProxy: fc.constantFrom("http://p:3"),
  allProxy: fc.constantFrom("http://u@p:4"),
  noProxy: fc.constantFrom("*", "a.example", "10.0.0.0/8", "no"),
  useCompression: fc.constantFrom("on", "off"),
  gzipLevel: number(0, 9),
  compression: fc.constantFrom("auto", "gzip", "ZSTD"),
  encoder: fc.constantFrom("auto", "kernel", "ZLIB"),
  ingestTimeout: number(1, 3_600_000),
  ingestBufferSize: fc.constantFrom("64 KiB", "10 MiB", "1000000", "2MB"),
  flushDuration: number(1, 3_600_000),
  maxInFlight: number(1, 64),
  retryDiskLimit: fc.constantFrom("0", "10 MB", "1125899906842624"),
  hostname: text,
  ip: fc.constantFrom("192.0.2.7", "::1"),
  mac: fc.constantFrom("00:00:5e:00:53:0a", "11:22:33:44:55:59"),
  tags: text,
  logDirs: fc.constantFrom("/a", "/b/*.txt", "/c d", "/no", "/d(e)"),
  includeGlobs: globs,
  includeRegexes: regex,
  excludeGlobs: globs,
  excludeRegexes: regex,
  containerDirs: fc.constantFrom("/c", "/d/containers", "/no"),
  containerLines: fc.constantFrom("raw", "parsed"),
  lookback: fc.constantFrom("none", "start", "tail", "resume", "smallfiles"),
  maxOpenFiles: number(16, 1_000_000),
  dbPath: fc.constantFrom("/s/db/", "/~"),
  lineMaxPart: number(256, 8192),
  lineMax: number(8192, 1 << 30),
  metaApp: template,
  metaHost: template,
  metaEnv: template,
  metaFile: template,
  metaJson: fc.constantFrom("", '{"a": "no"}', '{"a":\n "\u0024{line.file}", "b": "$\u0024{A}"}'),
  metaLabels: fc.constantFrom("", '{"a": "no"}', '{"a": "\u0024{label.app}"}'),
  metaAnnotations: fc.constantFrom("", '{"a": ""}'),
  useK8sEnrichment: fc.constantFrom("always", "NEVER"),
  metadataRetryDelay: fc.constantFrom("0", "2.5", "600"),
  k8sMetadataInclude: fc.constantFrom("namespace:a", "label.app.kubernetes.io/name: b:c"),
  k8sMetadataExclude: fc.constantFrom("name:a", "annotation.x:#"),
  logK8sEvents: fc.constantFrom("always", "never"),
  logMetricServerStats: fc.constantFrom("always", "never"),
  k8sStartupLease: fc.constantFrom("never", "off", "attempt", "limited", "always"),
  nodeName: text,
  podName: text,
  namespace: text,
  serviceAccountDirectory: fc.constantFrom("/account", "/~"),
  lineInclusion: regex,
  lineExclusion: regex,
  lineRedact: regex,
  redact: fc.constantFrom(...REDACTION_PRESETS),
  redactAs: fc.constantFrom("mask", "HASH", "partial"),
  multiline: fc.constantFrom("java", "node"),
  multilineStart: regex,
  multilineContinuation: regex,
  multilineTimeout: number(1, 3_600_000),
  multilineMaxLines: number(2, 1_000_000),
  multilineMaxBytes: fc.constantFrom("256"),
  lineRateLimit: number(1, 1_000_000_000),
  lineSample: fc.oneof(
    fc.constantFrom("1", "0.1", "0.000001", "1e-7", "100%", ".5", "33.3 %"),
    fc.integer({ min: 1, max: 9999 }).map((share) => `${share / 100}%`),
  ),
  redactSalt: fc.constant("01234567"),
  redactSaltFile: fc.constant("/salt"),
  confinement: fc.constantFrom("off", "best-effort", "required"),
  noCap: fc.constantFrom("true", "no"),
  logLevel: fc.constantFrom("trace", "warn"),
  metricsPort: number(1, 65_535),
  metricsHost: fc.constantFrom("0.0.0.0", "::"),
  shutdownTimeout: number(0, 3_600_000),
};

/** Options that only another can be given with, or that exclude one. */
const ALONE: readonly OptionName[] = ["key", "keyFile", "redactSalt", "redactSaltFile"];

interface Value {
  readonly option: OptionName;
  readonly place: "yaml" | "conf" | "env" | "argv";
  readonly texts: readonly string[];
}

const NAMES = Object.keys(VALUES) as OptionName[];
const value: fc.Arbitrary<Value> = fc.constantFrom(...NAMES).chain((option) => {
  const row: AnyOption = OPTIONS[option];
  const one = VALUES[option] ?? fc.constant("");
  return fc.record({
    option: fc.constant(option),
    // What is secret is in the environment, since the list cannot give it.
    place: fc.constantFrom(
      ...(["headers", "redactSalt", "proxy"].includes(option) ? [] : [...(row.yaml ? ["yaml" as const] : [])]),
      ...(row.env && !["headers", "redactSalt", "proxy"].includes(option) ? ["conf" as const] : []),
      ...(row.flags && option !== "proxy" ? ["argv" as const] : []),
      "env" as const,
    ),
    texts: row.many ? fc.array(one, { minLength: 1, maxLength: 3 }) : fc.array(one, { minLength: 1, maxLength: 1 }),
  });
});

const rules = fc.array(
  fc.record(
    {
      path: fc.array(globs, { minLength: 1, maxLength: 2 }),
      app: text,
      env: text,
      tags: fc.array(text, { maxLength: 2 }),
      line_exclusion_regex: fc.array(regex, { maxLength: 2 }),
      multiline: fc.subarray(["java", "go"]),
      line_sample: fc.constantFrom("33.3%", 0.25),
    },
    { requiredKeys: ["path"] },
  ),
  { maxLength: 2 },
);

/** The places of a configuration that holds values; each option is in one. */
function placesOf(values: readonly Value[], entries: readonly unknown[]): Required<Given> {
  const root: Record<string, unknown> = entries.length === 0 ? {} : { log: { rules: entries } };
  const env: Record<string, string> = { MZ_INGESTION_KEY: KEY };
  const argv: string[] = [];
  let conf = "";
  for (const { option, place, texts } of values) {
    const row: AnyOption = OPTIONS[option];
    const joined = texts.map((item) => (row.many ? item.replaceAll(",", "\\u002C") : item)).join();
    if (place === "env") env[environmentNames(row)[0] ?? ""] = joined;
    else if (place === "argv") argv.push(`${longFlag(row)}=${joined}`);
    else if (place === "conf") {
      const escaped = (row.many ? texts.map((item) => item.replaceAll(",", "\\,")) : texts).map((item) =>
        item
          .replaceAll(/\\(?!,)/g, "\\\\")
          .replaceAll("\n", "\\n")
          .replaceAll("\t", "\\t"),
      );
      conf += `${row.env?.toLowerCase()} = ${escaped.join()}\n`;
    } else {
      const keys = row.yaml?.split(".") ?? [];
      const last = keys.pop() ?? "";
      const section = keys.reduce<Record<string, unknown>>((outer, key) => {
        const inner = outer[key] ?? {};
        outer[key] = inner;
        return inner as Record<string, unknown>;
      }, root);
      section[last] = row.many ? texts : texts[0];
    }
  }
  // The library's own texts, in which every variable is written as the reader wants it.
  const yaml = stringify(root).replace(/\$\{(?=[A-Za-z_]\w*\})/g, (dollar) => `$${dollar}`);
  return { argv, env, yaml, conf };
}

test("what --list prints of any configuration gives the same values again, with the secrets from where they were", () => {
  const met = new Set<OptionName>();
  fc.assert(
    fc.property(
      fc.uniqueArray(value, { selector: ({ option }) => option, maxLength: 25 }),
      rules,
      (values, entries) => {
        const given = values.filter(({ option }) => !ALONE.includes(option) || option === "redactSalt");
        const isOtlp = given.some(({ option, texts }) => option === "output" && texts[0] === "OTLP");
        const host = given.some(({ option }) => option === "host") ? [] : [HOST];
        const places = placesOf([...given, ...(isOtlp ? host : [])], entries);
        const first = load(places);
        // What fields come to may be too large, or nothing that a server takes; that is not what this is about.
        fc.pre(first.kind === "run");
        for (const { option } of given) met.add(option);
        const text = listed(places);
        for (const secret of [KEY, "01234567", "hunter2"]) assert.ok(!text.includes(secret), text);
        const { env } = places;
        const secrets = Object.entries(env).filter(([name]) => /INGESTION_KEY|HEADERS|SALT|proxy|PROXY/.test(name));
        assert.deepEqual(configOf({ yaml: text, env: Object.fromEntries(secrets) }), plain(first.config), text);
        // Every reader gets texts for texts.
        for (const version of ["1.1", "1.2"] as const) {
          const { tags } = (parse(text, { version }) as { http: { params: { tags: unknown[] } } }).http.params;
          assert.deepEqual(tags, first.config.tags.map(doubled), text);
        }
        assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\ufeff]/);
      },
    ),
    { numRuns: RUNS },
  );
  if (RUNS < 150) return;
  const missing = NAMES.filter((name) => !met.has(name) && !ALONE.includes(name));
  assert.deepEqual(missing, [], "options that were in no configuration");
});

const HOST: Value = { option: "host", place: "env", texts: ["a.example"] };

function doubled(tag: string): string {
  return tag.replace(/\$\{(?=[A-Za-z_]\w*\})/g, (dollar) => `$${dollar}`);
}

test("every option that the agent acts upon can be among those configurations, but for those that only mean something with another", () => {
  const others: readonly OptionName[] = ["configFile", "key", "clientKeyFile", "retryDir", "pathRules"];
  for (const [name, { support }] of OPTION_LIST)
    assert.ok(support !== "now" || name in VALUES || others.includes(name), name);
});

test("a secret is a comment with the place that it comes from, and a file that holds it is a value", () => {
  const line = (given: Given, key: string): string =>
    listed(given)
      .split("\n")
      .find((found) => found.includes(key))
      ?.trim() ?? "";
  const hidden = (place: string): string => `# ingestion_key: *** (from ${place}; not printed)`;
  assert.equal(line({ env: { LOGDNA_INGESTION_KEY: KEY } }, "ingestion_key"), hidden("LOGDNA_INGESTION_KEY"));
  assert.equal(line({ argv: ["-k", KEY] }, "ingestion_key"), hidden("--key"));
  assert.equal(line({ conf: `\nkey = ${KEY}\n` }, "ingestion_key"), hidden("/etc/logdna.conf:2:1"));
  const yaml = `http:\n  ingestion_key: ${KEY}\n`;
  assert.equal(line({ yaml }, "ingestion_key"), hidden("/etc/logdna/config.yaml:2:18"));
  assert.equal(line({ env: { MZ_INGESTION_KEY_FILE: "/key" } }, "ingestion_key"), "ingestion_key_file: /key");
  const headers = { env: { MZ_INGESTION_KEY: KEY, MZ_HEADERS: "b: 2" }, yaml: "http:\n  headers: ['a: 1']\n" };
  assert.equal(
    line(headers, "headers"),
    "# headers: *** (from /etc/logdna/config.yaml:2:13 and MZ_HEADERS; not printed)",
  );
  const proxy = { MZ_INGESTION_KEY: KEY, ALL_PROXY: "http://u:p@proxy.example" };
  assert.equal(
    line({ env: proxy }, " proxy:"),
    "# proxy: http://***@proxy.example:80 (from ALL_PROXY; user and password not printed)",
  );
  const salt = { MZ_INGESTION_KEY: KEY, MZ_REDACT_SALT: "01234567" };
  assert.equal(line({ env: salt }, "redact_salt"), "# redact_salt: *** (from MZ_REDACT_SALT; not printed)");
  const saltFile = { MZ_INGESTION_KEY: KEY, MZ_REDACT_SALT_FILE: "/salt" };
  assert.equal(line({ env: saltFile }, "redact_salt"), "redact_salt_file: /salt");
});
