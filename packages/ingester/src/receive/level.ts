/** Names of severities as senders write them, and as the store keeps them. */
const NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    trace: "trace",
    trc: "trace",
    verbose: "debug",
    debug: "debug",
    dbg: "debug",
    info: "info",
    information: "info",
    notice: "info",
    warn: "warn",
    warning: "warn",
    error: "error",
    err: "error",
    severe: "error",
    fatal: "fatal",
    critical: "fatal",
    crit: "fatal",
    alert: "fatal",
    emerg: "fatal",
    emergency: "fatal",
    panic: "fatal",
  }),
);

/** A sender's level as the store keeps it: one of the known names, or as sent, in lower case. */
export function normalLevel(level: string): string {
  const lower = level.trim().toLowerCase();
  return NAMES.get(lower) ?? lower.slice(0, 32).toWellFormed();
}

/** Severities of syslog priorities, 0 to 7 (RFC 5424, 6.2.1). */
const SYSLOG = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"] as const;

/** Characters of a line that are looked at: a level stands at its beginning, and a long line must not cost more. */
const LOOKED_AT = 256;

/** One pass without nested repetition: a key and its value, or a word in capitals or brackets. */
const KEYED = /\b(?:level|lvl|severity|loglevel)"?\s{0,2}[=:]\s{0,2}"?([A-Za-z]{3,11})\b/i;
const WORD = /\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT|ALERT|EMERG|PANIC)\b/;
const BRACKETED = /\[(trace|debug|info|notice|warn|warning|error|err|fatal|critical|crit|alert|emerg)\]/;

/** The level that a line's text tells; empty when it tells none. */
export function levelIn(text: string): string {
  const head = text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text;
  const keyed = NAMES.get(KEYED.exec(head)?.[1]?.toLowerCase() ?? "");
  if (keyed !== undefined) return keyed;
  const word = (WORD.exec(head)?.[1] ?? BRACKETED.exec(head)?.[1])?.toLowerCase();
  if (word !== undefined) return NAMES.get(word) ?? "";
  const priority = /^<(\d{1,3})>/.exec(head)?.[1];
  if (priority !== undefined && Number(priority) < 192) return SYSLOG[Number(priority) % 8] ?? "";
  return "";
}
