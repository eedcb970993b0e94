import { globMatcher } from "./glob.ts";
import { LogDirectory } from "./log_directory.ts";
import { exclusionMatcher, inclusionMatcher, type PathRuleOptions } from "./path_rules.ts";
import { fitsAny, type NamesOf, onlyName } from "./real_root.ts";

/** Whether a file ships, and what says so. */
export interface PathExplanation {
  readonly included: boolean;
  /** The list of `PathRuleOptions` whose item says it, or of which none does. */
  readonly list: keyof PathRuleOptions;
  /** The place of the item in it; undefined where none matches. */
  readonly at: number | undefined;
}

/**
 * Tells why the file of a path ships, or not; the answer is that of `PathRules.includes`.
 * @throws {Error} for patterns that `globProblem` or `rustRegexProblem` tells a problem of.
 */
export function explainPath(
  options: PathRuleOptions & { readonly dirs: readonly string[] },
  path: string,
  namesOf: NamesOf = onlyName,
): PathExplanation {
  const names = namesOf(path);
  const places = options.dirs.map((entry) => new LogDirectory(entry).placeOf(path));
  const firstOf = (list: "include" | "exclude", included: boolean): PathExplanation | undefined => {
    const glob = options[list].findIndex((item) => fitsAny([globMatcher(item)], names));
    if (glob >= 0) return { included, list, at: glob };
    const regexes = `${list}Regex` as const;
    const matcherOf = included ? inclusionMatcher : exclusionMatcher;
    const regex = options[regexes].findIndex((item) => fitsAny([matcherOf(item)], names));
    return regex < 0 ? undefined : { included, list: regexes, at: regex };
  };
  const excluded = firstOf("exclude", false);
  if (excluded !== undefined) return excluded;
  const named = places.indexOf("named");
  if (named >= 0) return { included: true, list: "dirs", at: named };
  if (!places.includes("beneath")) return { included: false, list: "dirs", at: undefined };
  return firstOf("include", true) ?? { included: false, list: "include", at: undefined };
}
