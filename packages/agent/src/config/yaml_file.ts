import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from "yaml";
import { commaList } from "./comma_list.ts";
import type { Environment } from "./environment.ts";
import { RULE_OPTIONS } from "./line_rows.ts";
import { suggestion } from "./nearest.ts";
import { type AnyOption, lastKey, OPTION_LIST, type OptionName } from "./options.ts";
import { shownName } from "./problem.ts";
import {
  emptyReading,
  type Given,
  type GivenRule,
  type GivenText,
  MAX_LENGTH,
  MAX_PROBLEMS,
  type Reading,
} from "./reading.ts";
import { substituted } from "./substitution.ts";
import { anchoredNodes, syntaxMessage } from "./yaml_syntax.ts";

/** Sections and options of the YAML file, by key. */
interface Section<Name extends string> {
  readonly members: Map<string, Section<Name> | readonly [Name, AnyOption]>;
}

/** Mostly a pattern is meant: `*.log`. */
const NO_ANCHOR =
  'this is not valid YAML: a text that begins with "*" must be in quotes, unless it is an alias, whose anchor (&) must come before it';

/** Values that are read of a file; without aliases (`*name`) none of that length has more. */
const MAX_VALUES = MAX_LENGTH;

/** Reads the YAML file. `${NAME}` in a value is replaced by that environment variable; `$${NAME}` stands for itself. */
export function readYaml(file: string, content: string, environment: Environment): Reading {
  const reading: Reading = { ...emptyReading(), form: "yaml" };
  if (content.length > MAX_LENGTH) {
    reading.problems.push({ where: file, message: `is longer than ${MAX_LENGTH} characters` });
    return { ...reading, isUnread: true };
  }
  const lines = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const document = parseDocument(content, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
    // The library compares each key with all before it; `readMap` does the same in linear time.
    uniqueKeys: false,
  });
  for (const error of [...document.errors, ...document.warnings].slice(0, MAX_PROBLEMS)) {
    reading.problems.push({ where: place(error.pos[0]), message: `this is not valid YAML: ${syntaxMessage(error)}` });
  }
  if (reading.problems.length > 0) return { ...reading, isUnread: true };
  const root = document.contents;
  if (root === null || isNothing(root)) return reading;

  const placeOf = (node: unknown): string => place((node as Node | null)?.range?.[0] ?? 0);
  let anchored: ReadonlyMap<unknown, unknown> | undefined;
  const resolved = (node: unknown): unknown => {
    if (!isAlias(node)) return node;
    anchored ??= anchoredNodes(document);
    const found = anchored.get(node);
    if (found === undefined) tell(placeOf(node), NO_ANCHOR);
    return found;
  };
  const tell = (where: string, message: string): void => {
    if (reading.problems.length < MAX_PROBLEMS) reading.problems.push({ where, message });
  };

  const readMap = <N extends string>(map: YAMLMap, section: Section<N>, path: string, given: Given<N>[]): void => {
    const seen = new Set<string>();
    for (const pair of map.items) {
      if (reading.problems.length >= MAX_PROBLEMS) return;
      const key = isScalar(pair.key) ? String(pair.key.value) : "";
      if (seen.has(key)) tell(placeOf(pair.key), "this is not valid YAML: Map keys must be unique");
      else readPair(pair, key, section, path, given);
      seen.add(key);
    }
  };

  const readPair = <N extends string>(
    pair: Pair,
    key: string,
    section: Section<N>,
    path: string,
    given: Given<N>[],
  ): void => {
    const name = path === "" ? key : `${path}.${key}`;
    const entry = section.members.get(key);
    const value = resolved(pair.value);
    if (entry === undefined) {
      tell(placeOf(pair.key), `there is no option ${shownName(name)}.${placeSuggestion(key, name, section)}`);
    } else if (value === null || value === undefined || isNothing(value)) {
      return;
    } else if (!("members" in entry)) {
      const [option, row] = entry;
      const where = placeOf(pair.value);
      if (!row.many || row.entries === undefined) readOption(option, row, name, value, where, given);
      else readEntries(name, value, where);
    } else if (isMap(value)) {
      readMap(value, entry, name, given);
    } else {
      const keys = [...entry.members.keys()].join(", ");
      tell(placeOf(pair.value), `${name} is a section, with the keys ${keys}`);
    }
  };

  const readOption = <N extends string>(
    option: N,
    row: AnyOption,
    name: string,
    value: unknown,
    where: string,
    given: Given<N>[],
  ): void => {
    const wrong = (problem: string): void => tell(where, `${name} ${problem}`);
    const give = (texts: readonly GivenText[]): void => {
      given.push({ option, texts, where, replaces: true, lenient: false, title: name });
    };
    if (row.many && isSeq(value)) {
      give(
        value.items.flatMap((item, at) => {
          const one = resolved(item);
          const title = `${name}[${at}]`;
          const text = one === undefined ? undefined : readScalar(title, one, placeOf(item));
          return text === undefined ? [] : { ...text, title };
        }),
      );
    } else if (!isScalar(value)) {
      wrong(row.many ? "must be a list" : `must be ${row.kind.expected}, not a ${isSeq(value) ? "list" : "section"}`);
    } else if (row.many && !row.commasInYaml && !row.oneInYaml) {
      wrong(`must be a list of values, each ${row.kind.expected}; write "- " in front of it`);
    } else {
      const text = readScalar(name, value, where);
      if (text === undefined) return;
      give(row.many && row.commasInYaml ? commaList(text.text).map((item) => ({ text: item, where })) : [text]);
    }
  };

  const readEntries = (name: string, value: unknown, where: string): void => {
    if (!isSeq(value))
      return tell(where, `${name} must be a list of sections, each with a path; write "- " in front of it`);
    const rules: GivenRule[] = [];
    for (const [at, item] of value.items.entries()) {
      if (reading.problems.length >= MAX_PROBLEMS) break;
      const title = `${name}[${at}]`;
      const entry = resolved(item);
      const given: GivenRule["given"][number][] = [];
      const problemsBefore = reading.problems.length;
      if (isMap(entry)) readMap(entry, RULE_SECTION, title, given);
      else if (entry !== undefined)
        tell(placeOf(item), `${title} must be a section, with the keys ${[...RULE_SECTION.members.keys()].join(", ")}`);
      const incomplete = reading.problems.length > problemsBefore;
      rules.push({ title, where: placeOf(item), given, incomplete });
    }
    reading.rules = rules;
  };

  let values = 0;
  const readScalar = (name: string, node: unknown, where: string): GivenText | undefined => {
    values += 1;
    if (values > MAX_VALUES) {
      tell(where, `with what its aliases stand for the file has more than ${MAX_VALUES} values`);
      return undefined;
    }
    if (!isScalar(node) || node.value === null) {
      tell(where, `${name} must be a text, a number, or true or false`);
      return undefined;
    }
    // A number is taken as it is written: a key 0123 stays that.
    const text = typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
    const { text: whole, missing } = substituted(text, environment);
    for (const variable of missing)
      tell(where, `\${${variable}} in ${name}: there is no environment variable of this name`);
    return missing.length > 0 ? undefined : { text: whole, where };
  };

  if (isMap(root)) readMap(root, ROOT, "", reading.given);
  else tell(placeOf(root), `must be sections such as ${[...ROOT.members.keys()].join(", ")}`);
  if (reading.problems.length >= MAX_PROBLEMS)
    reading.problems.push({ where: file, message: `there may be more: ${MAX_PROBLEMS} problems are told of a file` });
  return reading;
}

/** The sections as the table has them. */
function sections(): Section<OptionName> {
  const root: Section<OptionName> = { members: new Map() };
  for (const entry of OPTION_LIST) {
    const names = entry[1].yaml?.split(".") ?? [];
    let section = root;
    names.forEach((name, at) => {
      if (at === names.length - 1) {
        section.members.set(name, entry);
        return;
      }
      const inner = section.members.get(name);
      const next: Section<OptionName> = inner !== undefined && "members" in inner ? inner : { members: new Map() };
      section.members.set(name, next);
      section = next;
    });
  }
  return root;
}

const ROOT = sections();

/** The keys of an entry of `log.rules`: those of the same options for all files, and some of its own. */
const RULE_SECTION: Section<keyof typeof RULE_OPTIONS> = {
  members: new Map(
    // Object.entries gives strings for keys; these are the very keys of the table.
    Object.entries<AnyOption>(RULE_OPTIONS).map(([name, row]) => [
      lastKey(row),
      [name as keyof typeof RULE_OPTIONS, row],
    ]),
  ),
};

/** The nearest key of this section, or the place where an option of that very name belongs. */
function placeSuggestion(key: string, name: string, section: Section<string>): string {
  const here = [...section.members.keys()];
  const paths = OPTION_LIST.flatMap(([, option]) => option.yaml ?? []);
  const elsewhere = name.includes("[") ? undefined : paths.find((path) => path.endsWith(`.${key}`) && path !== name);
  if (elsewhere !== undefined) return ` Did you mean ${elsewhere}?`;
  return suggestion(key, here) || ` Known here: ${here.join(", ")}.`;
}

function isNothing(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}
