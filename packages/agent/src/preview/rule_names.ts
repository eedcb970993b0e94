import type { LoadResult } from "../config/mod.ts";
import { lastKey, OPTIONS, type OptionName } from "../config/options.ts";
import { sourceAt, sourceText } from "../config_report/source.ts";
import type { LineRule } from "../rules/lines/line_explainer.ts";

type RunConfig = Extract<LoadResult, { kind: "run" }>;

/** A rule as it is told to people and programs. */
export interface NamedRule {
  /** `log.line_exclusion_regex`, `log.rules[0].redact`. */
  readonly option: string;
  readonly rule: string;
  /** Where it stands: `/etc/logdna/config.yaml:3`, `variable MZ_REDACT`, `default`. */
  readonly source: string;
}

/** Tells how rules are called, and where they come from. */
export class RuleNames {
  readonly #loaded: RunConfig;
  readonly #lines = new Map<string, NamedRule>();

  constructor(loaded: RunConfig) {
    this.#loaded = loaded;
  }

  /** The same object for the same rule. */
  line(rule: LineRule): NamedRule {
    const key = `${rule.list} ${rule.entry} ${rule.at}`;
    let named = this.#lines.get(key);
    if (named === undefined) {
      named = this.#named(rule);
      this.#lines.set(key, named);
    }
    return named;
  }

  /** An item of an option that is a list. */
  item(option: OptionName, at: number, text: string): NamedRule {
    const { origins, itemOrigins } = this.#loaded;
    const items = itemOrigins.get(option);
    const where = items?.[at] ?? origins.get(option) ?? "";
    return { option: OPTIONS[option].yaml ?? option, rule: text, source: sourceText(sourceAt(where)) };
  }

  #named({ list, text, entry, at }: LineRule): NamedRule {
    if (entry === undefined) return this.item(list, at, text);
    const places = this.#loaded.ruleOrigins[entry];
    const where = places?.itemOrigins.get(list)?.[at] ?? places?.origins.get(list) ?? "";
    return {
      option: `${places?.title ?? "log.rules"}.${lastKey(OPTIONS[list])}`,
      rule: text,
      source: sourceText(sourceAt(where)),
    };
  }
}
