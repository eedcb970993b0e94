import type { NotShipped } from "./preview_line.ts";
import type { NamedRule, RuleNames } from "./rule_names.ts";

/** Inclusions that are named in a text; more would hide the line. */
const MAX_NAMED = 3;

/** The rules that keep a line from being shipped. */
export function rulesOf(why: NotShipped, names: RuleNames): NamedRule[] {
  if (why.by === "exclusion") return [names.line(why.rule)];
  return why.by === "inclusion" ? why.rules.map((rule) => names.line(rule)) : [];
}

/** Why a line is not shipped, for people. */
export function reasonText(why: NotShipped, names: RuleNames): string {
  const rules = rulesOf(why, names);
  switch (why.by) {
    case "exclusion":
      return rules.map(ruleText).join(", ");
    case "inclusion": {
      const [first] = rules;
      if (rules.length === 1 && first !== undefined) return `${ruleText(first)} is not found in it`;
      const more = rules.length > MAX_NAMED ? ` and ${rules.length - MAX_NAMED} more` : "";
      return `none is found in it of ${rules.slice(0, MAX_NAMED).map(ruleText).join(", ")}${more}`;
    }
    default:
      return REASONS[why.by];
  }
}

/** What is said of lines by their reason. */
export const REASONS: Readonly<Record<NotShipped["by"], string>> = {
  exclusion: "an exclusion is found in it",
  inclusion: "no inclusion is found in it",
  rule: "a rule on its text is against it",
  sample: "it is not in the share of log.line_sample",
  undecided: "a rule cannot be applied to it in time",
  too_large: "it is too large for a request",
  empty: "empty",
};

export function ruleText({ option, rule, source }: NamedRule): string {
  return `${option} ${rule} (${source})`;
}
