import { commaList } from "./comma_list.ts";
import { suggestion } from "./nearest.ts";
import { type AnyOption, environmentNames, OPTION_LIST, type OptionName } from "./options.ts";
import { shown, shownName } from "./problem.ts";
import { emptyReading, type Given, MAX_LENGTH, MAX_PROBLEMS, type Reading } from "./reading.ts";

/** A key and its value, unescaped, with the number of the line that it begins on. */
interface Property {
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** An option under one of its names in the file, and the name that it has now where that one is old. */
interface Named {
  readonly option: OptionName;
  readonly row: AnyOption;
  readonly current: string | undefined;
}

/** Reads the first agent's (v1) properties file. Its log directories replace the default, its exclusions add to it. */
export function readProperties(file: string, content: string): Reading {
  const reading: Reading = { ...emptyReading(), form: "properties" };
  const { problems, warnings } = reading;
  if (content.length > MAX_LENGTH) {
    problems.push({ where: file, message: `is longer than ${MAX_LENGTH} characters` });
    return { ...reading, isUnread: true };
  }
  const given = new Map<OptionName, Given>();
  for (const { key, value, line } of parseProperties(content)) {
    const where = `${file}:${line}:1`;
    if (problems.length >= MAX_PROBLEMS) {
      problems.push({ where, message: `there may be more: ${MAX_PROBLEMS} problems are told of a file` });
      break;
    }
    const found = NAMES.get(key.toLowerCase());
    if (found === undefined) {
      // A line without a value may be a key that stands alone.
      const what = shownName(value === "" ? "" : key);
      problems.push({ where, message: `there is no option ${what}.${suggestion(key, NAMES.keys())}` });
      continue;
    }
    const { option, row, current } = found;
    if (current !== undefined) warnings.push({ where, message: `${key} is an old name; use ${current}` });
    if (value === "" && (row.many || row.emptyCounts !== true)) continue;
    const before = given.get(option);
    // Both existing agents take the last one.
    if (before !== undefined) {
      const message = `${shown(key)} was given before, at ${before.where}; this one counts`;
      warnings.push({ where, message });
    }
    const texts = (row.many ? commaList(value) : [value]).map((text) => ({ text, where }));
    const replaces = option !== "excludeGlobs" && option !== "excludeRegexes";
    given.set(option, { option, texts, where, replaces, lenient: false });
  }
  return { ...reading, given: [...given.values()] };
}

/**
 * True when a text looks like properties rather than YAML: its first line of meaning is `key = value`, or begins with the
 * name of an option, where YAML has a section.
 */
export function looksLikeProperties(content: string): boolean {
  const first = content.split(/\r\n|\r|\n/).find((line) => /^\s*[^\s#!]/.test(line)) ?? "";
  const [, key = "", separator = ""] = /^\s*([\w.-]+)\s*(=?)/.exec(first) ?? [];
  return separator === "=" || NAMES.has(key.toLowerCase());
}

/** Every name, in lower case: that of the v1 agent, that of the variable without its prefix, and those that variables had. */
const NAMES: ReadonlyMap<string, Named> = new Map(
  OPTION_LIST.filter(([option]) => option !== "configFile").flatMap(([option, row]) => {
    const [name = ""] = [...(row.env === undefined ? [] : [row.env.toLowerCase()]), ...(row.properties ?? [])];
    const names = [...(row.properties ?? []), ...(row.env === undefined ? [] : [row.env])];
    const old = row.env === undefined ? [] : [...environmentNames(row), ...(row.oldEnv ?? [])];
    const entry = (text: string, current?: string): [string, Named] => [text.toLowerCase(), { option, row, current }];
    // A name that is also a current one is no old one.
    const current = new Set(names.map((text) => text.toLowerCase()));
    const further = old.filter((text) => !current.has(text.toLowerCase()));
    return [...further.map((text) => entry(text, name)), ...names.map((text) => entry(text))];
  }),
);

/** Reads lines as `java.util.Properties` does: comments, continued lines, `=` or `:` or a blank between key and value. */
function parseProperties(content: string): Property[] {
  const properties: Property[] = [];
  const lines = content.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1;
    let part = (lines[at] ?? "").trimStart();
    if (part === "" || part.startsWith("#") || part.startsWith("!")) continue;
    const parts: string[] = [];
    while (isContinued(part) && at + 1 < lines.length) {
      parts.push(part.slice(0, -1));
      at += 1;
      part = (lines[at] ?? "").trimStart();
    }
    const text = [...parts, part].join("");
    const [, key = "", value = ""] = /^((?:\\.|[^\\=:\s])*)\s*[=:]?\s*(.*)$/s.exec(text) ?? [];
    properties.push({ key: unescaped(key), value: unescaped(value).trim(), line });
  }
  return properties;
}

/** A line goes on in the next one where an odd number of backslashes ends it. */
function isContinued(line: string): boolean {
  let count = 0;
  while (line[line.length - 1 - count] === "\\") count += 1;
  return count % 2 === 1;
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
