import type { LineRules, PathRule, RedactionPreset, RedactionStyle } from "../../config/line_options.ts";
import { globMatcher } from "../glob.ts";
import { fitsAny, type NamesOf, onlyName } from "../real_root.ts";
import type { Redactor, TracedSpan } from "../redaction/mod.ts";
import { LineMatcher } from "./line_matcher.ts";
import { LineRedaction } from "./line_redaction.ts";

/** One rule of the configuration on lines. */
export interface LineRule {
  readonly list: "lineExclusion" | "lineInclusion" | "lineRedact" | "redact";
  /** The expression, or the name of the preset. */
  readonly text: string;
  /** The number of the entry of `log.rules` that has it; undefined for what counts for all files. */
  readonly entry: number | undefined;
  /** Its place in the list there. */
  readonly at: number;
}

/** Why the text of a line keeps it from being shipped. */
export type Against =
  | { readonly by: "exclusion"; readonly rule: LineRule }
  /** None of these is found in it. */
  | { readonly by: "inclusion"; readonly rules: readonly LineRule[] };

/** What was put into a line by redaction. */
export interface Redacted {
  readonly text: string;
  /** In bytes of UTF-8, in order; none overlaps another. */
  readonly spans: readonly (Omit<TracedSpan, "by"> & { readonly by: readonly LineRule[] })[];
}

export interface LineExplainerOptions {
  /** As for `compileLineRules`. */
  readonly namesOf?: NamesOf;
  readonly rules: LineRules & { readonly pathRules: readonly PathRule[] };
  readonly createRedactor: (presets: readonly RedactionPreset[], style: RedactionStyle) => Redactor;
}

/**
 * Names the rules that leave out or change the lines of the file with a path. What becomes of lines is decided elsewhere (`compileLineRules`):
 * this asks every rule alone, and takes as much longer.
 */
export class LineExplainer {
  readonly #inclusions: readonly LineRule[];
  readonly #inclusion: LineMatcher;
  readonly #exclusions: readonly { readonly rule: LineRule; readonly matcher: LineMatcher }[];
  readonly #redactions: readonly LineRule[];
  readonly #presets: readonly LineRule[];
  readonly #redaction: LineRedaction;

  /** @throws {Error} for patterns that `globProblem` or `rustRegexProblem` tells a problem of. */
  constructor({ rules, createRedactor, namesOf = onlyName }: LineExplainerOptions, path: string) {
    const names = namesOf(path);
    const matching = rules.pathRules.flatMap((rule, entry) =>
      fitsAny(
        rule.paths.map((glob) => globMatcher(glob)),
        names,
      )
        ? [{ rule, entry }]
        : [],
    );
    const places: readonly { rule: LineRules; entry: number | undefined }[] = [
      { rule: rules, entry: undefined },
      ...matching,
    ];
    const rulesOf = (list: LineRule["list"]): LineRule[] =>
      places.flatMap(({ rule, entry }) => rule[list].map((text, at) => ({ list, text, entry, at })));
    this.#inclusions = rulesOf("lineInclusion");
    this.#inclusion = new LineMatcher(this.#inclusions.map(({ text }) => text));
    this.#exclusions = rulesOf("lineExclusion").map((rule) => ({ rule, matcher: new LineMatcher([rule.text]) }));
    this.#redactions = rulesOf("lineRedact");
    this.#presets = rulesOf("redact");
    const presets = [...new Set(places.flatMap(({ rule }) => rule.redact))];
    const style = places.findLast(({ rule }) => rule.redactAs !== undefined)?.rule.redactAs ?? "mask";
    this.#redaction = new LineRedaction(
      this.#redactions.map(({ text }) => text),
      presets.length === 0 ? undefined : createRedactor(presets, style),
    );
  }

  /**
   * Why a line is not shipped whose text a rule is against.
   * @returns undefined where that cannot be told: no rule is, or it would take too long to ask each alone.
   */
  against(line: string): Against | undefined {
    return orUndefined(() => {
      if (this.#inclusions.length > 0 && !this.#inclusion.test(line))
        return { by: "inclusion", rules: this.#inclusions };
      const excluding = this.#exclusions.find(({ matcher }) => matcher.test(line));
      return excluding && { by: "exclusion", rule: excluding.rule };
    });
  }

  /** What is shipped instead of a line, and what did it; undefined where that cannot be told. */
  redacted(line: string): Redacted | undefined {
    return orUndefined(() => {
      const { text, spans } = this.#redaction.trace(line);
      return { text, spans: spans.map((span) => ({ ...span, by: span.by.flatMap((name) => this.#named(name)) })) };
    });
  }

  #named(name: number | string): LineRule | [] {
    const found = typeof name === "number" ? this.#redactions[name] : this.#presets.find(({ text }) => text === name);
    return found ?? [];
  }
}

/** Where a rule cannot be applied to a line in time, the line is not explained. */
function orUndefined<T>(explain: () => T): T | undefined {
  try {
    return explain();
  } catch {
    return undefined;
  }
}
