import { isLatin1, latin1RegExp } from "../latin1_source.ts";
import { LinearMatcher } from "../linear/linear_matcher.ts";
import { cheapRegExp } from "../matcher.ts";
import { choiceOf, MAX_HEIGHT, MAX_SIZE, type Pattern } from "../pattern.ts";
import { type CandidateSearch, candidateSearch } from "./candidates.ts";
import { Finders } from "./line_redaction.ts";
import { LineWork } from "./work.ts";

/** Tells which lines match any of several expressions, in one pass over all that V8 is not trusted with. */
export class LineMatcher {
  /** Finds lines that may match; see `candidateSearch`. */
  readonly candidates: CandidateSearch;
  /** Characters and choices in all expressions. */
  readonly size: number;
  readonly #cheap: readonly Cheap[];
  readonly #linear: readonly LinearMatcher[];

  /**
   * @param finders what was made of expressions that were met before, which is shared.
   * @throws {RegexSyntaxError} for an expression that `rustRegexProblem` tells a problem of.
   */
  constructor(expressions: readonly string[], finders = new Finders()) {
    const patterns = expressions.map((expression) => finders.alikeOf(expression));
    this.candidates = candidateSearch(patterns);
    this.size = patterns.reduce((sum, { size }) => sum + size, 0);
    const cheap: Cheap[] = [];
    const others: Pattern[] = [];
    for (const pattern of patterns) {
      const regex = cheapRegExp(pattern);
      if (regex === undefined) others.push(pattern);
      else cheap.push({ latin1: latin1RegExp(pattern, ""), any: regex });
    }
    this.#cheap = cheap;
    this.#linear = together(others).map((pattern) => new LinearMatcher(pattern, true, finders.room));
  }

  /**
   * @param line without its line end.
   * @throws {WorkLimitError} when the line would take too long.
   */
  test(line: string): boolean {
    if (this.#cheap.length > 0) {
      const form = isLatin1(line) ? "latin1" : "any";
      for (const cheap of this.#cheap) if (cheap[form].test(line)) return true;
    }
    if (this.#linear.length === 0) return false;
    const work = new LineWork(line);
    return this.#linear.some((matcher) => work.do(matcher, (allowed) => matcher.test(line, allowed)));
  }
}

/** What V8 is trusted with: an expression for lines of latin1, and one for any. */
interface Cheap {
  readonly latin1: RegExp;
  readonly any: RegExp;
}

/** As few patterns as match the same. */
function together(patterns: readonly Pattern[]): Pattern[] {
  if (patterns.length === 0) return [];
  const all = choiceOf(patterns);
  return all.size <= MAX_SIZE && all.height <= MAX_HEIGHT ? [all] : [...patterns];
}
