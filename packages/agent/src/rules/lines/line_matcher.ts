import { LinearMatcher } from "../linear/linear_matcher.ts";
import type { Room } from "../linear/room.ts";
import { cheapRegExp } from "../matcher.ts";
import { choiceOf, MAX_HEIGHT, MAX_SIZE, type Pattern } from "../pattern.ts";
import { readRustRegex } from "../rust_regex.ts";
import { type CandidateSearch, candidateSearch } from "./candidates.ts";
import { LineWork } from "./work.ts";

/** Tells which lines match any of several expressions, in one pass over all that V8 is not trusted with. */
export class LineMatcher {
  /** Finds lines that may match; see `candidateSearch`. */
  readonly candidates: CandidateSearch;
  readonly #cheap: readonly RegExp[];
  readonly #linear: readonly LinearMatcher[];

  /** @throws {RegexSyntaxError} for an expression that `rustRegexProblem` tells a problem of. */
  constructor(expressions: readonly string[], room?: Room) {
    const patterns = expressions.map(readRustRegex);
    this.candidates = candidateSearch(patterns);
    const cheap: RegExp[] = [];
    const others: Pattern[] = [];
    for (const pattern of patterns) {
      const regex = cheapRegExp(pattern);
      if (regex === undefined) others.push(pattern);
      else cheap.push(regex);
    }
    this.#cheap = cheap;
    this.#linear = together(others).map((pattern) => new LinearMatcher(pattern, true, room));
  }

  /**
   * @param line without its line end.
   * @throws {WorkLimitError} when the line would take too long.
   */
  test(line: string): boolean {
    for (const regex of this.#cheap) if (regex.test(line)) return true;
    if (this.#linear.length === 0) return false;
    const work = new LineWork(line);
    return this.#linear.some((matcher) => work.do(matcher, (allowed) => matcher.test(line, allowed)));
  }
}

/** As few patterns as match the same. */
function together(patterns: readonly Pattern[]): Pattern[] {
  if (patterns.length === 0) return [];
  const all = choiceOf(patterns);
  return all.size <= MAX_SIZE && all.height <= MAX_HEIGHT ? [all] : [...patterns];
}
