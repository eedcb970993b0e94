import { RULE_OPTIONS } from "./line_rows.ts";
import {
  type AnyOption,
  OPTION_LIST,
  type OptionName,
  optionTitle,
  type Settings,
  type SettingsOf,
} from "./options.ts";
import { type Problem, shown } from "./problem.ts";
import type { Given, GivenRule, Reading } from "./reading.ts";
import { inclusionsOfV1 } from "./v1_inclusions.ts";

type RuleTable = typeof RULE_OPTIONS;

/** What an entry of `log.rules` says; a value that it does not give is undefined, and a list is empty. */
type RuleValues = {
  readonly [N in keyof RuleTable]: RuleTable[N]["many"] extends true
    ? SettingsOf<RuleTable>[N]
    : SettingsOf<RuleTable>[N] | undefined;
};

/** An entry of `log.rules`, read. */
export interface RuleSettings {
  readonly title: string;
  readonly where: string;
  /** Something in it could not be read, which has been told. */
  readonly incomplete: boolean;
  readonly settings: RuleValues;
  /** Where each value stands; those that were not given are not in it. */
  readonly origins: ReadonlyMap<keyof RuleTable, string>;
  /** Where each item of a list stands. */
  readonly itemOrigins: ReadonlyMap<keyof RuleTable, readonly string[]>;
}

/** What all places together come to. */
export interface Merged {
  readonly settings: Settings;
  /** Entries of `log.rules`. */
  readonly rules: readonly RuleSettings[];
  /** Where each value comes from; options that have their default are not in it. */
  readonly origins: ReadonlyMap<OptionName, string>;
  /** Where each item of a list comes from, in the order of the items; empty for one of the default. */
  readonly itemOrigins: ReadonlyMap<OptionName, readonly string[]>;
  /** What messages call options that the YAML file gives: their paths there. */
  readonly titles: ReadonlyMap<OptionName, string>;
  /** Options that something was given for that cannot be read, which has been told. */
  readonly unread: ReadonlySet<OptionName>;
  /** A file could not be read, which has been told; so what is not given may be in it. */
  readonly isIncomplete: boolean;
  /** How strong the place is that each value comes from; the stronger of two that exclude each other counts. */
  readonly strengths: ReadonlyMap<OptionName, number>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Puts together what the places give, the weakest first. A later value takes the place of an earlier one. A list from
 * the environment or from flags adds to that of the files, or to the default, as in v2; flags and the environment are one
 * place in this, in which flags win.
 */
export function merge(files: readonly Reading[], environment: Reading, flags: Reading): Merged {
  const problems = [...files, environment, flags].flatMap((reading) => reading.problems);
  const warnings = [...files, environment, flags].flatMap((reading) => reading.warnings);
  const values: Partial<Record<OptionName, unknown>> = {};
  const origins = new Map<OptionName, string>();
  const itemOrigins = new Map<OptionName, readonly string[]>();
  const strengths = new Map<OptionName, number>();
  const titles = new Map<OptionName, string>();
  const unread = new Set<OptionName>();
  for (const [name, option] of OPTION_LIST) {
    const find = (reading: Reading): Given | undefined => reading.given.find((given) => given.option === name);
    const flag = find(flags);
    const layers = [...files.map(find), flag === undefined ? find(environment) : undefined, flag];
    let value: unknown = option.default;
    let items = new Map<unknown, string>(option.many ? option.default.map((item) => [item, ""]) : []);
    if (name === "includeGlobs") {
      // The log directories are known by now: they come first in the table.
      const further = inclusionsOfV1(files, values.logDirs as readonly string[], itemOrigins.get("logDirs") ?? []);
      for (const { glob, where } of further) if (!items.has(glob)) items.set(glob, where);
      value = [...items.keys()];
    }
    for (const [strength, layer] of layers.entries()) {
      if (layer === undefined) continue;
      const read = readAll(option, layer, problems, warnings);
      if (read === undefined) {
        unread.add(name);
        continue;
      }
      if (!option.many) value = read[0];
      else value = layer.replaces ? read : [...new Set([...(value as readonly unknown[]), ...read])];
      if (layer.replaces) items = new Map();
      for (const [at, item] of read.entries()) if (!items.has(item)) items.set(item, layer.texts[at]?.where ?? "");
      origins.set(name, layer.where);
      strengths.set(name, strength);
      titles.delete(name);
      if (layer.title !== undefined) titles.set(name, layer.title);
      warnOfSupport(option, layer, warnings);
    }
    values[name] = value;
    if (option.many)
      itemOrigins.set(
        name,
        (value as readonly unknown[]).map((item) => items.get(item) ?? ""),
      );
  }
  const given = files.findLast((file) => file.rules !== undefined)?.rules ?? [];
  const rules = given.map((rule) => readRule(rule, problems, warnings));
  const isIncomplete = files.some(({ isUnread }) => isUnread === true);
  // Every option of the table has its value now, of the type that its kind reads.
  const settings = values as Settings;
  return { settings, rules, origins, itemOrigins, titles, unread, isIncomplete, strengths, problems, warnings };
}

function readRule(
  { title, where, given, incomplete }: GivenRule,
  problems: Problem[],
  warnings: Problem[],
): RuleSettings {
  const values: Record<string, unknown> = {};
  const origins = new Map<keyof RuleTable, string>();
  const itemOrigins = new Map<keyof RuleTable, readonly string[]>();
  for (const [name, option] of Object.entries<AnyOption>(RULE_OPTIONS)) values[name] = option.many ? [] : undefined;
  for (const one of given) {
    const option: AnyOption = RULE_OPTIONS[one.option];
    const read = readAll(option, one, problems, warnings);
    // What cannot be read has been given; that it cannot be read has been told.
    if (one.texts.length > 0) origins.set(one.option, one.where);
    if (read === undefined) continue;
    values[one.option] = option.many ? read : read[0];
    itemOrigins.set(
      one.option,
      one.texts.map(({ where }) => where),
    );
  }
  // Each option of the table has its value now, of the type that its kind reads.
  return { title, where, incomplete, settings: values as RuleValues, origins, itemOrigins };
}

/** The values of what was given; undefined when something in it cannot be read. */
function readAll(
  option: AnyOption,
  given: Given<string>,
  problems: Problem[],
  warnings: Problem[],
): readonly unknown[] | undefined {
  const values: unknown[] = [];
  let wrong = false;
  for (const item of given.texts) {
    const read = option.kind.read(item.text);
    if (read.ok) {
      values.push(read.value);
      continue;
    }
    wrong = true;
    const title = item.title ?? given.title;
    const got = read.isHidden === true ? "" : `, got ${shown(item.text)}`;
    // The name of a variable stands in front of the message.
    const problem = read.problem !== undefined && title !== undefined ? `${title}: ${read.problem}` : read.problem;
    const message = problem ?? `${title ?? optionTitle(option)} must be ${option.kind.expected}${got}`;
    if (given.lenient) warnings.push({ where: item.where, message: `${message}; it is ignored` });
    else problems.push({ where: item.where, message });
  }
  return wrong ? undefined : values;
}

function warnOfSupport(option: AnyOption, given: Given, warnings: Problem[]): void {
  if (option.support !== "later" || given.texts.length === 0) return;
  const harmless = option.many ? [] : (option.harmless ?? []);
  if (given.texts.every(({ text }) => harmless.includes(text.toLowerCase()))) return;
  warnings.push({
    where: given.where,
    message: `not supported yet by this version: ${given.title ?? optionTitle(option)}`,
  });
}
