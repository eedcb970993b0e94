import type { Pattern } from "../pattern.ts";
import { backtrackingSteps } from "../pattern_cost.ts";
import { asciiSource, plainSource, UTF8_STEPS, unitSource, utf8Source } from "./byte_source.ts";
import { leadsOf } from "./leads.ts";
import { requiredLiterals, utf8Bytes, utf16Units } from "./literals.ts";

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
  /** For such UTF-8 without certain bytes, where that is faster. */
  readonly plain?: { readonly search: RegExp; readonly without: readonly number[] } | undefined;
  /** Further places, in either; see `Redactor`. */
  readonly places?: ((text: string) => (from: number) => number) | undefined;
}

export const EVERY_LINE: CandidateSearch = { ascii: undefined, utf8: undefined };

/** Finds nothing. */
const NOTHING = /(?!)/g;
export const NO_LINE: CandidateSearch = { ascii: NOTHING, utf8: NOTHING };

/** Lists of many combinations have the same expressions in them, and these take long. */
const byteLiteralsOf = remembered((pattern) => requiredLiterals(pattern, utf8Bytes));
const unitLiteralsOf = remembered((pattern) => requiredLiterals(pattern, utf16Units));
const stepsOf = remembered(backtrackingSteps);
const asciiSourceOf = remembered(asciiSource);
const utf8SourceOf = remembered(utf8Source);
const plainSourceOf = remembered(plainSource);
const leadsIn = remembered(leadsOf);

/** Makes the search for lines that may match one of the patterns: a line without a hit matches none, and costs nothing more. */
export function candidateSearch(patterns: readonly Pattern[]): CandidateSearch {
  const ascii = searchOf(patterns, (pattern) => ({ source: () => asciiSourceOf(pattern), factor: 1 }));
  const utf8 = searchOf(patterns, utf8Form);
  const without = new Set<number>();
  const search = searchOf(patterns, (pattern) => {
    const leads = leadsIn(pattern);
    if (leads === undefined) return utf8Form(pattern);
    const source = (): string => {
      for (const lead of leads) without.add(lead);
      return plainSourceOf(pattern);
    };
    return { source, factor: 1 };
  });
  const isFaster = search !== undefined && search.source !== utf8?.source;
  return { ascii, utf8, plain: isFaster ? { search, without: [...without] } : undefined };
}

/**
 * Tells of a line at once that it matches none of some patterns: then it is false. A line is a text of JavaScript without its end.
 */
export function mayMatch(patterns: readonly Pattern[]): (line: string) => boolean {
  const search = searchOf(patterns, (pattern) => ({ source: () => unitSource(pattern), factor: 1 }), unitLiteralsOf);
  if (search === undefined) return () => true;
  const once = new RegExp(search.source, "m");
  return (line) => once.test(line) || SURROGATE.test(line);
}

const SURROGATE = /[\ud800-\udfff]/;

/** What a pattern is searched by where it has no good literal. */
interface Form {
  source(): string;
  /** How many times the steps of the pattern that takes. */
  readonly factor: number;
}

function utf8Form(pattern: Pattern): Form {
  return { source: () => utf8SourceOf(pattern), factor: UTF8_STEPS };
}

function searchOf(
  patterns: readonly Pattern[],
  formOf: (pattern: Pattern) => Form,
  literalsOf = byteLiteralsOf,
): RegExp | undefined {
  const sources: string[] = [];
  let steps = 0;
  for (const pattern of patterns) {
    const literals = literalsOf(pattern);
    const { source, factor } = formOf(pattern);
    const own = stepsOf(pattern) * factor;
    if (literals !== undefined && (literals.length >= GOOD_LITERAL || !(own <= MAX_STEPS))) {
      sources.push(...literals.sources);
      steps += literals.sources.length;
    } else {
      sources.push(source());
      steps += own;
    }
  }
  return steps <= MAX_STEPS && sources.length <= MAX_SOURCES ? new RegExp(sources.join("|"), "gm") : undefined;
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
