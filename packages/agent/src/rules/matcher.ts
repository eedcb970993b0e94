import { LinearMatcher } from "./linear/linear_matcher.ts";
import type { Pattern } from "./pattern.ts";
import { isCheapToBacktrack } from "./pattern_cost.ts";

/** Tells whether a text fits an operator's rule. Texts come from whoever may write logs, and may be made to take long. */
export interface Matcher {
  test(text: string): boolean;
}

/**
 * The faster matcher that takes linear time for every text: V8's, which goes back and forth, only where the pattern leaves
 * it next to nothing to go back for.
 * @param wide characters are code points, as under the flag `v`; otherwise UTF-16 units, as without flags.
 * @param regExp makes the same pattern for V8, where V8 has it.
 */
export function matcherOf(pattern: Pattern, wide: boolean, regExp: () => RegExp | undefined): Matcher {
  return (isCheapToBacktrack(pattern) ? regExp() : undefined) ?? new LinearMatcher(pattern, wide);
}
