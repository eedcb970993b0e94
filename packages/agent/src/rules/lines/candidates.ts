import type { Pattern } from "../pattern.ts";
import { backtrackingSteps } from "../pattern_cost.ts";
import { asciiSource } from "./ascii_source.ts";
import { requiredLiterals } from "./literals.ts";

/** Characters from which on a literal is rare enough to be looked for before anything else. */
const GOOD_LITERAL = 3;
/** Steps of all patterns together that looking for candidates may take at each place of a text. */
const MAX_STEPS = 200;
/** Alternatives in one search. */
const MAX_SOURCES = 64;

/**
 * Makes the search that finds lines which may match one of the patterns, in many lines at once: a line without a hit
 * matches none, and costs nothing more. The text is valid UTF-8 of which each byte is one character (latin1).
 * @returns an expression with the flag `g`; undefined where every line has to be looked at.
 */
export function candidateSearch(patterns: readonly Pattern[]): RegExp | undefined {
  const sources: string[] = [];
  let steps = 0;
  let isAsciiOnly = false;
  for (const pattern of patterns) {
    const literals = requiredLiterals(pattern);
    const own = backtrackingSteps(pattern);
    if (literals !== undefined && (literals.length >= GOOD_LITERAL || own > MAX_STEPS)) {
      sources.push(...literals.sources);
      steps += literals.sources.length;
    } else {
      sources.push(asciiSource(pattern));
      isAsciiOnly = true;
      steps += own;
    }
  }
  if (steps > MAX_STEPS || sources.length > MAX_SOURCES) return undefined;
  // What is beyond ASCII is looked at line by line.
  if (isAsciiOnly) sources.push("[\\x80-\\xff]");
  return new RegExp(sources.join("|"), "gm");
}
