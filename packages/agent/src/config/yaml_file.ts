import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from "yaml";
import { commaList } from "./comma_list.ts";
import type { Environment } from "./environment.ts";
import { suggestion } from "./nearest.ts";
import { type AnyOption, OPTION_LIST, type OptionName } from "./options.ts";
import { shown } from "./problem.ts";
import { emptyReading, type GivenText, type Reading } from "./reading.ts";

/** Sections and options of the YAML file, by key. */
interface Section {
  readonly members: Map<string, Section | readonly [OptionName, AnyOption]>;
}

/** Largest file that is read as configuration, in characters. */
const MAX_LENGTH = 1024 * 1024;

/** Reads the YAML file. `${NAME}` in a value is replaced by that environment variable; `$${NAME}` stands for itself. */
export function readYaml(file: string, content: string, environment: Environment): Reading {
  const reading = emptyReading();
  if (content.length > MAX_LENGTH) {
    reading.problems.push({ where: file, message: `is longer than ${MAX_LENGTH} characters` });
    return reading;
  }
  const lines = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  for (const error of [...document.errors, ...document.warnings]) {
    // Some messages quote the text, which may be the key.
    const told = error.message.split("\n", 1)[0]?.replace(/: .*$/, "");
    const message = error.code === "MULTIPLE_DOCS" ? "it holds several documents" : told;
    reading.problems.push({ where: place(error.pos[0]), message: `this is not valid YAML: ${message}` });
  }
  if (reading.problems.length > 0) return reading;
  const root = document.contents;
  if (root === null || isNothing(root)) return reading;

  const placeOf = (node: unknown): string => place((node as Node | null)?.range?.[0] ?? 0);
  const resolved = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);

  const readMap = (map: YAMLMap, section: Section, path: string): void => {
    for (const pair of map.items) readPair(pair, section, path);
  };

  const readPair = (pair: Pair, section: Section, path: string): void => {
    const key = isScalar(pair.key) ? String(pair.key.value) : "";
    const name = path === "" ? key : `${path}.${key}`;
    const entry = section.members.get(key);
    const value = resolved(pair.value);
    if (entry === undefined) {
      const message = `there is no option ${shown(name)}.${placeSuggestion(key, name, section)}`;
      reading.problems.push({ where: placeOf(pair.key), message });
    } else if (value === null || value === undefined || isNothing(value)) {
      return;
    } else if (!("members" in entry)) {
      readOption(entry[0], entry[1], name, value, placeOf(pair.value));
    } else if (isMap(value)) {
      readMap(value, entry, name);
    } else {
      const keys = [...entry.members.keys()].join(", ");
      reading.problems.push({ where: placeOf(pair.value), message: `${name} is a section, with the keys ${keys}` });
    }
  };

  const readOption = (option: OptionName, row: AnyOption, name: string, value: unknown, where: string): void => {
    const wrong = (problem: string): void => void reading.problems.push({ where, message: `${name} ${problem}` });
    if (row.many && isSeq(value)) {
      const texts = value.items.flatMap((item) => readScalar(name, resolved(item), placeOf(item)) ?? []);
      reading.given.push({ option, texts, where, replaces: true, lenient: false });
    } else if (!isScalar(value)) {
      wrong(row.many ? "must be a list" : `must be ${row.kind.expected}, not a ${isSeq(value) ? "list" : "section"}`);
    } else if (row.many && !row.commasInYaml) {
      wrong(`must be a list of values, each ${row.kind.expected}; write "- " in front of it`);
    } else {
      const text = readScalar(name, value, where);
      if (text === undefined) return;
      const texts = row.many ? commaList(text.text).map((item) => ({ text: item, where })) : [text];
      reading.given.push({ option, texts, where, replaces: true, lenient: false });
    }
  };

  const readScalar = (name: string, node: unknown, where: string): GivenText | undefined => {
    if (!isScalar(node) || node.value === null) {
      reading.problems.push({ where, message: `a value in ${name} must be a text, a number, or true or false` });
      return undefined;
    }
    // A number is taken as it is written: a key 0123 stays that.
    const text = typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
    const missing: string[] = [];
    const substituted = text.replace(
      /\$(\$?)\{([A-Za-z_][0-9A-Za-z_]*)\}/g,
      (whole, dollar: string, variable: string) => {
        if (dollar !== "") return whole.slice(1);
        const replacement = environment[variable];
        if (replacement === undefined) missing.push(variable);
        return replacement ?? "";
      },
    );
    for (const variable of missing) {
      const message = `\${${variable}} in ${name}: there is no environment variable of this name`;
      reading.problems.push({ where, message });
    }
    return missing.length > 0 ? undefined : { text: substituted, where };
  };

  if (isMap(root)) readMap(root, sections(), "");
  else
    reading.problems.push({
      where: placeOf(root),
      message: `must be sections such as ${[...sections().members.keys()].join(", ")}`,
    });
  return reading;
}

/** The sections as the table has them. */
function sections(): Section {
  const root: Section = { members: new Map() };
  for (const entry of OPTION_LIST) {
    const names = entry[1].yaml?.split(".") ?? [];
    let section = root;
    names.forEach((name, at) => {
      if (at === names.length - 1) {
        section.members.set(name, entry);
        return;
      }
      const inner = section.members.get(name);
      const next: Section = inner !== undefined && "members" in inner ? inner : { members: new Map() };
      section.members.set(name, next);
      section = next;
    });
  }
  return root;
}

/** The nearest key of this section, or the place where an option of that very name belongs. */
function placeSuggestion(key: string, name: string, section: Section): string {
  const here = [...section.members.keys()];
  const paths = OPTION_LIST.flatMap(([, option]) => option.yaml ?? []);
  const elsewhere = paths.find((path) => path.endsWith(`.${key}`) && path !== name);
  if (elsewhere !== undefined) return ` Did you mean ${elsewhere}?`;
  return suggestion(key, here) || ` Known here: ${here.join(", ")}.`;
}

function isNothing(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}
