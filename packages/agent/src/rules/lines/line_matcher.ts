import { LinearMatcher } from "../linear/linear_matcher.ts";
import { choiceOf, MAX_HEIGHT, MAX_SIZE, type Pattern } from "../pattern.ts";
import { isCheapToBacktrack } from "../pattern_cost.ts";
import { patternRegExp } from "../pattern_source.ts";
import { readRustRegex } from "../rust_regex.ts";
import { type CandidateSearch, candidateSearch } from "./candidates.ts";

/**
 * Instructions that may be looked at for a line: so many, and so many for each UTF-16 unit of it. For a line of 1 MiB that is about
 * 100 ms. What is known from other lines takes none, so nothing comes near it but a pattern that many ways lead through
 * at once, on a line that was made to be different at each place.
 */
const FREE_STEPS = 2_000_000;
const STEPS_PER_UNIT = 8;

export function allowedSteps(text: string): number {
  return FREE_STEPS + STEPS_PER_UNIT * text.length;
}

/** Tells which lines match any of several expressions, in one pass over all that V8 is not trusted with. */
export class LineMatcher {
  /** Finds lines that may match; see `candidateSearch`. */
  readonly candidates: CandidateSearch;
  readonly #cheap: readonly RegExp[];
  readonly #linear: readonly LinearMatcher[];

  /** @throws {RegexSyntaxError} for an expression that `rustRegexProblem` tells a problem of. */
  constructor(expressions: readonly string[]) {
    const patterns = expressions.map(readRustRegex);
    this.candidates = candidateSearch(patterns);
    const cheap: RegExp[] = [];
    const others: Pattern[] = [];
    for (const pattern of patterns) {
      const regex = isCheapToBacktrack(pattern) ? patternRegExp(pattern) : undefined;
      if (regex === undefined) others.push(pattern);
      else cheap.push(regex);
    }
    this.#cheap = cheap;
    this.#linear = together(others).map((pattern) => new LinearMatcher(pattern, true));
  }

  /**
   * @param line without its line end.
   * @throws {WorkLimitError} when the line would take too long.
   */
  test(line: string): boolean {
    for (const regex of this.#cheap) if (regex.test(line)) return true;
    for (const matcher of this.#linear) if (matcher.test(line, allowedSteps(line))) return true;
    return false;
  }
}

/** As few patterns as match the same. */
function together(patterns: readonly Pattern[]): Pattern[] {
  if (patterns.length === 0) return [];
  const all = choiceOf(patterns);
  return all.size <= MAX_SIZE && all.height <= MAX_HEIGHT ? [all] : [...patterns];
}
