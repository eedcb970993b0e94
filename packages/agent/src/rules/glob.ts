import picomatch, { type PicomatchOptions } from "picomatch";
import { readGlobSource } from "./glob_source.ts";
import { LinearMatcher } from "./linear/linear_matcher.ts";
import type { Matcher } from "./matcher.ts";
import { isCheapToBacktrack } from "./pattern_cost.ts";
import { RegexSyntaxError } from "./rust_scanner.ts";

/**
 * The glob dialect of the existing agents: the pattern matches the whole path, and `*` crosses `/`, as in bash's
 * `[[ path == pattern ]]`. A leading dot is a character like any other, and so is a newline in a name. `regex: false` is about `+`,
 * which is itself unless a parenthesis follows.
 */
const DIALECT = {
  bash: true,
  regex: false,
  dot: true,
  flags: "s",
  posix: true,
  literalBrackets: false,
  strictBrackets: true,
} as const;

/** What picomatch gives for a pattern that makes no regular expression. */
const NEVER = "$^";

/** Longest pattern; picomatch's own limit is far beyond. */
const MAX_PATTERN = 4096;

/** Parentheses and braces in each other; for these picomatch takes time with the cube of their number. */
const MAX_DEPTH = 50;

/** What is wrong with a pattern; undefined when it is fine. */
export function globProblem(pattern: string): string | undefined {
  if (pattern === "") return "it is empty";
  if (pattern.length > MAX_PATTERN) return `it is longer than ${MAX_PATTERN} characters`;
  if (depthOf(pattern) > MAX_DEPTH) return `it is nested more than ${MAX_DEPTH} deep`;
  try {
    if (picomatch.makeRe(forPicomatch(pattern), DIALECT).source === NEVER) return "it can never match";
    globMatcher(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof RegexSyntaxError) return error.message;
    const missing = error instanceof Error ? /^Missing (?:opening|closing): "(.)"/.exec(error.message)?.[1] : undefined;
    return missing === undefined ? "it cannot be read" : `a "${missing}" is missing`;
  }
}

function depthOf(pattern: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [found] of pattern.matchAll(/\\.|[({]|[)}]/gs)) {
    if (found === "(" || found === "{") depth += 1;
    else if (found === ")" || found === "}") depth = Math.max(0, depth - 1);
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/**
 * A matcher of what the pattern matches. The expressions that globs are translated to go back and forth without an end on
 * names that are made for them, so they are read and matched in linear time. Throws where `globProblem` tells a problem.
 * @param dialect how the pattern is read, in picomatch's terms; otherwise as the existing agents read their rules.
 */
export function globMatcher(pattern: string, dialect: PicomatchOptions = DIALECT): Matcher {
  const regex = picomatch.makeRe(forPicomatch(pattern), dialect);
  const glob = readGlobSource(regex.source);
  // Without flags, so characters are UTF-16 units to both.
  return isCheapToBacktrack(glob) ? regex : new LinearMatcher(glob, false);
}

/**
 * The same pattern for picomatch, which beside a parenthesis takes `?` for that of a regular expression, or for itself, and not for
 * any character. What begins a group of an expression, such as `(?:`, stays.
 */
export function forPicomatch(pattern: string): string {
  return pattern.replace(/\\.|\[[^\]]*\]|([()])\?(?!\()(?![:=!<])/gs, (found, parenthesis?: string) =>
    parenthesis === undefined ? found : `${parenthesis}[^/]`,
  );
}

/** In front of its first special character a pattern is plain text, and every match begins with it. */
export function literalPrefix(pattern: string): string {
  const special = pattern.search(/[*?[\]{}()!+@|\\]/);
  return special < 0 ? pattern : pattern.slice(0, special);
}

/** True when a text holds a character that makes it a pattern. */
export function isGlob(text: string): boolean {
  return /[*?[\]{}]|[!+@]\(/.test(text);
}
