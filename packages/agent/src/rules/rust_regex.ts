import { type ClassFlags, classSource, readClass, readEscape } from "./rust_class.ts";
import { RegexSyntaxError, type Scanner, scannerOf } from "./rust_scanner.ts";

/**
 * Regular expressions in the dialect of Rust's `regex` crate (docs.rs/regex, "Syntax"), which the existing agents take,
 * translated for JavaScript with the `v` flag: Unicode classes, nested classes with `&&` and `--`, and flags for a part
 * of the expression exist in both, under different spellings. There are no look-arounds and no back-references, so
 * nothing of that can be meant.
 */

/** Flags that hold at a place of the expression. */
interface Flags extends ClassFlags {
  /** `i`: upper and lower case are the same. */
  readonly ignoreCase: boolean;
  /** `m`: `^` and `$` match at lines. */
  readonly multiLine: boolean;
  /** `s`: `.` matches a newline. */
  readonly dotAll: boolean;
  /** `U`: `*` takes as little as it can, `*?` as much. */
  readonly swapGreed: boolean;
}

const NO_FLAGS: Flags = {
  ignoreCase: false,
  multiLine: false,
  dotAll: false,
  swapGreed: false,
  unicode: true,
  extended: false,
};

/** Nesting that is followed; deeper, an expression is refused (the crate's own default is 250). */
const MAX_DEPTH = 200;
/** Longest expression. */
const MAX_LENGTH = 65_536;

/** What is wrong with an expression; undefined when it is fine. */
export function rustRegexProblem(pattern: string): string | undefined {
  try {
    rustRegExp(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof RegexSyntaxError) return error.message;
    throw error;
  }
}

/**
 * The expression as a JavaScript one, which searches anywhere in a text, as the crate's `is_match` does.
 * @param flags further flags, such as `g`.
 * @throws {RegexSyntaxError} telling what cannot be read, and where.
 */
export function rustRegExp(pattern: string, flags = ""): RegExp {
  if (pattern.length > MAX_LENGTH) throw new RegexSyntaxError(`it is longer than ${MAX_LENGTH} characters`);
  const source = translate(pattern);
  try {
    return new RegExp(source, `v${flags}`);
  } catch (error) {
    // Only what V8 alone limits comes here, such as the size of an expression or an unknown Unicode property.
    const reason = error instanceof Error ? error.message.replace(/^.*\/[a-z]*: /s, "") : "it cannot be compiled";
    throw new RegexSyntaxError(reason);
  }
}

function translate(pattern: string): string {
  const scanner = scannerOf(pattern);
  const source = alternation(scanner, NO_FLAGS, 0, new Set());
  if (!scanner.done) throw scanner.error('there is a ")" without its "("');
  return source;
}

/** Reads up to the end of the group. A `(?i)` in it counts to the group's end, across `|`. */
function alternation(scanner: Scanner, outer: Flags, depth: number, names: Set<string>): string {
  if (depth > MAX_DEPTH) throw scanner.error(`groups are nested more than ${MAX_DEPTH} deep`);
  let flags = outer;
  let source = "";
  let opened = 0;
  for (;;) {
    skipBlanks(scanner, flags);
    if (scanner.done || scanner.peek() === ")") break;
    if (scanner.take("|")) {
      source += `${")".repeat(opened)}|`;
      const switched = modifiers(outer, flags);
      opened = switched === "" ? 0 : 1;
      if (opened === 1) source += `(?${switched}:`;
      continue;
    }
    const set = scanner.takeMatch(/\(\?([a-zA-Z-]*)\)/y);
    if (set !== undefined) {
      const next = applyFlags(scanner, flags, set[1] ?? "");
      const switched = modifiers(flags, next);
      flags = next;
      if (switched !== "") {
        source += `(?${switched}:`;
        opened += 1;
      }
      continue;
    }
    source += repeated(scanner, flags, atom(scanner, flags, depth, names));
  }
  return source + ")".repeat(opened);
}

/** One thing that can be repeated. */
function atom(scanner: Scanner, flags: Flags, depth: number, names: Set<string>): string {
  if (scanner.peek() === "(") return group(scanner, flags, depth, names);
  if (scanner.peek() === "[") return classSource(readClass(scanner, flags));
  if (scanner.peek() === "\\") return escapeSource(scanner, flags);
  if (scanner.takeMatch(/[*+?]|\{[0-9]*,?[0-9]*\}/y) !== undefined)
    throw scanner.error("there is nothing to repeat in front of a repetition");
  const character = scanner.next();
  if (character === "^") return flags.multiLine ? "(?<![^\\n])" : START;
  if (character === "$") return flags.multiLine ? "(?![^\\n])" : END;
  if (character === ".") return flags.dotAll ? "[^]" : "[^\\n]";
  return literal(character);
}

/** The ends of the text; JavaScript's flag `m`, under which they would be ends of lines, is never used. */
const START = "^";
const END = "$";

function group(scanner: Scanner, flags: Flags, depth: number, names: Set<string>): string {
  const start = scanner.position;
  if (scanner.takeMatch(/\(\?<?[=!]/y) !== undefined)
    throw scanner.error("look-around is not part of this dialect", start);
  const named = scanner.takeMatch(/\(\?P?<([^>]*)>/y);
  const flagged = named === undefined ? scanner.takeMatch(/\(\?([a-zA-Z-]*):/y) : undefined;
  let open = "(";
  let inner = flags;
  if (named !== undefined) {
    const name = named[1] ?? "";
    if (!/^[\p{Alphabetic}_][\p{Alphabetic}\p{Nd}_.[\]]*$/u.test(name))
      throw scanner.error(`"${name}" cannot be the name of a group`, start);
    if (names.has(name)) throw scanner.error(`two groups are named "${name}"`, start);
    names.add(name);
    // JavaScript allows no dots and brackets in names; nothing here asks for groups by name.
    open = /^[A-Za-z_][0-9A-Za-z_]*$/.test(name) ? `(?<${name}>` : "(";
  } else if (flagged !== undefined) {
    inner = applyFlags(scanner, flags, flagged[1] ?? "", start);
    const switched = modifiers(flags, inner);
    open = switched === "" ? "(?:" : `(?${switched}:`;
  } else if (scanner.takeMatch(/\(\?P?[=>]/y) !== undefined) {
    throw scanner.error("back-references and atomic groups are not part of this dialect", start);
  } else if (scanner.takeMatch(/\(\?/y) !== undefined) {
    throw scanner.error('after "(?" there is no known kind of group', start);
  } else {
    scanner.next();
  }
  const source = alternation(scanner, inner, depth + 1, names);
  if (!scanner.take(")")) throw scanner.error('a "(" is not closed', start);
  return `${open}${source})`;
}

/** An escape outside of a class. */
function escapeSource(scanner: Scanner, flags: Flags): string {
  const start = scanner.position;
  if (scanner.takeMatch(/\\A/y) !== undefined) return START;
  if (scanner.takeMatch(/\\z/y) !== undefined) return END;
  const word = flags.unicode ? WORD : "\\w";
  const before = { word: `(?<=${word})`, other: `(?<!${word})` };
  const after = { word: `(?=${word})`, other: `(?!${word})` };
  const edge = scanner.takeMatch(/\\b\{(start|end|start-half|end-half)\}|\\[<>]/y);
  if (edge !== undefined) {
    const kind = edge[1] ?? (edge[0] === "\\<" ? "start" : "end");
    if (kind === "start") return `${before.other}${after.word}`;
    if (kind === "end") return `${before.word}${after.other}`;
    return kind === "start-half" ? before.other : after.other;
  }
  if (scanner.takeMatch(/\\b/y) !== undefined) return `(?:${before.word}${after.other}|${before.other}${after.word})`;
  if (scanner.takeMatch(/\\B/y) !== undefined) return `(?:${before.word}${after.word}|${before.other}${after.other})`;
  if (scanner.takeMatch(/\\[1-9]/y) !== undefined)
    throw scanner.error("back-references are not part of this dialect", start);
  return classSource(readEscape(scanner, flags));
}

/** A word character by Unicode TR 18, Annex C, which the crate follows. */
const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";

/** The atom with the repetition that follows it, if one does. */
function repeated(scanner: Scanner, flags: Flags, what: string): string {
  let source = what;
  for (;;) {
    skipBlanks(scanner, flags);
    const start = scanner.position;
    const counted = scanner.takeMatch(
      flags.extended ? /\{\s*([0-9]*)\s*(,?)\s*([0-9]*)\s*\}/y : /\{([0-9]*)(,?)([0-9]*)\}/y,
    );
    let operator = counted === undefined ? scanner.takeMatch(/[*+?]/y)?.[0] : undefined;
    if (counted !== undefined) operator = bounds(scanner, start, counted);
    else if (operator === undefined && scanner.peek() === "{")
      throw scanner.error("a repetition cannot be read", start);
    if (operator === undefined) return source;
    const lazy = scanner.take("?") !== flags.swapGreed;
    // In Rust a repetition can be repeated, and so can an assertion.
    source = `(?:${source})${operator}${lazy ? "?" : ""}`;
  }
}

function bounds(scanner: Scanner, start: number, match: RegExpExecArray): string {
  const [, low = "", comma = "", high = ""] = match;
  if (low === "" && high === "") throw scanner.error("a repetition without a number", start);
  if (Number(low) > MAX_REPEATS || Number(high) > MAX_REPEATS)
    throw scanner.error(`a repetition of more than ${MAX_REPEATS} times is too large`, start);
  if (high !== "" && Number(low) > Number(high))
    throw scanner.error("the least number of a repetition is above the greatest", start);
  return `{${low === "" ? "0" : low}${comma}${high}}`;
}

/** The crate refuses what needs more than 10 MiB of program; this is the same order. */
const MAX_REPEATS = 10_000;

function applyFlags(scanner: Scanner, flags: Flags, letters: string, at?: number): Flags {
  let next = flags;
  let on = true;
  for (const letter of letters) {
    if (letter === "-") on = false;
    else if (letter === "i") next = { ...next, ignoreCase: on };
    else if (letter === "m") next = { ...next, multiLine: on };
    else if (letter === "s") next = { ...next, dotAll: on };
    else if (letter === "U") next = { ...next, swapGreed: on };
    else if (letter === "u") next = { ...next, unicode: on };
    else if (letter === "x") next = { ...next, extended: on };
    else if (letter === "R") throw scanner.error("the flag R (CRLF mode) is not supported", at);
    else throw scanner.error(`there is no flag "${letter}"`, at);
  }
  return next;
}

/** JavaScript's own modifiers for a change of flags; the others are resolved while translating. */
function modifiers(from: Flags, to: Flags): string {
  if (from.ignoreCase === to.ignoreCase) return "";
  return to.ignoreCase ? "i" : "-i";
}

/** In extended mode white space and comments mean nothing. */
function skipBlanks(scanner: Scanner, flags: Flags): void {
  if (flags.extended) scanner.takeMatch(/(?:\s|#[^\n]*(?:\n|$))+/y);
}

function literal(character: string): string {
  return classSource({ kind: "literal", character });
}
