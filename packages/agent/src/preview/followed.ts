import type { Config } from "../config/mod.ts";
import type { OptionName } from "../config/options.ts";
import { explainPath, type PathExplanation } from "../rules/path_explanation.ts";
import type { PathRuleOptions } from "../rules/path_rules.ts";
import { realRoots } from "../rules/real_root.ts";
import type { NamedRule, RuleNames } from "./rule_names.ts";

/** Whether the agent would follow a file of this path, and what says so. */
export interface Followed {
  readonly followed: boolean;
  /** The rule that says it; undefined where it is that none matches. */
  readonly rule: NamedRule | undefined;
  /** For people. */
  readonly text: string;
}

const OPTION_OF: Readonly<Record<keyof PathRuleOptions, OptionName>> = {
  dirs: "logDirs",
  include: "includeGlobs",
  includeRegex: "includeRegexes",
  exclude: "excludeGlobs",
  excludeRegex: "excludeRegexes",
};

export function followedBy(config: Config, names: RuleNames): (path: string) => Followed {
  const { dirs, namesOf } = realRoots(config.logDirs);
  const options = {
    dirs,
    include: config.includeGlobs,
    includeRegex: config.includeRegexes,
    exclude: config.excludeGlobs,
    excludeRegex: config.excludeRegexes,
  };
  return (path) => {
    const found = explainPath(options, path, namesOf);
    const option = OPTION_OF[found.list];
    // As it is written, not under its real name.
    const items = config[option as keyof Config] as readonly string[];
    const rule = found.at === undefined ? undefined : names.item(option, found.at, items[found.at] ?? "");
    return { followed: found.included, rule, text: textOf(found, rule, config) };
  };
}

function textOf({ included, list }: PathExplanation, rule: NamedRule | undefined, config: Config): string {
  const told = rule === undefined ? "" : `${rule.option} ${rule.rule} (${rule.source})`;
  if (included) return list === "dirs" ? `it is named by ${told}` : `it is in a log directory and matches ${told}`;
  if (rule !== undefined) return `it matches ${told}`;
  if (list === "dirs") return `it is in none of the log directories: ${config.logDirs.join(", ")}`;
  return "it matches no inclusion (log.include.glob, log.include.regex)";
}
