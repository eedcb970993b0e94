import { commaList } from "./comma_list.ts";
import { suggestion } from "./nearest.ts";
import { type AnyOption, OPTION_LIST, type OptionName } from "./options.ts";
import { emptyReading, type Reading } from "./reading.ts";

/** A key and its value, unescaped, with the number of the line that it begins on. */
interface Property {
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** Reads the first agent's (v1) properties file. Its log directories replace the default, its exclusions add to it. */
export function readProperties(file: string, content: string): Reading {
  const reading = emptyReading();
  const options = namesInProperties();
  const seen = new Map<OptionName, string>();
  for (const { key, value, line } of parseProperties(content)) {
    const where = `${file}:${line}:1`;
    const found = options.get(key.toLowerCase());
    if (found === undefined) {
      const message = `there is no option ${JSON.stringify(key)}.${suggestion(key, options.keys())}`;
      reading.problems.push({ where, message });
      continue;
    }
    const [option, row] = found;
    const { many } = row;
    const before = seen.get(option);
    if (before !== undefined) {
      reading.problems.push({ where, message: `${JSON.stringify(key)} was given before, at ${before}` });
      continue;
    }
    seen.set(option, where);
    if (value === "" && (row.many || row.emptyCounts !== true)) continue;
    const texts = (many ? commaList(value) : [value]).map((text) => ({ text, where }));
    const replaces = option !== "excludeGlobs" && option !== "excludeRegexes";
    reading.given.push({ option, texts, where, replaces, lenient: false });
  }
  return reading;
}

/** True when a text looks like properties rather than YAML: its first line of meaning is `key = value`. */
export function looksLikeProperties(content: string): boolean {
  const first = content.split(/\r?\n/).find((line) => /^\s*[^\s#!]/.test(line));
  return first !== undefined && /^\s*[\w.-]+\s*=/.test(first);
}

function namesInProperties(): Map<string, readonly [OptionName, AnyOption]> {
  const names = new Map<string, readonly [OptionName, AnyOption]>();
  for (const entry of OPTION_LIST) {
    const [name, option] = entry;
    if (name === "configFile") continue;
    if (option.env !== undefined) names.set(option.env.toLowerCase(), entry);
    for (const property of option.properties ?? []) names.set(property, entry);
  }
  return names;
}

/** Reads lines as `java.util.Properties` does: comments, continued lines, `=` or `:` or a blank between key and value. */
function parseProperties(content: string): Property[] {
  const properties: Property[] = [];
  const lines = content.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1;
    let text = (lines[at] ?? "").trimStart();
    if (text === "" || text.startsWith("#") || text.startsWith("!")) continue;
    while (/(^|[^\\])(\\\\)*\\$/.test(text) && at + 1 < lines.length) {
      at += 1;
      text = text.slice(0, -1) + (lines[at] ?? "").trimStart();
    }
    const [, key = "", value = ""] = /^((?:\\.|[^\\=:\s])*)\s*[=:]?\s*(.*)$/s.exec(text) ?? [];
    properties.push({ key: unescaped(key), value: unescaped(value).trim(), line });
  }
  return properties;
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

/** A comma that is written by number stays so: it belongs to an item of a list. */
function unescaped(text: string): string {
  return text.replace(/\\(u[0-9A-Fa-f]{4}|.)/gs, (whole, code: string) => {
    if (code.length === 1) return code === "," ? whole : (ESCAPES[code] ?? code);
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return character === "," ? whole : character;
  });
}
