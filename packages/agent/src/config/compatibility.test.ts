/**
 * Every option of the existing agents under every name that it has there: variables with either prefix and their old
 * names, keys of the YAML file, flags, and names in the v1 file; and its default.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "yaml";
import { type Config, type LoadResult, loadConfig, Secret } from "./mod.ts";

interface Row {
  readonly env: string;
  readonly old?: readonly string[];
  readonly yaml?: string;
  readonly flags?: readonly string[];
  /** Further names in the v1 file. */
  readonly v1?: readonly string[];
  /** A text that it takes, and what that is in the configuration. */
  readonly text: string;
  readonly field?: keyof Config;
  readonly value?: unknown;
  /** What it is when nothing is said. */
  readonly fallback?: unknown;
  /** Several values, which add to the default except in the YAML file. */
  readonly many?: boolean;
}

const EXCLUDED = [
  ...["wtmp", "btmp", "utmp", "wtmpx", "btmpx", "utmpx"].map((name) => `/var/log/${name}`),
  ...["asl/**", "sa/**", "sar*", "tallylog", "fluentd-buffers/**/*", "pods/**/*"].map((name) => `/var/log/${name}`),
];

/** Options that the agent acts upon, and those that it accepts. A row without a field is one that it accepts. */
const ROWS: readonly Row[] = [
  {
    env: "INGESTION_KEY",
    old: ["LOGDNA_AGENT_KEY"],
    yaml: "http.ingestion_key",
    flags: ["-k", "--key"],
    v1: ["key"],
    text: "abc123",
    field: "key",
    value: "abc123",
  },
  {
    env: "HOST",
    old: ["LDLOGHOST", "LOGDNA_LOGHOST"],
    yaml: "http.host",
    flags: ["--host"],
    text: "h.example",
    field: "host",
    value: "h.example",
    fallback: "logs.logdna.com",
  },
  {
    env: "ENDPOINT",
    old: ["LDLOGPATH"],
    yaml: "http.endpoint",
    flags: ["--endpoint-path"],
    text: "/x",
    field: "endpoint",
    value: "/x",
    fallback: "/logs/agent",
  },
  {
    env: "USE_SSL",
    old: ["LDLOGSSL"],
    yaml: "http.use_ssl",
    flags: ["--use-ssl"],
    text: "true",
    field: "useSsl",
    value: true,
    fallback: true,
  },
  {
    env: "USE_COMPRESSION",
    old: ["COMPRESS"],
    yaml: "http.use_compression",
    flags: ["--use-compression"],
    text: "false",
    field: "useCompression",
    value: false,
    fallback: true,
  },
  {
    env: "GZIP_LEVEL",
    old: ["GZIP_COMPRESS_LEVEL"],
    yaml: "http.gzip_level",
    flags: ["--gzip-level"],
    text: "7",
    field: "gzipLevel",
    value: 7,
    fallback: 2,
  },
  {
    env: "HOSTNAME",
    yaml: "http.params.hostname",
    flags: ["--os-hostname"],
    v1: ["hostname"],
    text: "web-1",
    field: "hostname",
    value: "web-1",
    fallback: "os-name",
  },
  { env: "IP", yaml: "http.params.ip", flags: ["--ip"], text: "192.0.2.7", field: "ip", value: "192.0.2.7" },
  {
    env: "MAC",
    yaml: "http.params.mac",
    flags: ["--mac-address"],
    text: "00:00:5e:00:53:0a",
    field: "mac",
    value: "00:00:5e:00:53:0a",
  },
  {
    env: "TAGS",
    yaml: "http.params.tags",
    flags: ["-t", "--tags"],
    v1: ["tags"],
    text: "a,b",
    field: "tags",
    value: ["a", "b"],
    fallback: [],
    many: true,
  },
  {
    env: "INGEST_TIMEOUT",
    yaml: "http.timeout",
    flags: ["--ingest-timeout"],
    text: "123",
    field: "ingestTimeout",
    value: 123,
    fallback: 10_000,
  },
  {
    env: "INGEST_BUFFER_SIZE",
    yaml: "http.body_size",
    flags: ["--ingest-buffer-size"],
    text: "1000000",
    field: "ingestBufferSize",
    value: 1_000_000,
    fallback: 2_097_152,
  },
  {
    env: "FLUSH_DURATION",
    yaml: "http.flush_duration",
    flags: ["--flush-duration"],
    text: "77",
    field: "flushDuration",
    value: 77,
    fallback: 5000,
  },
  { env: "RETRY_DIR", yaml: "http.retry_dir", flags: ["--retry-dir"], text: "/var/lib/logdna" },
  {
    env: "RETRY_DISK_LIMIT",
    yaml: "http.retry_disk_limit",
    flags: ["--retry-disk-limit"],
    text: "10 MB",
    field: "retryDiskLimit",
    value: 10_000_000,
  },
  {
    env: "LOG_DIRS",
    old: ["LOG_DIRS"],
    yaml: "log.dirs",
    flags: ["-d", "--logdir"],
    v1: ["logdir"],
    text: "/a,/b/*.txt",
    field: "logDirs",
    value: ["/a", "/b/*.txt"],
    fallback: ["/var/log"],
    many: true,
  },
  {
    env: "EXCLUSION_RULES",
    old: ["LOGDNA_EXCLUDE"],
    yaml: "log.exclude.glob",
    flags: ["--exclude"],
    v1: ["exclude"],
    text: "/x/*,/y/**",
    field: "excludeGlobs",
    value: ["/x/*", "/y/**"],
    fallback: EXCLUDED,
    many: true,
  },
  {
    env: "EXCLUSION_REGEX_RULES",
    old: ["LOGDNA_EXCLUDE_REGEX"],
    yaml: "log.exclude.regex",
    flags: ["--exclude-regex"],
    v1: ["exclude_regex"],
    text: "x.*,y+",
    field: "excludeRegexes",
    value: ["x.*", "y+"],
    fallback: [],
    many: true,
  },
  {
    env: "INCLUSION_RULES",
    old: ["LOGDNA_INCLUDE"],
    yaml: "log.include.glob",
    flags: ["--include"],
    text: "*.txt,!(*.*)",
    field: "includeGlobs",
    value: ["*.txt", "!(*.*)"],
    fallback: ["*.log"],
    many: true,
  },
  {
    env: "INCLUSION_REGEX_RULES",
    old: ["LOGDNA_INCLUDE_REGEX"],
    yaml: "log.include.regex",
    flags: ["--include-regex"],
    text: "(?i:x)",
    field: "includeRegexes",
    value: ["(?i:x)"],
    fallback: [],
    many: true,
  },
  {
    env: "LINE_EXCLUSION_REGEX",
    yaml: "log.line_exclusion_regex",
    flags: ["--line-exclusion"],
    text: "a,b",
    field: "lineExclusion",
    value: ["a", "b"],
    fallback: [],
    many: true,
  },
  {
    env: "LINE_INCLUSION_REGEX",
    yaml: "log.line_inclusion_regex",
    flags: ["--line-inclusion"],
    text: "a,b",
    field: "lineInclusion",
    value: ["a", "b"],
    fallback: [],
    many: true,
  },
  {
    env: "REDACT_REGEX",
    yaml: "log.line_redact_regex",
    flags: ["--line-redact"],
    text: "\\d{3}",
    field: "lineRedact",
    value: ["\\d{3}"],
    fallback: [],
    many: true,
  },
  { env: "JOURNALD_PATHS", yaml: "journald.paths", flags: ["--journald-paths"], text: "/var/log/journal", many: true },
  {
    env: "SYSTEMD_JOURNAL_TAILER",
    yaml: "journald.systemd_journal_tailer",
    flags: ["--systemd-journal-tailer"],
    text: "true",
  },
  ...(["none", "smallfiles", "start", "tail"] as const).map((text) => ({
    env: "LOOKBACK",
    yaml: "log.lookback",
    flags: ["--lookback"],
    text,
    field: "lookback" as const,
    value: text,
    fallback: "resume",
  })),
  {
    env: "DB_PATH",
    yaml: "log.db_path",
    flags: ["--db-path"],
    text: "/s/db/",
    field: "dbPath",
    value: "/s/db",
    fallback: "/var/lib/logdna",
  },
  {
    env: "METRICS_PORT",
    yaml: "log.metrics_port",
    flags: ["--metrics-port"],
    text: "9898",
    field: "metricsPort",
    value: 9898,
  },
  {
    env: "USE_K8S_LOG_ENRICHMENT",
    yaml: "log.use_k8s_enrichment",
    flags: ["--use-k8s-enrichment"],
    text: "always",
  },
  { env: "LOG_K8S_EVENTS", yaml: "log.log_k8s_events", flags: ["--log-k8s-events"], text: "always" },
  {
    env: "LOG_METRIC_SERVER_STATS",
    yaml: "log.log_metric_server_stats",
    flags: ["--log-metric-server-stats"],
    text: "always",
  },
  { env: "K8S_STARTUP_LEASE", yaml: "startup.option", flags: ["--startup-lease"], text: "attempt" },
  {
    env: "K8S_METADATA_LINE_INCLUSION",
    yaml: "log.k8s_metadata_include",
    flags: ["--k8s-metadata-line-inclusion"],
    text: "namespace:x",
    many: true,
  },
  {
    env: "K8S_METADATA_LINE_EXCLUSION",
    yaml: "log.k8s_metadata_exclude",
    flags: ["--k8s-metadata-line-exclusion"],
    text: "label.a:b",
    many: true,
  },
  ...["META_APP", "META_HOST", "META_ENV", "META_FILE", "META_K8S_FILE"].map((env) => ({ env, text: "x" })),
  ...["META_JSON", "META_ANNOTATIONS", "META_LABELS"].map((env) => ({ env, text: '{"a":"b"}' })),
  {
    env: "METADATA_RETRY_DELAY",
    yaml: "log.metadata_retry_delay",
    flags: ["--metadata-retry-delay"],
    text: "5",
  },
  { env: "CLEAR_CACHE_INTERVAL", yaml: "log.clear_cache_interval", flags: ["--clear-cache-interval"], text: "5" },
  { env: "NO_CAP", text: "1", field: "noCap", value: true, fallback: false },
];

interface Files {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly yaml?: string;
  readonly conf?: string;
}

function load({ argv = [], env = {}, yaml, conf }: Files): LoadResult {
  return loadConfig({
    argv,
    env,
    version: "1.2.3",
    keyIsOptional: true,
    osHostname: () => "os-name",
    readFile: (path) => {
      const content = { "/etc/logdna/config.yaml": yaml, "/etc/logdna.conf": conf }[path];
      if (content === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
      return content;
    },
  });
}

function valueIn(result: LoadResult, row: Row): unknown {
  assert.ok(result.kind === "run", `${row.env}: ${JSON.stringify(result)}`);
  const value = row.field === undefined ? undefined : result.config[row.field];
  return value instanceof Secret ? value.reveal() : value;
}

function yamlOf({ yaml = "", text, many }: Row): string {
  const value = many ? text.split(",") : text;
  return stringify(yaml.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value));
}

for (const row of ROWS) {
  const { env, old = [], yaml, flags = [], v1 = [], text, many, value } = row;
  const added = many && row.field !== undefined ? [...(row.fallback as unknown[]), ...(value as unknown[])] : value;
  const current = [`MZ_${env}`, `LOGDNA_${env}`];

  test(`${env}=${text} has its meaning under each of its names`, () => {
    if (row.field !== undefined && row.field !== "key") assert.deepEqual(valueIn(load({}), row), row.fallback);
    for (const name of [...current, ...old]) {
      const result = load({ env: { [name]: text } });
      assert.deepEqual(valueIn(result, row), added, name);
      const tells = result.warnings.filter((warning) => /an old name/.test(warning));
      assert.equal(tells.length, current.includes(name) ? 0 : 1, `${name}: ${result.warnings.join("\n")}`);
    }
    for (const flag of flags) assert.deepEqual(valueIn(load({ argv: [flag, text] }), row), added, flag);
    for (const flag of flags.filter((name) => name.startsWith("--")))
      assert.deepEqual(valueIn(load({ argv: [`${flag}=${text}`] }), row), added, flag);
    if (yaml !== undefined) {
      assert.deepEqual(valueIn(load({ yaml: yamlOf(row) }), row), value, yaml);
      // What --list prints and a person writes may lie in a file of any name.
      assert.deepEqual(valueIn(load({ conf: yamlOf(row) }), row), value, yaml);
    }
    // The v1 file has backslashes of its own.
    const escaped = text.replaceAll("\\", "\\\\");
    for (const name of [env.toLowerCase(), ...v1]) {
      const replaces = name !== "exclude" && name !== "exclude_regex" && !env.startsWith("EXCLUSION");
      for (const conf of [`${name} = ${escaped}\n`, `\ufeff${name}=${escaped}\r\n`, `# x\n  ${name}\t:${escaped}`])
        assert.deepEqual(valueIn(load({ conf }), row), replaces ? value : added, JSON.stringify(conf));
    }
  });

  test(`${env}: a flag counts before MZ_, that before LOGDNA_, old names, YAML and the v1 file`, () => {
    if (row.field === undefined || value === row.fallback || env === "NO_CAP") return;
    const texts: Record<string, string> = { lookback: "resume", ip: "192.0.2.8", mac: "00:00:5e:00:53:0b" };
    const other = { boolean: "true", number: "4", string: texts[row.field] ?? "/other" };
    const weak = many ? "/weak" : (other[typeof value as keyof typeof other] ?? "/other");
    const weaker = row.field === "host" || row.field === "key" ? "other" : weak;
    const weakest = { ...row, text: row.field === "ingestBufferSize" ? "9999" : weaker };
    const conf = `${env.toLowerCase()}=${weakest.text}`;
    const file = yaml === undefined ? {} : { yaml: yamlOf(weakest) };
    const under = many ? (env.startsWith("EXCLUSION") ? [...(row.fallback as unknown[]), "/weak"] : ["/weak"]) : [];
    const combined = (base: readonly unknown[]): unknown => (many ? [...base, ...(value as unknown[])] : value);
    for (const name of [...current, ...old])
      assert.deepEqual(valueIn(load({ env: { [name]: text }, conf }), row), combined(under), name);
    for (const name of [...current, ...old])
      assert.deepEqual(valueIn(load({ env: { [name]: text }, conf, ...file }), row), combined(many ? ["/weak"] : []));
    const all = Object.fromEntries([...current, ...old].map((name, at) => [name, at === 0 ? text : weakest.text]));
    assert.deepEqual(valueIn(load({ env: all, conf, ...file }), row), combined(many ? ["/weak"] : []));
    const [flag] = flags;
    if (flag === undefined) return;
    const weakAll = Object.fromEntries(Object.keys(all).map((name) => [name, weakest.text]));
    // Flags take the place of the environment, and add to the file.
    assert.deepEqual(
      valueIn(load({ argv: [flag, text], env: weakAll, conf, ...file }), row),
      combined(many ? ["/weak"] : []),
    );
  });
}

test("options that are accepted and not acted upon are answered with a warning that names them", () => {
  const silent = new Set(["RETRY_DIR", "CLEAR_CACHE_INTERVAL"]);
  // Those are acted upon, in a cluster.
  const maybe =
    /^META_(?:APP|HOST|ENV|FILE|JSON|LABELS|ANNOTATIONS)$|^(?:USE_|LOG_)?K8S_|^LOG_METRIC_SERVER_STATS$|^METADATA_RETRY_DELAY$/;
  for (const { env, field, text } of ROWS) {
    if (field !== undefined || silent.has(env) || maybe.test(env)) continue;
    const { warnings } = load({ env: { [`MZ_${env}`]: text } });
    assert.ok(
      warnings.some((warning) => warning.includes(`not supported yet by this version: ${env}`)),
      env,
    );
  }
});

test("each flag that takes a value says which, where there is none", () => {
  for (const { flags = [], text } of ROWS) {
    for (const flag of flags) {
      if (text === "true" || text === "false") continue;
      const result = load({ argv: [flag] });
      assert.ok(result.kind === "error" && /needs a value: /.test(result.errors.join()), flag);
    }
  }
});

test("CONFIG_FILE and its old name, -c and --config name the one file that is read", () => {
  const read = (given: Pick<Files, "argv" | "env">): LoadResult =>
    loadConfig({
      argv: given.argv ?? [],
      env: given.env ?? {},
      version: "1.2.3",
      keyIsOptional: true,
      readFile: (path) => {
        if (path === "/my/config") return "http: {host: mine}\n";
        throw Object.assign(new Error(path), { code: path.startsWith("/etc/logdna") ? "EIO" : "ENOENT" });
      },
    });
  for (const name of ["MZ_CONFIG_FILE", "LOGDNA_CONFIG_FILE", "DEFAULT_CONF_FILE"]) {
    const result = read({ env: { [name]: "/my/config" } });
    assert.ok(result.kind === "run" && result.config.host === "mine", name);
  }
  for (const argv of [["-c", "/my/config"], ["--config", "/my/config"], ["--config=/my/config"]]) {
    const result = read({ argv });
    assert.ok(result.kind === "run" && result.config.host === "mine", argv.join());
  }
});
