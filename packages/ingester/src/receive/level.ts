import { LEVELS } from "@logdna-agent/protocol";

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

const KLOG_NAMES: Readonly<Record<string, string>> = { I: "info", W: "warn", E: "error", F: "fatal" };

/** Characters of a line that are looked at: a level stands at its beginning, and a long line must not cost more. */
const LOOKED_AT = 256;

/** Colours and other renditions (ECMA-48, 8.3.117). */
const SGR = /\u001b\[[0-9;:]{0,32}m/g;
/** What a container's runtime puts before a line. */
const RUNTIME = String.raw`^(?:\d\S{19,34} std(?:out|err) [FP] )?`;

/** Each in one pass without nested repetition: a key and its value, or a word in capitals or brackets. */
const KEYED = /\b(?:level|lvl|severity|loglevel)"?\s{0,2}[=:]\s{0,2}"?([A-Za-z]{3,11})\b/i;
/** Pino's and bunyan's numbers. */
const NUMBERED = /"level"\s{0,2}:\s{0,2}([1-6]\d)\b/;
/** Kubernetes' klog: severity, month and day, time. */
const KLOG = new RegExp(String.raw`${RUNTIME}([IWEF])\d{4} \d\d:\d\d:\d\d\.\d`);
/** How most runtimes print an error. */
const THROWN = new RegExp(`${RUNTIME}(?:[A-Z][A-Za-z]{0,60})?(?:Error|Exception): `);
/** A part of a path, such as `/ERROR-page`, is none. */
const WORD =
  /(?<!\/)\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT|ALERT|EMERG|PANIC)\b(?!-)/;
const BRACKETED = /\[(trace|debug|info|notice|warn|warning|error|err|fatal|critical|crit|alert|emerg)\]/;

/** The level that a line's text tells; empty when it tells none. */
export function levelIn(text: string): string {
  const start = text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text;
  const head = start.includes("\u001b") ? start.replaceAll(SGR, "") : start;
  const keyed = NAMES.get(KEYED.exec(head)?.[1]?.toLowerCase() ?? "");
  if (keyed !== undefined) return keyed;
  const number = NUMBERED.exec(head)?.[1];
  if (number !== undefined) return LEVELS[Math.trunc(Number(number) / 10) - 1] ?? "";
  const klog = KLOG.exec(head)?.[1];
  if (klog !== undefined) return KLOG_NAMES[klog] ?? "";
  const word = (WORD.exec(head)?.[1] ?? BRACKETED.exec(head)?.[1])?.toLowerCase();
  if (word !== undefined) return NAMES.get(word) ?? "";
  const priority = /^<(\d{1,3})>/.exec(head)?.[1];
  if (priority !== undefined && Number(priority) < 192) return SYSLOG[Number(priority) % 8] ?? "";
  return THROWN.test(head) ? "error" : "";
}
