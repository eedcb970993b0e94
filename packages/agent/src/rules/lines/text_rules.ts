import { Buffer } from "node:buffer";
import type { LineRules } from "../../config/line_options.ts";
import type { ExcludedPiece } from "../../lines/pieces.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { Redactor } from "../redaction/mod.ts";
import { LineMatcher } from "./line_matcher.ts";
import { Finders, LineRedaction, REDACTED } from "./line_redaction.ts";

/** Why something is left out. */
export type Reason = ExcludedPiece["reason"];

/** The rules on the text of lines. Where they fail on a line, it is not shipped, or nothing of its text. */
export class TextRules {
  readonly inclusion: LineMatcher | undefined;
  readonly exclusion: LineMatcher | undefined;
  readonly redaction: LineRedaction | undefined;
  readonly #emit: (event: AgentEvent) => void;

  /**
   * @param finders of other rules, which are shared.
   * @throws {RegexSyntaxError} for an expression that `rustRegexProblem` tells a problem of.
   */
  constructor(
    rules: LineRules,
    redactor: Redactor | undefined,
    emit: (event: AgentEvent) => void,
    finders = new Finders(),
  ) {
    const matcherOf = (expressions: readonly string[]): LineMatcher | undefined =>
      expressions.length === 0 ? undefined : new LineMatcher(expressions, finders);
    this.inclusion = matcherOf(rules.lineInclusion);
    this.exclusion = matcherOf(rules.lineExclusion);
    this.redaction =
      rules.lineRedact.length === 0 && redactor === undefined
        ? undefined
        : new LineRedaction(rules.lineRedact, redactor, finders);
    this.#emit = emit;
  }

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.inclusion === undefined && this.exclusion === undefined && this.redaction === undefined;
  }

  /** Characters and choices in all expressions. */
  get size(): number {
    return [this.inclusion, this.exclusion, this.redaction].reduce((sum, rules) => sum + (rules?.size ?? 0), 0);
  }

  /** Why a line is not shipped; undefined when it is. */
  reasonAgainst(line: string, path: string): Reason | undefined {
    return this.notIncluded(line, path) ?? this.excluded(line, path);
  }

  notIncluded(line: string, path: string): Reason | undefined {
    return this.#reason(path, () => this.inclusion !== undefined && !this.inclusion.test(line));
  }

  excluded(line: string, path: string): Reason | undefined {
    return this.#reason(path, () => this.exclusion?.test(line) === true);
  }

  /** The UTF-8 that is shipped instead of a line; undefined when that is the line itself. */
  redacted(line: string, path: string): Buffer | undefined {
    try {
      return this.redaction?.redact(line);
    } catch (error) {
      this.#tell(path, error);
      return Buffer.from(REDACTED);
    }
  }

  #reason(path: string, isAgainst: () => boolean): Reason | undefined {
    try {
      return isAgainst() ? "rule" : undefined;
    } catch (error) {
      this.#tell(path, error);
      return "undecided";
    }
  }

  #tell(path: string, error: unknown): void {
    this.#emit({ name: "line_undecided", path, reason: error instanceof Error ? error.message : "unknown error" });
  }
}
