import type { LineOptions, MultilineRule } from "../../config/line_options.ts";
import { globMatcher } from "../../rules/glob.ts";
import { fitsAny, type NamesOf, onlyName } from "../../rules/real_root.ts";
import { Joiner, type LineJoiner } from "./joiner.ts";

/** What joins the lines of the file with a path; undefined where they are shipped as they are. */
export type JoinerFor = (path: string) => LineJoiner | undefined;

/** Answers that are remembered: each read of a file asks. */
const MAX_REMEMBERED = 50_000;

/**
 * Makes the joiners of a configuration: for a path, that of the last entry of `log.rules` that matches and has one, or else that
 * for all files.
 * @param namesOf an entry counts for a path if it matches one of these.
 * @throws {Error} for patterns that `globProblem` or `rustRegexProblem` tells a problem of.
 */
export function multilineFor(
  { multiline, pathRules }: Pick<LineOptions, "multiline" | "pathRules">,
  namesOf: NamesOf = onlyName,
): JoinerFor {
  const joinerOf = (rule: MultilineRule | undefined): Joiner | undefined => rule && new Joiner(rule);
  const forAll = joinerOf(multiline);
  const rules = pathRules.flatMap(({ paths, multiline: rule }) => {
    const joiner = joinerOf(rule);
    return joiner === undefined ? [] : [{ globs: paths.map((glob) => globMatcher(glob)), joiner }];
  });
  if (rules.length === 0) return () => forAll;
  const remembered = new Map<string, Joiner | undefined>();
  return (path) => {
    if (remembered.has(path)) return remembered.get(path);
    const names = namesOf(path);
    const joiner = rules.findLast(({ globs }) => fitsAny(globs, names))?.joiner ?? forAll;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(path, joiner);
    return joiner;
  };
}
