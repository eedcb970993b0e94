import { Buffer } from "node:buffer";
import { foundAlike } from "../existence.ts";
import { isLatin1, latin1RegExp } from "../latin1_source.ts";
import { LinearFinder } from "../linear/linear_finder.ts";
import { LinearMatcher } from "../linear/linear_matcher.ts";
import { Room } from "../linear/room.ts";
import { cheapRegExp } from "../matcher.ts";
import { mayBeEmpty, type Pattern } from "../pattern.ts";
import { isCheapToFind } from "../pattern_cost.ts";
import type { Redactor } from "../redaction/mod.ts";
import { afterEdits, type Edit, type TracedText } from "../redaction/traced.ts";
import { readRustRegex } from "../rust_regex.ts";
import { type CandidateSearch, candidateSearch, mayMatch, NO_LINE } from "./candidates.ts";
import { LineWork } from "./work.ts";

/** What takes the place of what an expression matches, as in the existing agents. */
export const REDACTED = "[REDACTED]";

/** UTF-16 units from which on a line is asked for a match before all are looked for. */
const LONG = 4096;

/** Finds where the matches of one expression begin and end, in turn. */
type Finder = (line: string, work: LineWork) => readonly number[];

/** Takes out of lines what must not be shipped: the matches of expressions first, then what the presets find in the rest. */
export class LineRedaction {
  /** Finds lines that may have something to redact; see `candidateSearch`. */
  readonly candidates: CandidateSearch;
  /** Characters and choices in all expressions. */
  readonly size: number;
  readonly #finders: readonly Finder[];
  readonly #redactor: Redactor | undefined;

  /**
   * @param finders what was made of expressions that were met before, which is shared.
   * @throws {RegexSyntaxError} for an expression that `rustRegexProblem` tells a problem of.
   */
  constructor(expressions: readonly string[], redactor: Redactor | undefined, finders = new Finders()) {
    const patterns = expressions.map((expression) => finders.alikeOf(expression));
    this.size = expressions.reduce((sum, expression) => sum + finders.patternOf(expression).size, 0);
    const matches = patterns.length === 0 ? NO_LINE : candidateSearch(patterns);
    this.candidates = redactor === undefined ? matches : { ...matches, places: placesOf(redactor) };
    this.#finders = expressions.map((expression) => finders.of(expression));
    this.#redactor = redactor;
  }

  /**
   * @param line without its line end.
   * @returns the UTF-8 that is shipped instead; undefined when nothing was found.
   * @throws {WorkLimitError} when the line would take too long.
   */
  redact(line: string): Buffer | undefined {
    const text = this.#withoutMatches(line);
    if (this.#redactor !== undefined) {
      const bytes = Buffer.from(text ?? line);
      const redacted = this.#redactor.redact(bytes.toString("latin1"));
      if (redacted !== undefined) return Buffer.from(redacted, "latin1");
    }
    return text === undefined ? undefined : Buffer.from(text);
  }

  /**
   * The same as `redact`, with what was put into the line: its places in bytes of UTF-8, and what did it. An expression is told by its
   * number, a preset by its name.
   * @throws {WorkLimitError} when the line would take too long.
   */
  trace(line: string): TracedText {
    const work = new LineWork(line);
    const found = this.#finders.map((find) => find(line, work));
    const edits = editsOf(found.reduce(united, []), found);
    const spans = afterEdits([], bytePlaces(line, edits));
    const text = Buffer.from(
      withoutSpans(
        line,
        edits.flatMap(({ start, end }) => [start, end]),
      ),
    ).toString("latin1");
    const traced = this.#redactor?.trace(text, spans) ?? { text, spans };
    return { text: Buffer.from(traced.text, "latin1").toString("utf8"), spans: traced.spans };
  }

  /** Every expression sees the line as it was; what several match becomes one. */
  #withoutMatches(line: string): string | undefined {
    let spans: readonly number[] = [];
    const work = new LineWork(line);
    for (const find of this.#finders) {
      const found = find(line, work);
      if (found.length > 0) spans = spans.length === 0 ? found : united(spans, found);
    }
    return spans.length === 0 ? undefined : withoutSpans(line, spans);
  }
}

function withoutSpans(line: string, spans: readonly number[]): string {
  let text = "";
  let at = 0;
  for (let next = 0; next < spans.length; next += 2) {
    text += line.slice(at, spans[next]) + REDACTED;
    at = spans[next + 1] ?? at;
  }
  return text + line.slice(at);
}

/** What takes the place of united spans, and which of the expressions each is of. */
function editsOf(spans: readonly number[], found: readonly (readonly number[])[]): Edit[] {
  const nexts = found.map(() => 0);
  const edits: Edit[] = [];
  for (let at = 0; at < spans.length; at += 2) {
    const [start = 0, end = 0] = [spans[at], spans[at + 1]];
    const by: number[] = [];
    for (const [expression, own] of found.entries()) {
      let next = nexts[expression] ?? 0;
      const from = own[next];
      if (from !== undefined && (from < end || from === start)) by.push(expression);
      while ((own[next] ?? Number.POSITIVE_INFINITY) < end || own[next] === start) next += 2;
      nexts[expression] = next;
    }
    edits.push({ start, end, length: REDACTED.length, by });
  }
  return edits;
}

/** Places in a text, in order, as those in its UTF-8. */
function bytePlaces(text: string, edits: readonly Edit[]): Edit[] {
  let at = 0;
  let bytes = 0;
  const bytesAt = (place: number): number => {
    bytes += Buffer.byteLength(text.slice(at, place));
    at = place;
    return bytes;
  };
  return edits.map((edit) => ({ ...edit, start: bytesAt(edit.start), end: bytesAt(edit.end) }));
}

/** Where the presets may find something; where they fail every line is looked at, which tells it. */
function placesOf(redactor: Redactor): CandidateSearch["places"] {
  return (text) => {
    const next = redactor.places(text);
    return (from) => {
      try {
        return next(from);
      } catch {
        return from;
      }
    };
  };
}

/** What is made of expressions, once for each: lists of many combinations have the same ones in them. */
export class Finders {
  readonly room: Room;
  readonly #patterns = new Map<string, Pattern>();
  readonly #alike = new Map<string, Pattern>();
  readonly #known = new Map<string, Finder>();

  /** @param room for what all of them learn. */
  constructor(room = new Room()) {
    this.room = room;
  }

  /** @throws {RegexSyntaxError} for an expression that `rustRegexProblem` tells a problem of. */
  patternOf(expression: string): Pattern {
    const known = this.#patterns.get(expression) ?? readRustRegex(expression);
    this.#patterns.set(expression, known);
    return known;
  }

  /** A simpler pattern that is found in the same lines. @throws {RegexSyntaxError} as `patternOf`. */
  alikeOf(expression: string): Pattern {
    const known = this.#alike.get(expression) ?? foundAlike(this.patternOf(expression));
    this.#alike.set(expression, known);
    return known;
  }

  /** What finds its matches. @throws {RegexSyntaxError} as `patternOf`. */
  of(expression: string): Finder {
    const known = this.#known.get(expression) ?? finderOf(this.patternOf(expression), this.room);
    this.#known.set(expression, known);
    return known;
  }
}

function finderOf(pattern: Pattern, room: Room): Finder {
  // What may be empty is not the same in JavaScript, in a repetition and as a whole.
  const isSolid = !mayBeEmpty(pattern) && !repeatsEmpty(pattern);
  const latin1 = isSolid && isCheapToFind(pattern) ? latin1RegExp(pattern, "g") : undefined;
  const find = anyFinderOf(pattern, isSolid ? cheapRegExp(pattern) : undefined, room);
  // A line may be looked at because of another expression.
  const isCandidate = mayMatch([foundAlike(pattern)]);
  return (line, work) => {
    if (latin1 !== undefined && isLatin1(line)) return backtracked(latin1, line);
    return isCandidate(line) ? find(line, work) : [];
  };
}

function anyFinderOf(pattern: Pattern, cheap: RegExp | undefined, room: Room): Finder {
  if (cheap !== undefined) {
    const search = new RegExp(cheap.source, `${cheap.flags}g`);
    return (line) => backtracked(search, line);
  }
  const matcher = new LinearMatcher(foundAlike(pattern), true, room);
  const finder = new LinearFinder(pattern, room);
  return (line, work) => {
    // Whether there is anything is told much faster, which is worth to know of a line that is long.
    const isThere = line.length < LONG || work.do(matcher, (allowed) => matcher.test(line, allowed));
    return isThere ? work.do(finder, (allowed) => finder.spans(line, allowed)) : [];
  };
}

function backtracked(search: RegExp, line: string): number[] {
  const spans: number[] = [];
  search.lastIndex = 0;
  for (let match = search.exec(line); match !== null; match = search.exec(line))
    spans.push(match.index, match.index + match[0].length);
  return spans;
}

/** Whether anything that a pattern repeats may be empty. */
function repeatsEmpty(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "set":
    case "assertion":
      return false;
    case "ahead":
      return true;
    case "repeat":
      return mayBeEmpty(pattern.body) || repeatsEmpty(pattern.body);
    case "sequence":
    case "choice":
      return pattern.parts.some(repeatsEmpty);
  }
}

/** The spans of two lists in ascending order, as one each where they overlap. */
function united(one: readonly number[], other: readonly number[]): number[] {
  const pairs: [from: number, to: number][] = [];
  for (const spans of [one, other])
    for (let at = 0; at < spans.length; at += 2) pairs.push([spans[at] ?? 0, spans[at + 1] ?? 0]);
  pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const all: number[] = [];
  for (const [from, to] of pairs) {
    const last = all.length - 1;
    const lastTo = all[last] ?? -1;
    if (from < lastTo || from === all[last - 1]) all[last] = Math.max(lastTo, to);
    else all.push(from, to);
  }
  return all;
}
