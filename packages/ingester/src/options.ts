import type { ConfinementMode } from "@logdna-agent/confinement";

/** What an option's text becomes. */
type Kind = "text" | "list" | "flag" | "bytes" | "duration";

export interface OptionRow {
  readonly flag: string;
  /** Name of the environment variable; flags win over it. */
  readonly env: string;
  readonly kind: Kind;
  /** What stands for the value in help. */
  readonly value?: string;
  readonly fallback?: string;
  readonly description: string;
}

/** Every option of the server: its parser, `--help` and `docs/ingester.md` derive from this table. */
export const OPTIONS = {
  dataDir: {
    flag: "--data-dir",
    env: "LOGDNA_INGESTER_DATA_DIR",
    kind: "text",
    value: "DIR",
    fallback: "/var/lib/logdna-ingester",
    description:
      "Directory of everything that the server keeps: store, keys, certificates. Only its owner may enter it.",
  },
  listen: {
    flag: "--listen",
    env: "LOGDNA_INGESTER_LISTEN",
    kind: "text",
    value: "HOST:PORT",
    fallback: "127.0.0.1:8443",
    description: "Address to listen on; [::]:8443 for all. Port 0 takes a free one.",
  },
  clickhouseUrl: {
    flag: "--clickhouse-url",
    env: "LOGDNA_INGESTER_CLICKHOUSE_URL",
    kind: "text",
    value: "URL",
    description:
      "A ClickHouse server or cluster to store in, instead of the embedded one. Several ingestion servers may share it; one that gets a retry while another still writes that batch may store it a second time.",
  },
  http: {
    flag: "--http",
    env: "LOGDNA_INGESTER_HTTP",
    kind: "flag",
    description: "Speak plain HTTP; refused unless the address is loopback.",
  },
  tlsCert: {
    flag: "--tls-cert",
    env: "LOGDNA_INGESTER_TLS_CERT",
    kind: "text",
    value: "FILE",
    description: "Certificate chain in PEM form, instead of one from the server's private authority.",
  },
  tlsKey: {
    flag: "--tls-key",
    env: "LOGDNA_INGESTER_TLS_KEY",
    kind: "text",
    value: "FILE",
    description: "The certificate's private key in PEM form.",
  },
  names: {
    flag: "--name",
    env: "LOGDNA_INGESTER_NAMES",
    kind: "list",
    value: "NAME,…",
    description:
      "Further names and addresses that the private authority's certificate is for, besides this host's name and loopback.",
  },
  ingestionKeys: {
    flag: "--ingestion-key-file",
    env: "LOGDNA_INGESTER_INGESTION_KEY_FILE",
    kind: "text",
    value: "FILE",
    description: "Ingestion keys that are accepted, one a line; default: one that is made on the first run.",
  },
  tokenFile: {
    flag: "--token-file",
    env: "LOGDNA_INGESTER_TOKEN_FILE",
    kind: "text",
    value: "FILE",
    description: "The token that reading needs; default: one that is made on the first run.",
  },
  confinement: {
    flag: "--confinement",
    env: "LOGDNA_INGESTER_CONFINEMENT",
    kind: "text",
    value: "MODE",
    fallback: "best-effort",
    description:
      "Whether the server gives away, before it takes the first connection, everything but serving: its user, its capabilities, writing outside its data directory, reading other files, listening on and connecting to other ports, executing. required: or it does not start. best-effort: as far as the system can, with a warning. off: nothing is given away.",
  },
  maxAge: {
    flag: "--max-age",
    env: "LOGDNA_INGESTER_MAX_AGE",
    kind: "duration",
    value: "DAYS",
    description: "Days after which lines are dropped, whole days of arrival at a time; default: never.",
  },
  maxSize: {
    flag: "--max-size",
    env: "LOGDNA_INGESTER_MAX_SIZE",
    kind: "bytes",
    value: "SIZE",
    description:
      "Space on disk, such as 20GB, beyond which the oldest lines are dropped, whole days of arrival at a time. The newest day is never dropped, so leave room for what arrives in a day; default: no bound.",
  },
} as const satisfies Record<string, OptionRow>;

const CONFINEMENTS: readonly ConfinementMode[] = ["off", "best-effort", "required"];

/** What the options come to. */
export interface Settings {
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly clickhouseUrl: string | undefined;
  readonly http: boolean;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly names: readonly string[];
  readonly ingestionKeys: string | undefined;
  readonly tokenFile: string | undefined;
  readonly confinement: ConfinementMode;
  readonly maxAgeMs: number | undefined;
  readonly maxBytes: number | undefined;
}

/** An option has a value that it cannot have; the message names it and says what it takes. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/**
 * Fills in the environment and the defaults.
 * @param flags values by the table's names, as given on the command line.
 * @throws {OptionError} with every problem, one a line.
 */
export function readSettings(flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): Settings {
  const problems: string[] = [];
  const textOf = (name: keyof typeof OPTIONS): string | undefined => {
    const row: OptionRow = OPTIONS[name];
    // An empty value is none, as of a variable that a unit file sets to nothing: a default must not become "everything".
    for (const value of [flags[name], env[row.env], row.fallback])
      if (value !== undefined && value !== "") return String(value);
    return undefined;
  };
  const read = <T>(
    name: keyof typeof OPTIONS,
    parse: (text: string) => T | undefined,
    takes: string,
  ): T | undefined => {
    const text = textOf(name);
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) {
      const { flag, env: variable } = OPTIONS[name];
      const given = flags[name] === undefined || flags[name] === "" ? variable : flag;
      // A URL may hold a password.
      problems.push(`${given}${name === "clickhouseUrl" ? "" : `: "${text}"`} is not ${takes}.`);
    }
    return value;
  };
  const listen = read("listen", parseAddress, "an address such as 127.0.0.1:8443 or [::]:8443");
  const http = read("http", parseFlag, "true or false") ?? false;
  if (http && listen !== undefined && !isLoopback(listen.host))
    problems.push(`--http is for loopback only, and ${listen.host} is not: use HTTPS, or listen on 127.0.0.1.`);
  const tlsCert = textOf("tlsCert");
  const tlsKey = textOf("tlsKey");
  if ((tlsCert === undefined) !== (tlsKey === undefined)) problems.push("--tls-cert and --tls-key go together.");
  const days = read("maxAge", (text) => positive(Number(text)), "a number of days above 0");
  const maxBytes = read("maxSize", parseSize, "a size such as 500MB or 20GB");
  const clickhouseUrl = read(
    "clickhouseUrl",
    (text) => (isHttpUrl(text) ? text : undefined),
    "a URL such as http://localhost:8123",
  );
  const confinement = read(
    "confinement",
    (text) => CONFINEMENTS.find((mode) => mode === text),
    `one of ${CONFINEMENTS.join(", ")}`,
  );
  if (problems.length > 0) throw new OptionError(problems.join("\n"));
  return {
    dataDir: textOf("dataDir") ?? "",
    host: listen?.host ?? "",
    port: listen?.port ?? 0,
    clickhouseUrl,
    http,
    tlsCert,
    tlsKey,
    names: (textOf("names") ?? "").split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()])),
    ingestionKeys: textOf("ingestionKeys"),
    tokenFile: textOf("tokenFile"),
    confinement: confinement ?? "best-effort",
    maxAgeMs: days === undefined ? undefined : days * 86_400_000,
    maxBytes,
  };
}

function parseAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? "", port };
}

/** True for what can be asked over HTTP or HTTPS. */
export function isHttpUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? "");
}

function parseFlag(text: string): boolean | undefined {
  if (/^(true|1|yes)$/i.test(text)) return true;
  return /^(false|0|no)$/i.test(text) ? false : undefined;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?))?B?$/i.exec(text);
  if (match === null) return undefined;
  const unit = (match[2] ?? "").toUpperCase();
  const base = (match[3] ?? "") === "" ? (UNITS[unit] ?? 1) : 1024 ** Math.max(0, " KMGT".indexOf(unit));
  return positive(Number(match[1]) * base);
}

function positive(value: number): number | undefined {
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

/** True for addresses that only this host can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The document of all options, in Markdown. */
export function renderOptionsMarkdown(): string {
  const rows = Object.values(OPTIONS).map((row: OptionRow) => {
    const value = row.value === undefined ? "" : ` ${row.value}`;
    return `| \`${row.flag}${value}\` | \`${row.env}\` | ${row.fallback === undefined ? "" : `\`${row.fallback}\``} | ${row.description} |`;
  });
  return ["| Flag | Variable | Default | Meaning |", "|---|---|---|---|", ...rows, ""].join("\n");
}
