import { LOG_LEVELS } from "../telemetry/mod.ts";
import {
  boolean,
  bytes,
  choice,
  glob,
  header,
  integer,
  ipAddress,
  type Kind,
  keyHeader,
  logDirectory,
  macAddress,
  milliseconds,
  path,
  proxyUrl,
  regex,
  secret,
  sentAddress,
  template,
  text,
  textLike,
} from "./kinds.ts";
import { KUBERNETES_OPTIONS } from "./kubernetes_rows.ts";
import { LINE_OPTIONS } from "./line_rows.ts";
import { type AnyOption, later, laterList, list, scalar } from "./option.ts";

export { type AnyOption, GROUPS } from "./option.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** How much of the confinement must be there; see `Policy`. */
const CONFINEMENTS = ["off", "best-effort", "required"] as const;

/** Protocols that lines can be sent with. */
export const OUTPUTS = ["logdna", "otlp"] as const;

/** What bodies are compressed to. */
const COMPRESSIONS = ["auto", "gzip", "zstd"] as const;

/** What bodies are made by. */
const ENCODERS = ["auto", "kernel", "zlib"] as const;

/** How lines of containers are shipped. */
export const CONTAINER_LINES = ["raw", "parsed"] as const;

/** Values of `lookback`; `resume` is what holds when nothing is set. */
export const LOOKBACKS = ["resume", "none", "smallfiles", "start", "tail"] as const;

/**
 * Every option: the parsers of flags, environment and files, `--help`, `--list`, the JSON schema and
 * `docs/configuration.md` derive from this table, so an option is added here and nowhere else.
 */
export const OPTIONS = {
  configFile: scalar({
    group: "Agent",
    env: "CONFIG_FILE",
    oldEnv: ["DEFAULT_CONF_FILE"],
    flags: "-c, --config",
    kind: path("FILE"),
    default: undefined,
    defaultText: "/etc/logdna/config.yaml, and /etc/logdna.conf under it",
    description: "The configuration file: YAML, or properties as the first agent (v1) had them.",
  }),
  key: scalar({
    group: "Server",
    env: "INGESTION_KEY",
    oldEnv: ["LOGDNA_AGENT_KEY"],
    properties: ["key"],
    yaml: "http.ingestion_key",
    flags: "-k, --key",
    kind: secret(),
    default: undefined,
    defaultText: "required",
    description:
      "The ingestion key of the account. On the command line every user of the host can see it: prefer a file or the environment.",
  }),
  keyFile: scalar({
    group: "Server",
    env: "INGESTION_KEY_FILE",
    yaml: "http.ingestion_key_file",
    flags: "--key-file",
    kind: path("FILE"),
    default: undefined,
    description:
      "A file that holds the ingestion key and nothing else, such as a mounted secret. It is read again when the server rejects the key.",
  }),
  output: scalar({
    group: "Server",
    env: "OUTPUT",
    yaml: "http.output",
    flags: "--output",
    kind: choice(OUTPUTS),
    default: "logdna",
    description:
      "The protocol that the server speaks. logdna: that of LogDNA and of this project's server. otlp: OpenTelemetry's OTLP/HTTP with JSON, as the OpenTelemetry Collector takes it. There is one server at a time.",
  }),
  host: scalar({
    group: "Server",
    env: "HOST",
    oldEnv: ["LDLOGHOST", "LOGDNA_LOGHOST"],
    yaml: "http.host",
    flags: "--host",
    kind: textLike(
      "a host, host:port or [IPv6]:port, without http:// and path",
      "HOST[:PORT]",
      /^(\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*|[0-9A-Za-z_.-]+(:[0-9]{1,5})?)$/,
    ),
    default: "logs.logdna.com",
    description:
      "The ingestion server. Without a port it is 443, or where use_ssl is false 80, with OTLP 4318. With OTLP there is no default.",
  }),
  endpoint: scalar({
    group: "Server",
    env: "ENDPOINT",
    oldEnv: ["LDLOGPATH"],
    yaml: "http.endpoint",
    flags: "--endpoint-path",
    kind: textLike("a path that begins with /, such as /logs/agent", "PATH", /^\/[!-~]*$/),
    default: "/logs/agent",
    description: "Path of the server's ingestion endpoint. With OTLP it is /v1/logs by default.",
  }),
  keyHeader: scalar({
    group: "Server",
    env: "KEY_HEADER",
    yaml: "http.key_header",
    flags: "--key-header",
    kind: keyHeader(),
    default: undefined,
    defaultText: "the key is not sent",
    description:
      "With OTLP, the header that the ingestion key goes in, such as api-key, or authorization: Bearer to have a scheme before it.",
  }),
  headers: list({
    group: "Server",
    env: "HEADERS",
    yaml: "http.headers",
    kind: header(),
    default: [],
    description:
      "With OTLP, further headers of each request, each as name: value. They may be secrets: they show in no output, and there is no flag for them.",
  }),
  useSsl: scalar({
    group: "Server",
    env: "USE_SSL",
    oldEnv: ["LDLOGSSL"],
    yaml: "http.use_ssl",
    flags: "--use-ssl",
    kind: boolean(),
    default: true,
    description:
      "Speak HTTPS, with TLS 1.2 or later and a verified certificate. Without it lines and key can be read on the way.",
  }),
  caFile: scalar({
    group: "Server",
    plainEnv: ["SSL_CERT_FILE"],
    yaml: "http.ca_file",
    kind: path("FILE"),
    default: undefined,
    description: "A PEM file of certificate authorities that are trusted besides the system's.",
  }),
  caDir: scalar({
    group: "Server",
    plainEnv: ["SSL_CERT_DIR"],
    yaml: "http.ca_dir",
    kind: path("DIR"),
    default: undefined,
    description:
      "A directory of such files (.pem, .crt, .cer, or OpenSSL's hashed names), trusted besides the system's.",
  }),
  clientCertFile: scalar({
    group: "Server",
    env: "CLIENT_CERT_FILE",
    yaml: "http.client_cert_file",
    flags: "--client-cert",
    kind: path("FILE"),
    default: undefined,
    description:
      "A PEM file with the certificate, and those of the authorities between it and the root, that the agent shows to a server which asks for one.",
  }),
  clientKeyFile: scalar({
    group: "Server",
    env: "CLIENT_KEY_FILE",
    yaml: "http.client_key_file",
    flags: "--client-key",
    kind: path("FILE"),
    default: undefined,
    defaultText: "the file of the certificate",
    description: "A PEM file with the private key of that certificate, without a passphrase.",
  }),
  proxy: scalar({
    group: "Server",
    env: "PROXY",
    yaml: "http.proxy",
    flags: "--proxy",
    kind: proxyUrl(),
    default: undefined,
    description:
      "An HTTP proxy on the way to the server, with a user and password where it wants them. Its port is 80 by default, that of an https:// proxy 443. The agent asks it for a connection to the server (CONNECT), also for plain HTTP, and verifies the server's certificate through it. It looks the server's name up.",
  }),
  httpsProxy: scalar({
    group: "Server",
    plainEnv: ["https_proxy", "HTTPS_PROXY"],
    kind: proxyUrl(),
    default: undefined,
    description: "The same, where PROXY is not set and use_ssl is true.",
  }),
  httpProxy: scalar({
    group: "Server",
    plainEnv: ["http_proxy"],
    kind: proxyUrl(),
    default: undefined,
    description: "The same, where PROXY is not set and use_ssl is false. HTTP_PROXY is not read.",
  }),
  allProxy: scalar({
    group: "Server",
    plainEnv: ["all_proxy", "ALL_PROXY"],
    kind: proxyUrl(),
    default: undefined,
    description: "The same, where no other names one.",
  }),
  noProxy: list({
    group: "Server",
    env: "NO_PROXY",
    plainEnv: ["no_proxy", "NO_PROXY"],
    yaml: "http.no_proxy",
    kind: text("HOST", ".example.com"),
    default: [],
    commasInYaml: true,
    description:
      "Servers that are reached without a proxy: a name with all names beneath it, an address, a network such as 10.0.0.0/8, each with or without a port, or * for all; separated by commas or blanks. A server on this host is never reached through one.",
  }),

  useCompression: scalar({
    group: "Delivery",
    env: "USE_COMPRESSION",
    oldEnv: ["COMPRESS"],
    yaml: "http.use_compression",
    flags: "--use-compression",
    kind: boolean(),
    default: true,
    description: "Compress what is sent.",
  }),
  compression: scalar({
    group: "Delivery",
    env: "COMPRESSION",
    yaml: "http.compression",
    flags: "--compression",
    kind: choice(COMPRESSIONS),
    default: "auto",
    description:
      "How to compress it. gzip: as every server takes it. auto: zstd from the first answer on in which the server says that it takes that (Accept-Encoding, RFC 7694), as this project's does, where GZIP_LEVEL is 3 or less, and gzip until then. zstd: also where it does not say so, for an OpenTelemetry Collector. A server that does not take zstd after all gets the same lines in gzip.",
  }),
  gzipLevel: scalar({
    group: "Delivery",
    env: "GZIP_LEVEL",
    oldEnv: ["GZIP_COMPRESS_LEVEL"],
    yaml: "http.gzip_level",
    flags: "--gzip-level",
    kind: integer(0, 9, "LEVEL"),
    default: 2,
    description: "How hard to compress with gzip: 1 is fastest, 9 smallest, 0 not at all.",
  }),
  encoder: scalar({
    group: "Delivery",
    env: "ENCODER",
    yaml: "http.encoder",
    flags: "--encoder",
    kind: choice(ENCODERS),
    default: "auto",
    description:
      "What makes bodies. kernel: WebAssembly of this project, which takes 40 % of the CPU and compresses between levels 2 and 3 (docs/kernel.md). zlib: Node's own, at the level that is given. auto: the kernel, and zlib for levels above 2. What is sent is the same, but for the compression.",
  }),
  ingestTimeout: scalar({
    group: "Delivery",
    env: "INGEST_TIMEOUT",
    yaml: "http.timeout",
    flags: "--ingest-timeout",
    kind: milliseconds(1, 3_600_000),
    default: 10_000,
    description:
      "Milliseconds after which a request is tried again when nothing of it could be sent, or no answer came to it. A slow link may take up to ten times that as a whole; for a body of more than 256 KiB the answer may take as many times longer.",
  }),
  ingestBufferSize: scalar({
    group: "Delivery",
    env: "INGEST_BUFFER_SIZE",
    yaml: "http.body_size",
    flags: "--ingest-buffer-size",
    kind: bytes(4 * KiB, 10 * MiB),
    default: 2 * MiB,
    description: "Bytes of a request body before compression, at most.",
  }),
  flushDuration: scalar({
    group: "Delivery",
    env: "FLUSH_DURATION",
    yaml: "http.flush_duration",
    flags: "--flush-duration",
    kind: milliseconds(1, 3_600_000),
    default: 5000,
    description: "Milliseconds that a line waits for others at most. An agent with little to do sends it much earlier.",
  }),
  maxInFlight: scalar({
    group: "Delivery",
    env: "MAX_IN_FLIGHT",
    yaml: "http.max_in_flight",
    flags: "--max-in-flight",
    kind: integer(1, 64),
    default: 4,
    description: "Requests under way at once, at most.",
  }),
  retryDiskLimit: scalar({
    group: "Delivery",
    env: "RETRY_DISK_LIMIT",
    yaml: "http.retry_disk_limit",
    flags: "--retry-disk-limit",
    kind: bytes(0, 1024 * 1024 * 1024 * MiB),
    default: undefined,
    defaultText: "no limit but the disk",
    description:
      "Bytes that files which are deleted before they are shipped may take in the directory of the state, compressed, until they are. Beyond it the oldest are dropped and counted. 0: nothing is copied to disk; such a file is held open, and lost if the agent ends; what was rotated and compressed before it was read is not unpacked. Other files wait where they are and take nothing.",
  }),
  retryDir: scalar({
    group: "Delivery",
    env: "RETRY_DIR",
    yaml: "http.retry_dir",
    flags: "--retry-dir",
    kind: path("DIR"),
    default: undefined,
    defaultText: "the directory of the state",
    description:
      "Accepted, and answered with a warning where it is not the directory of the state (DB_PATH): what waits on disk is there, since it is the only directory that the agent writes to.",
  }),

  hostname: scalar({
    group: "This host",
    env: "HOSTNAME",
    properties: ["hostname"],
    yaml: "http.params.hostname",
    flags: "--os-hostname",
    oldFlags: ["-n", "--hostname"],
    kind: text("NAME"),
    default: undefined,
    defaultText: "the content of /etc/logdna-hostname, else the system's host name",
    description: "The name that lines carry as their host.",
  }),
  ip: scalar({
    group: "This host",
    env: "IP",
    yaml: "http.params.ip",
    flags: "--ip",
    kind: sentAddress(),
    default: undefined,
    description: "IP address of this host to send along.",
  }),
  mac: scalar({
    group: "This host",
    env: "MAC",
    yaml: "http.params.mac",
    flags: "--mac-address",
    kind: macAddress(),
    default: undefined,
    description: "MAC address of this host to send along.",
  }),
  tags: list({
    group: "This host",
    env: "TAGS",
    properties: ["tags"],
    yaml: "http.params.tags",
    flags: "-t, --tags",
    kind: text("TAG", "production"),
    default: [],
    commasInYaml: true,
    description: "Tags that all lines of this host carry.",
  }),

  logDirs: list({
    group: "Files",
    env: "LOG_DIRS",
    oldEnv: ["LOG_DIRS"],
    properties: ["logdir"],
    yaml: "log.dirs",
    flags: "-d, --logdir",
    oldFlags: ["-f", "--logfile"],
    kind: logDirectory(),
    default: ["/var/log"],
    description:
      "Directories whose files are followed, at any depth. Single files and glob patterns of files or directories may stand here too: a file that is named here ships whatever the inclusion rules say.",
  }),
  includeGlobs: list({
    group: "Files",
    env: "INCLUSION_RULES",
    oldEnv: ["LOGDNA_INCLUDE"],
    yaml: "log.include.glob",
    flags: "--include",
    kind: glob(),
    default: ["*.log"],
    description: "Files that ship, as patterns of their whole path; * crosses /.",
  }),
  includeRegexes: list({
    group: "Files",
    env: "INCLUSION_REGEX_RULES",
    oldEnv: ["LOGDNA_INCLUDE_REGEX"],
    yaml: "log.include.regex",
    flags: "--include-regex",
    kind: regex(),
    default: [],
    description: "Files that ship, as regular expressions that are searched for in their path.",
  }),
  excludeGlobs: list({
    group: "Files",
    env: "EXCLUSION_RULES",
    oldEnv: ["LOGDNA_EXCLUDE"],
    properties: ["exclude"],
    yaml: "log.exclude.glob",
    flags: "--exclude",
    oldFlags: ["-e"],
    kind: glob(),
    default: [
      "/var/log/wtmp",
      "/var/log/btmp",
      "/var/log/utmp",
      "/var/log/wtmpx",
      "/var/log/btmpx",
      "/var/log/utmpx",
      "/var/log/asl/**",
      "/var/log/sa/**",
      "/var/log/sar*",
      "/var/log/tallylog",
      "/var/log/fluentd-buffers/**/*",
      "/var/log/pods/**/*",
    ],
    description: "Files that do not ship although they are included, as patterns of their whole path.",
  }),
  excludeRegexes: list({
    group: "Files",
    env: "EXCLUSION_REGEX_RULES",
    oldEnv: ["LOGDNA_EXCLUDE_REGEX"],
    properties: ["exclude_regex"],
    yaml: "log.exclude.regex",
    flags: "--exclude-regex",
    oldFlags: ["-r"],
    kind: regex(),
    default: [],
    description:
      "Files that do not ship although they are included, as regular expressions that are searched for in their path.",
  }),
  lookback: scalar({
    group: "Files",
    env: "LOOKBACK",
    yaml: "log.lookback",
    flags: "--lookback",
    kind: choice(LOOKBACKS),
    default: "resume",
    description:
      "Where reading begins in a file that exists when the agent starts. resume: where it left off, and at the end of an unknown file. none: at the end, known or not; lines written while the agent was down are skipped. smallfiles: where it left off; an unknown file under 8 KiB from its start, a larger one from its end. start: where it left off, and at the start of an unknown file. tail: where it left off; an unknown file from its start if it is newer than the agent's start. A file that is created while the agent runs is always read from its start; with resume and smallfiles also one that was created since it last ran.",
  }),
  containerDirs: list({
    group: "Files",
    env: "CONTAINER_DIRS",
    yaml: "log.container_dirs",
    flags: "--container-dirs",
    kind: path("DIR"),
    default: ["/var/log/containers", "/var/log/pods", "/var/lib/docker/containers"],
    description:
      "Directories of the logs of containers: those that are in a log directory, or that links in these lead to, are read in the format of container runtimes.",
  }),
  containerLines: scalar({
    group: "Files",
    env: "CONTAINER_LINES",
    yaml: "log.container_lines",
    flags: "--container-lines",
    kind: choice(CONTAINER_LINES),
    default: "raw",
    description:
      "How lines of containers ship. raw: with the time and the stream that the runtime has written, as the hosted service expects it. parsed: as the container has written them, with that time, and the stream in meta.",
  }),
  maxOpenFiles: scalar({
    group: "Files",
    env: "MAX_OPEN_FILES",
    yaml: "log.max_open_files",
    flags: "--max-open-files",
    kind: integer(16, 1_000_000),
    default: 1024,
    description:
      "Files held open at once because they have unread bytes; further ones wait their turn. Idle files are never held open.",
  }),
  dbPath: scalar({
    group: "Files",
    env: "DB_PATH",
    yaml: "log.db_path",
    flags: "--db-path",
    kind: path("DIR"),
    default: "/var/lib/logdna",
    description: "The directory of the agent's state: how far each file is shipped.",
  }),

  lineMaxPart: scalar({
    group: "Lines",
    env: "LINE_MAX_PART",
    yaml: "log.line_max_part",
    flags: "--line-max-part",
    kind: bytes(256, 10 * MiB),
    default: 32 * KiB,
    description:
      "Bytes of a line that are shipped as one; a longer line ships in marked parts. A server may cut lines at its own limit.",
  }),
  lineMax: scalar({
    group: "Lines",
    env: "LINE_MAX",
    yaml: "log.line_max",
    flags: "--line-max",
    kind: bytes(256, 1024 * MiB),
    default: 10 * MiB,
    description: "Bytes of a line beyond which the rest of it is dropped and counted.",
  }),
  metaApp: scalar({
    group: "Lines",
    emptyCounts: true,
    env: "META_APP",
    yaml: "log.meta.app",
    kind: template(),
    default: undefined,
    description:
      "Replaces the field app of every line. It may hold variables, for values of the environment and of the line (docs/fields.md).",
  }),
  metaHost: scalar({
    group: "Lines",
    emptyCounts: true,
    env: "META_HOST",
    yaml: "log.meta.host",
    kind: template(),
    default: undefined,
    description:
      "Gives every line a field host, with the same variables. Without it lines have the host of the request, which is HOSTNAME in any case.",
  }),
  metaEnv: scalar({
    group: "Lines",
    emptyCounts: true,
    env: "META_ENV",
    yaml: "log.meta.env",
    kind: template(),
    default: undefined,
    description: "Replaces the field env of every line, with the same variables.",
  }),
  metaFile: scalar({
    group: "Lines",
    emptyCounts: true,
    env: "META_FILE",
    yaml: "log.meta.file",
    kind: template(),
    default: undefined,
    description: "Replaces the field file of every line, with the same variables.",
  }),
  metaJson: scalar({
    group: "Lines",
    emptyCounts: true,
    env: "META_JSON",
    yaml: "log.meta.json",
    kind: template(),
    default: undefined,
    description:
      "A JSON object that every line has as its field meta, with the same variables within its strings; that of the environment may stand anywhere in it.",
  }),
  metaLabels: scalar({
    group: "Lines",
    emptyCounts: true,
    env: "META_LABELS",
    yaml: "log.meta.labels",
    kind: template(),
    default: undefined,
    description:
      "A JSON object of texts that is merged over the labels of each line of a Kubernetes container, with the same variables; an empty text removes a label, an empty value all of them.",
  }),
  metaAnnotations: scalar({
    group: "Lines",
    emptyCounts: true,
    env: "META_ANNOTATIONS",
    yaml: "log.meta.annotations",
    kind: template(),
    default: undefined,
    description: "The same for annotations.",
  }),

  ...LINE_OPTIONS,
  ...KUBERNETES_OPTIONS,

  confinement: scalar({
    group: "Agent",
    env: "CONFINEMENT",
    yaml: "agent.confinement",
    flags: "--confinement",
    kind: choice(CONFINEMENTS),
    default: "best-effort",
    description:
      "Whether the agent gives away, before it reads a byte of a log, everything but the right to read logs: its user, its capabilities, writing outside its state directory, reading outside the log directories, other ports, executing. required: or it does not start. best-effort: as far as the kernel can, with a warning. off: nothing is given away.",
  }),
  noCap: scalar({
    group: "Agent",
    env: "NO_CAP",
    yaml: "agent.no_cap",
    kind: boolean(),
    default: false,
    description:
      "Keep no capability when confined: what only root may read is then not read. Otherwise CAP_DAC_READ_SEARCH is kept if a watched file needs it.",
  }),
  logLevel: scalar({
    group: "Agent",
    env: "LOG_LEVEL",
    yaml: "agent.log_level",
    flags: "--log-level",
    kind: choice(LOG_LEVELS),
    default: "info",
    description: "Detail of the agent's own log, which goes to standard error.",
  }),
  metricsPort: scalar({
    group: "Agent",
    env: "METRICS_PORT",
    yaml: "log.metrics_port",
    flags: "--metrics-port",
    kind: integer(1, 65_535, "PORT"),
    default: undefined,
    defaultText: "off",
    description:
      "TCP port of the agent's metrics in Prometheus' text format (/metrics) and of its health (/health/live, /health/ready), in plain HTTP. Ports below 1024 take a privilege that the confined agent does not keep.",
  }),
  metricsHost: scalar({
    group: "Agent",
    env: "METRICS_HOST",
    yaml: "log.metrics_host",
    flags: "--metrics-host",
    kind: ipAddress(),
    default: undefined,
    defaultText: "127.0.0.1, and ::1 where there is one",
    description:
      "Address of this host that the metrics port is bound to. 0.0.0.0 or :: means every address, as in the existing agents: for a Prometheus or a kubelet that asks from elsewhere. Everyone who reaches it can read the numbers.",
  }),
  shutdownTimeout: scalar({
    group: "Agent",
    env: "SHUTDOWN_TIMEOUT",
    yaml: "agent.shutdown_timeout",
    flags: "--shutdown-timeout",
    kind: milliseconds(0, 3_600_000),
    default: 5000,
    description:
      "Milliseconds to send what is in hand when the agent is told to stop (SIGTERM). What is not acknowledged by then is sent after the next start.",
  }),

  journaldPaths: laterList({
    env: "JOURNALD_PATHS",
    yaml: "journald.paths",
    flags: "--journald-paths",
    description: "Journals of systemd to follow.",
  }),
  journalTailer: later({
    env: "SYSTEMD_JOURNAL_TAILER",
    yaml: "journald.systemd_journal_tailer",
    flags: "--systemd-journal-tailer",
    harmless: ["false"],
    description: "Follow systemd's journal.",
  }),
  metaK8sFile: later({
    emptyCounts: true,
    env: "META_K8S_FILE",
    yaml: "log.meta.k8s_file",
    description: "Replaces the field file of lines of Kubernetes.",
  }),
  journalFiles: later({
    properties: ["usejournald"],
    description: "Follow systemd's journal, as the first agent (v1) had it; see JOURNALD_PATHS.",
  }),
  eventLog: later({
    properties: ["windowseventlogprovider"],
    description: "Follow the event log of Windows.",
  }),
  autoUpdate: {
    ...later({ properties: ["autoupdate"], description: "Accepted; the agent never updates itself." }),
    support: "meaningless",
  },
  platform: {
    ...later({ env: "PLATFORM", description: "Accepted; the first agent (v1) added it to the tags. Use TAGS." }),
    support: "meaningless",
  },
  internalFsDelay: {
    ...later({ env: "INTERNAL_FS_DELAY", description: "Accepted; files are not looked at in intervals." }),
    support: "meaningless",
  },
  clearCacheInterval: {
    ...later({
      env: "CLEAR_CACHE_INTERVAL",
      yaml: "log.clear_cache_interval",
      flags: "--clear-cache-interval",
      description: "Accepted; there is no cache that would have to be cleared.",
    }),
    support: "meaningless",
  },
  now: {
    ...later({ yaml: "http.params.now", description: "Accepted; the time is taken for each request." }),
    support: "meaningless",
  },
} as const;

export type OptionName = keyof typeof OPTIONS;

/** The table as pairs, in its order, without the types of single values. */
export const OPTION_LIST: readonly (readonly [OptionName, AnyOption])[] = Object.entries(OPTIONS).map(
  // Object.entries gives strings for keys; these are the very keys of the table.
  ([name, option]) => [name as OptionName, option],
);

/** The value of each option, defaults filled in. */
export type Settings = SettingsOf<typeof OPTIONS>;

/** The value of each option of a table. */
export type SettingsOf<Table extends Readonly<Record<string, AnyOption>>> = {
  readonly [N in keyof Table]: ValueOf<Table[N]>;
};

type ValueOf<O extends AnyOption> = O extends { readonly many: true; readonly kind: Kind<infer T> }
  ? readonly T[]
  : O extends { readonly kind: Kind<infer T>; readonly default: infer D }
    ? undefined extends D
      ? T | undefined
      : T
    : never;

/** Names of an option in the environment, the one that counts first. */
export function environmentNames(option: AnyOption): string[] {
  const prefixed = option.env === undefined ? [] : [`MZ_${option.env}`, `LOGDNA_${option.env}`];
  return [...prefixed, ...(option.plainEnv ?? [])];
}

/** The flag of an option that help and messages call it by: the long one. */
export function longFlag(option: Pick<AnyOption, "flags">): string | undefined {
  return option.flags?.match(/--[a-z0-9-]+/)?.[0];
}

/** What people call an option: its name in the environment without a prefix, or what it has instead. */
export function optionTitle(option: AnyOption): string {
  return option.env ?? option.plainEnv?.[0] ?? option.yaml ?? option.properties?.[0] ?? "";
}

/** The last of the keys that lead to an option in the YAML file. */
export function lastKey(option: AnyOption): string {
  return option.yaml?.split(".").at(-1) ?? "";
}
