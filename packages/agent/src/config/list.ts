import { Document, isMap, isNode, Scalar } from "yaml";
import { printable } from "../telemetry/printable.ts";
import type { Config } from "./config.ts";
import type { LineRules, PathRule } from "./line_options.ts";
import { RULE_OPTIONS } from "./line_rows.ts";
import type { Merged } from "./merge.ts";
import { type AnyOption, lastKey, OPTION_LIST, type OptionName } from "./options.ts";
import { chooseProxy, proxyText } from "./proxy.ts";
import { MASK, type Secret } from "./secret.ts";

type Shown = Omit<Config, "key"> & { readonly key: Secret | undefined };
type Given = Pick<Merged, "settings" | "origins" | "itemOrigins">;

/** A secret, as a comment in the place of its value. */
interface Hidden {
  readonly section: readonly string[];
  /** How many keys of the section come before it. */
  readonly before: number;
  readonly comment: string;
}

/**
 * What `--list` prints: the effective configuration as a file that can be used again. What is secret is not in it: a comment says
 * where its value comes from, since a mask would take the place of that.
 */
export function listText(config: Shown, given: Given): string {
  // What YAML 1.1 takes for another thing than a text is quoted as well: others may read this.
  const document = new Document({}, { compat: "yaml-1.1" });
  const hidden: Hidden[] = [];
  const values = valuesOf(config);
  for (const [name, option] of OPTION_LIST) {
    const value = values[name];
    if (value === undefined || option.yaml === undefined || option.support !== "now") continue;
    const path = option.yaml.split(".");
    const section = path.slice(0, -1);
    const secret = secretText(name, config, given);
    if (secret === undefined) document.setIn(path, document.createNode(printed(value)));
    else hidden.push({ section, before: lengthOf(document, section), comment: `${path.at(-1)}: ${secret}` });
  }
  for (const { section, before, comment } of hidden) addComment(document, section, before, ` ${comment}`);
  return document.toString({ lineWidth: 0 }).replace(UNSAFE_OUTSIDE_ASCII, escaped);
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
    ([name, option]) => [lastKey(option), values[name]] as const,
  );
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  );
}

/** What is said of an option whose value is secret; undefined where it is none. */
function secretText(name: OptionName, config: Shown, { settings, origins, itemOrigins }: Given): string | undefined {
  switch (name) {
    case "key":
    case "redactSalt":
      return `${MASK} (from ${placeText(origins.get(name) ?? "")}; not printed)`;
    case "headers": {
      const places = new Set(itemOrigins.get(name)?.map(placeText));
      return places.size === 0 ? undefined : `${MASK} (from ${[...places].join(" and ")}; not printed)`;
    }
    case "proxy": {
      const { proxy, host, port } = config;
      if (proxy?.credentials === undefined) return undefined;
      const place = placeText(origins.get(chooseProxy(settings, host, port)?.option ?? "proxy") ?? "");
      return `${proxyText(proxy)} (from ${place}; user and password not printed)`;
    }
    default:
      return undefined;
  }
}

/** The place of a value without what kind of place it is: the variable, the flag, the file with its line. */
function placeText(where: string): string {
  return printable(where.replace(/^(?:environment variable|flag) /, ""));
}

function lengthOf(document: Document, section: readonly string[]): number {
  const map = document.getIn(section);
  return isMap(map) ? map.items.length : 0;
}

/** Puts a comment between two keys of a section, on a line of its own. */
function addComment(document: Document, section: readonly string[], before: number, comment: string): void {
  const map = document.getIn(section);
  if (!isMap(map)) return;
  const pair = map.items[before];
  const below = (text: string | null | undefined): string => (text ? `${text}\n${comment}` : comment);
  if (pair === undefined) {
    map.comment = below(map.comment);
    return;
  }
  const key = isNode(pair.key) ? pair.key : new Scalar(pair.key);
  key.commentBefore = below(key.commentBefore);
  pair.key = key;
}

/** Characters that act on a terminal, mislead, or have a meaning of their own in YAML 1.1 (5.1, 5.4); besides those of ASCII. */
const UNSAFE_OUTSIDE_ASCII = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const UNSAFE = new RegExp(`[\\u0000-\\u0009\\u000b-\\u001f]|\\p{Surrogate}|${UNSAFE_OUTSIDE_ASCII.source}`, "u");

function printed(value: unknown): unknown {
  if (typeof value === "string") return printedText(value);
  if (Array.isArray(value)) return value.map(printed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, printed(inner)]));
}

function printedText(text: string): Scalar {
  // What looks like a variable was none when it was read, and must stay so.
  const scalar = new Scalar(text.replace(/\$\{(?=[A-Za-z_][0-9A-Za-z_]*\})/g, (dollar) => `$${dollar}`));
  // "=" has a type of its own in YAML 1.1.
  if (UNSAFE.test(text) || text === "=") scalar.type = "QUOTE_DOUBLE";
  return scalar;
}

/** As double quotes have it: nothing that is unsafe is outside of these. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
