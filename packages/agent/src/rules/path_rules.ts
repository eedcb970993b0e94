import { posix } from "node:path";
import { globMatcher, isGlob, literalPrefix } from "./glob.ts";
import { LogDirectory } from "./log_directory.ts";
import type { Matcher } from "./matcher.ts";
import { fitsAny, type NamesOf, onlyName } from "./real_root.ts";
import { rustMatcher } from "./rust_regex.ts";

export interface PathRuleOptions {
  /**
   * The log directories as configured: directories, single files, or patterns of either. A file that is named here
   * ships whatever the inclusion rules say. Without them every place counts as a log directory.
   */
  readonly dirs?: readonly string[];
  readonly include: readonly string[];
  readonly includeRegex: readonly string[];
  readonly exclude: readonly string[];
  readonly excludeRegex: readonly string[];
}

/** Which files ship. */
export interface PathRules {
  /** Directories (or single files) that everything named by the log directories is in; without duplicates. */
  readonly roots: readonly string[];
  /** Whether a file of this absolute path ships: included by a rule or by name, and not excluded. */
  includes(path: string): boolean;
  /** True only when no file beneath this directory can ever ship, so that it need not be looked into. */
  prunes(directory: string): boolean;
}

/** Answers that are remembered: the same names are asked for again and again. */
const MAX_REMEMBERED = 50_000;

/**
 * Makes the rules of which files ship.
 * @param namesOf a pattern counts for a path if it matches one of these; the log directories are matched with the path itself.
 * @throws {Error} for patterns that `globProblem` or `rustRegexProblem` tells a problem of.
 */
export function createPathRules(options: PathRuleOptions, namesOf: NamesOf = onlyName): PathRules {
  const directories = options.dirs?.map((entry) => new LogDirectory(entry));
  const include = [...options.include.map((glob) => globMatcher(glob)), ...options.includeRegex.map(inclusionMatcher)];
  const exclude = [...options.exclude.map((glob) => globMatcher(glob)), ...options.excludeRegex.map(exclusionMatcher)];
  const pruning = [
    ...options.exclude.filter(isClosedGlob).map((glob) => globMatcher(glob)),
    ...options.excludeRegex.filter(isClosedRegex).map(exclusionMatcher),
  ];
  // With regular expressions among the inclusions anything may be included anywhere.
  const prefixes = options.includeRegex.length > 0 ? [""] : options.include.map(absolutePrefix);
  const remembered = new Map<string, boolean>();

  const decide = (path: string): boolean => {
    const names = namesOf(path);
    if (fitsAny(exclude, names)) return false;
    if (directories === undefined) return fitsAny(include, names);
    let beneath = false;
    for (const directory of directories) {
      const place = directory.placeOf(path);
      if (place === "named") return true;
      if (place === "beneath") beneath = true;
    }
    return beneath && fitsAny(include, names);
  };

  return {
    roots: rootsOf(directories ?? []),
    includes: (path) => {
      let answer = remembered.get(path);
      if (answer === undefined) {
        answer = decide(path);
        if (remembered.size >= MAX_REMEMBERED) remembered.clear();
        remembered.set(path, answer);
      }
      return answer;
    },
    prunes: (directory) => {
      const names = namesOf(directory).map((name) => (name.endsWith("/") ? name : `${name}/`));
      if (fitsAny(pruning, names)) return true;
      const byRule = prefixes.some((prefix) =>
        names.some((inside) => inside.startsWith(prefix) || prefix.startsWith(inside)),
      );
      if (directories === undefined) return !byRule;
      return !directories.some((entry) => entry.mayName(directory) || (byRule && entry.mayHold(directory)));
    },
  };
}

/** A path that is too long for an expression to be asked is not shipped: it might be one that must not be. */
export function inclusionMatcher(expression: string): Matcher {
  return rustMatcher(expression, false);
}

export function exclusionMatcher(expression: string): Matcher {
  return rustMatcher(expression, true);
}

/**
 * Whether a pattern that matches a path matches every longer one too, which is what excluding a whole directory takes: it
 * ends in a star that crosses `/`, and nothing in it looks at what follows.
 */
function isClosedGlob(pattern: string): boolean {
  return /(^|[^\\])\*$/.test(pattern) && !pattern.includes("!");
}

/** The same for an expression: without an end or a word boundary, what it found stays found however the path goes on. */
function isClosedRegex(source: string): boolean {
  return !/\$|\\[bBz<>]/.test(source);
}

/** What every match of a pattern begins with, where that is told by an absolute path. */
function absolutePrefix(pattern: string): string {
  const prefix = literalPrefix(pattern);
  return prefix.startsWith("/") ? prefix : "";
}

/** The outermost roots: what lies in another root is found there. */
function rootsOf(directories: readonly LogDirectory[]): string[] {
  const roots = [...new Set(directories.map((directory) => directory.root))];
  return roots.filter((root) => !roots.some((other) => other !== root && isBeneath(root, other)));
}

function isBeneath(path: string, directory: string): boolean {
  return path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** Why a pattern of paths can never match one, where that is so; paths are absolute and matched from their beginning. */
export function globWarning(pattern: string): string | undefined {
  const prefix = literalPrefix(pattern);
  if (prefix === "" || prefix.startsWith("/")) return undefined;
  const better = posix.join("**", pattern);
  return `the pattern ${JSON.stringify(pattern)} can match no path: paths are absolute and matched as a whole${
    isGlob(pattern) || !pattern.includes("/") ? `; ${JSON.stringify(better)} matches such names in any directory` : ""
  }`;
}
