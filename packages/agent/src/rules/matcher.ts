import { foundAlike } from "./existence.ts";
import { LinearMatcher } from "./linear/linear_matcher.ts";
import { mayBeEmpty, type Pattern } from "./pattern.ts";
import { isCheapToBacktrack } from "./pattern_cost.ts";
import { patternRegExp } from "./pattern_source.ts";

/** Tells whether a text fits an operator's rule. Texts come from whoever may write logs, and may be made to take long. */
export interface Matcher {
  test(text: string): boolean;
}

/**
 * V8's expression for a pattern of code points, which goes back and forth, where the pattern leaves it next to nothing to go back
 * for. Undefined also where the pattern may be empty: V8 looks for a place of no width in the middle of a character beyond the basic
 * plane, too.
 */
export function cheapRegExp(pattern: Pattern): RegExp | undefined {
  return isCheapToBacktrack(pattern) && !mayBeEmpty(pattern) ? patternRegExp(pattern) : undefined;
}

/** Instructions that a search may come to; 0.1 to 0.2 s. */
const MAX_STEPS = 1 << 24;

/**
 * The faster matcher that takes linear time for every text, and at most some 0.2 s.
 * @param given of code points.
 * @param beyond what is said of texts that might take longer: those of more than 16,777,216 UTF-16 units by the pattern's size.
 */
export function boundedMatcher(given: Pattern, beyond: boolean): Matcher {
  const pattern = foundAlike(given);
  const regex = cheapRegExp(pattern);
  if (regex !== undefined) return regex;
  const linear = new LinearMatcher(pattern, true);
  const longest = Math.floor(MAX_STEPS / pattern.size);
  return { test: (text) => (text.length > longest ? beyond : linear.test(text)) };
}
