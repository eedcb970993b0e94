import { Document } from "yaml";
import type { Config } from "./config.ts";
import type { LineRules, PathRule } from "./line_options.ts";
import { RULE_OPTIONS } from "./line_rows.ts";
import { type AnyOption, lastKey, OPTION_LIST } from "./options.ts";
import { proxyText } from "./proxy.ts";
import { Secret } from "./secret.ts";

type Shown = Omit<Config, "key"> & { readonly key: Secret | undefined };

/**
 * What `--list` prints: the effective configuration as a file that can be used again. Secrets are masked, and values that
 * the file has no place for stand in a comment.
 */
export function listText(config: Shown): string {
  const document = new Document({});
  const elsewhere: string[] = [];
  const values = valuesOf(config);
  for (const [name, option] of OPTION_LIST) {
    const value = printed(values[name]);
    if (value === undefined || option.support !== "now") continue;
    if (option.yaml === undefined) elsewhere.push(`${nameInEnvironment(option)}=${String(value)}`);
    else document.setIn(option.yaml.split("."), value);
  }
  if (elsewhere.length > 0)
    document.comment = ` Set by environment or flag only:\n${elsewhere.map((line) => ` ${line}`).join("\n")}`;
  return document.toString({ lineWidth: 0 });
}

/** The value of each option by its name in the table; what the configuration holds in another form is turned back. */
function valuesOf(config: Shown): Readonly<Record<string, unknown>> {
  const { host, port, key, keyPath, redactSaltPath, pathRules, proxy } = config;
  return {
    ...config,
    ...lineValues(config),
    host: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    // With the file that it came from the list can be used as it is, without the key.
    key: keyPath === undefined && key?.reveal() !== "" ? key : undefined,
    keyFile: keyPath,
    redactSalt: redactSaltPath === undefined ? config.redactSalt : undefined,
    redactSaltFile: redactSaltPath,
    proxy: proxy && proxyText(proxy),
    pathRules: pathRules.length === 0 ? undefined : pathRules.map(ruleValues),
  };
}

function lineValues({ multiline, rateLimit, sample }: LineRules): Readonly<Record<string, unknown>> {
  return {
    multiline: multiline?.presets ?? [],
    multilineStart: multiline?.start,
    multilineContinuation: multiline?.continuation,
    multilineTimeout: multiline?.timeout,
    multilineMaxLines: multiline?.maxLines,
    multilineMaxBytes: multiline?.maxBytes,
    lineRateLimit: rateLimit,
    lineSample: sample,
  };
}

/** An entry of `log.rules` by its keys; empty lists, which say nothing, are left out. */
function ruleValues(rule: PathRule): Readonly<Record<string, unknown>> {
  const values: Readonly<Record<string, unknown>> = { ...rule, ...lineValues(rule) };
  const entries = Object.entries<AnyOption>(RULE_OPTIONS).map(
    ([name, option]) => [lastKey(option), printed(values[name])] as const,
  );
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  );
}

function printed(value: unknown): unknown {
  if (value instanceof Secret) return String(value);
  if (typeof value === "string") return escapedVariables(value);
  return Array.isArray(value) ? value.map(printed) : value;
}

/** What looks like a variable was none when it was read, and must stay so. */
function escapedVariables(text: string): string {
  return text.replace(/\$\{(?=[A-Za-z_][0-9A-Za-z_]*\})/g, (dollar) => `$${dollar}`);
}

function nameInEnvironment(option: AnyOption): string {
  return option.env === undefined ? (option.plainEnv?.[0] ?? "") : `MZ_${option.env}`;
}
