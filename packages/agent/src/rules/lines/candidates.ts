import type { Pattern } from "../pattern.ts";
import { backtrackingSteps } from "../pattern_cost.ts";
import { asciiSource, UTF8_STEPS, utf8Source } from "./byte_source.ts";
import { requiredLiterals } from "./literals.ts";

/** Characters from which on a literal is rare enough to be looked for before anything else. */
const GOOD_LITERAL = 3;
/** Steps of all patterns together that looking for candidates may take at each place of a text. */
const MAX_STEPS = 200;
/** Alternatives in one search. */
const MAX_SOURCES = 64;

/** Finds lines that may match, in many lines at once, with the flag `g`. Undefined where every line has to be looked at. */
export interface CandidateSearch {
  /** For text of ASCII. */
  readonly ascii: RegExp | undefined;
  /** For any valid UTF-8 of which each byte is one character (latin1). */
  readonly utf8: RegExp | undefined;
  /** Further places, in either; see `Redactor`. */
  readonly places?: ((text: string) => (from: number) => number) | undefined;
}

export const EVERY_LINE: CandidateSearch = { ascii: undefined, utf8: undefined };

/** Finds nothing. */
const NOTHING = /(?!)/g;
export const NO_LINE: CandidateSearch = { ascii: NOTHING, utf8: NOTHING };

/** Lists of many combinations have the same expressions in them, and these take long. */
const literalsOf = remembered(requiredLiterals);
const stepsOf = remembered(backtrackingSteps);
const asciiSourceOf = remembered(asciiSource);
const utf8SourceOf = remembered(utf8Source);

/** Makes the search for lines that may match one of the patterns: a line without a hit matches none, and costs nothing more. */
export function candidateSearch(patterns: readonly Pattern[]): CandidateSearch {
  return { ascii: searchOf(patterns, asciiSourceOf, 1), utf8: searchOf(patterns, utf8SourceOf, UTF8_STEPS) };
}

/** @param steps how many times the steps of a pattern its source takes. */
function searchOf(
  patterns: readonly Pattern[],
  sourceOf: (pattern: Pattern) => string,
  factor: number,
): RegExp | undefined {
  const sources: string[] = [];
  let steps = 0;
  for (const pattern of patterns) {
    const literals = literalsOf(pattern);
    const own = stepsOf(pattern) * factor;
    if (literals !== undefined && (literals.length >= GOOD_LITERAL || own > MAX_STEPS)) {
      sources.push(...literals.sources);
      steps += literals.sources.length;
    } else {
      sources.push(sourceOf(pattern));
      steps += own;
    }
  }
  return steps > MAX_STEPS || sources.length > MAX_SOURCES ? undefined : new RegExp(sources.join("|"), "gm");
}

/** A function that makes what it makes of a pattern once, for as long as there is the pattern. */
function remembered<T>(make: (pattern: Pattern) => T): (pattern: Pattern) => T {
  const known = new WeakMap<Pattern, { readonly made: T }>();
  return (pattern) => {
    const found = known.get(pattern) ?? { made: make(pattern) };
    known.set(pattern, found);
    return found.made;
  };
}
