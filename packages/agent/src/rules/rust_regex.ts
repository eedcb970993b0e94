import { boundedMatcher, type Matcher } from "./matcher.ts";
import {
  type Assertion,
  assertionOf,
  choiceOf,
  MAX_HEIGHT,
  MAX_SIZE,
  type Pattern,
  repeatOf,
  sequenceOf,
  setOf,
} from "./pattern.ts";
import { asciiSource, type CharacterSet, type ClassFlags, classSource, readClass, readEscape } from "./rust_class.ts";
import { RegexSyntaxError, type Scanner, scannerOf } from "./rust_scanner.ts";

/**
 * Regular expressions in the dialect of Rust's `regex` crate (docs.rs/regex, "Syntax"), which the existing agents take,
 * read into a pattern. There are no look-arounds and no back-references in the dialect, so nothing of that can be meant.
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
export function rustRegexProblem(expression: string): string | undefined {
  try {
    readRustRegex(expression);
    return undefined;
  } catch (error) {
    if (error instanceof RegexSyntaxError) return error.message;
    throw error;
  }
}

/**
 * A matcher that searches an expression anywhere in a text, as the crate's `is_match` does, and as it does in time that is
 * linear in the text's length.
 * @param beyond the answer for a text that is so long that it may take more than 0.2 s all the same; see `boundedMatcher`.
 * @throws {RegexSyntaxError} telling what cannot be read, and where.
 */
export function rustMatcher(expression: string, beyond: boolean): Matcher {
  return boundedMatcher(readRustRegex(expression), beyond);
}

/**
 * Reads an expression.
 * @throws {RegexSyntaxError} telling what cannot be read, and where.
 */
export function readRustRegex(expression: string): Pattern {
  if (expression.length > MAX_LENGTH) throw new RegexSyntaxError(`it is longer than ${MAX_LENGTH} characters`);
  const scanner = scannerOf(expression);
  const pattern = alternation(scanner, NO_FLAGS, 0, new Set());
  if (!scanner.done) throw scanner.error('there is a ")" without its "("');
  if (pattern.size > MAX_SIZE) throw new RegexSyntaxError(TOO_LARGE);
  return pattern;
}

/** Reads up to the end of the group. A `(?i)` in it counts to the group's end, across `|`. */
function alternation(scanner: Scanner, outer: Flags, depth: number, names: Set<string>): Pattern {
  if (depth > MAX_DEPTH) throw scanner.error(`groups are nested more than ${MAX_DEPTH} deep`);
  let flags = outer;
  const choices: Pattern[] = [];
  let parts: Pattern[] = [];
  for (;;) {
    skipBlanks(scanner, flags);
    if (scanner.done || scanner.peek() === ")") break;
    if (scanner.take("|")) {
      choices.push(sequenceOf(parts));
      parts = [];
      continue;
    }
    const set = scanner.takeMatch(/\(\?([a-zA-Z-]*)\)/y);
    if (set !== undefined) flags = applyFlags(scanner, flags, set[1] ?? "");
    else parts.push(repeated(scanner, flags, atom(scanner, flags, depth, names)));
  }
  return choiceOf([...choices, sequenceOf(parts)]);
}

/** One thing that can be repeated. */
function atom(scanner: Scanner, flags: Flags, depth: number, names: Set<string>): Pattern {
  if (scanner.peek() === "(") return group(scanner, flags, depth, names);
  const start = scanner.position;
  if (scanner.peek() === "[") return setPattern(scanner, start, readClass(scanner, flags), flags);
  if (scanner.peek() === "\\") return escaped(scanner, flags);
  if (scanner.takeMatch(/[*+?]|\{[0-9]*,?[0-9]*\}/y) !== undefined)
    throw scanner.error("there is nothing to repeat in front of a repetition");
  const character = scanner.next();
  if (character === "^") return assertionOf(flags.multiLine ? "lineStart" : "textStart");
  if (character === "$") return assertionOf(flags.multiLine ? "lineEnd" : "textEnd");
  if (character === ".") {
    const any: CharacterSet = { kind: "named", source: flags.dotAll ? "[^]" : "[^\\n]" };
    return setPattern(scanner, start, any, flags);
  }
  return setPattern(scanner, start, { kind: "literal", character }, flags);
}

function group(scanner: Scanner, flags: Flags, depth: number, names: Set<string>): Pattern {
  const start = scanner.position;
  if (scanner.takeMatch(/\(\?<?[=!]/y) !== undefined)
    throw scanner.error("look-around is not part of this dialect", start);
  const named = scanner.takeMatch(/\(\?P?<([^>]*)>/y);
  const flagged = named === undefined ? scanner.takeMatch(/\(\?([a-zA-Z-]*):/y) : undefined;
  let inner = flags;
  if (named !== undefined) {
    const name = named[1] ?? "";
    if (!/^[\p{Alphabetic}_][\p{Alphabetic}\p{Nd}_.[\]]*$/u.test(name))
      throw scanner.error(`"${name}" cannot be the name of a group`, start);
    if (names.has(name)) throw scanner.error(`two groups are named "${name}"`, start);
    names.add(name);
  } else if (flagged !== undefined) {
    inner = applyFlags(scanner, flags, flagged[1] ?? "", start);
  } else if (scanner.takeMatch(/\(\?P?[=>]/y) !== undefined) {
    throw scanner.error("back-references and atomic groups are not part of this dialect", start);
  } else if (scanner.takeMatch(/\(\?/y) !== undefined) {
    throw scanner.error('after "(?" there is no known kind of group', start);
  } else {
    scanner.next();
  }
  const body = alternation(scanner, inner, depth + 1, names);
  if (!scanner.take(")")) throw scanner.error('a "(" is not closed', start);
  return body;
}

/** An escape outside of a class. */
function escaped(scanner: Scanner, flags: Flags): Pattern {
  const start = scanner.position;
  const found = scanner.takeMatch(/\\b\{(?:start|end|start-half|end-half)\}|\\[AzbB<>]/y)?.[0];
  if (found === "\\A") return assertionOf("textStart");
  if (found === "\\z") return assertionOf("textEnd");
  const boundary = BOUNDARIES[found ?? ""];
  if (boundary !== undefined) return assertionOf(`${flags.unicode ? "word" : "asciiWord"}${boundary}`);
  if (scanner.takeMatch(/\\[1-9]/y) !== undefined)
    throw scanner.error("back-references are not part of this dialect", start);
  return setPattern(scanner, start, readEscape(scanner, flags), flags);
}

type Boundary = Extract<Assertion, `word${string}`> extends `word${infer Name}` ? Name : never;

/** Conditions on the characters on both sides (docs.rs/regex, "Empty matches"). */
const BOUNDARIES: Readonly<Record<string, Boundary>> = {
  "\\b": "Edge",
  "\\B": "NoEdge",
  "\\b{start}": "Start",
  "\\<": "Start",
  "\\b{end}": "End",
  "\\>": "End",
  "\\b{start-half}": "StartHalf",
  "\\b{end-half}": "EndHalf",
};

/** The atom with the repetition that follows it, if one does. */
function repeated(scanner: Scanner, flags: Flags, what: Pattern): Pattern {
  let pattern = what;
  for (;;) {
    skipBlanks(scanner, flags);
    const start = scanner.position;
    const counted = scanner.takeMatch(
      flags.extended ? /\{\s*([0-9]*)\s*(,?)\s*([0-9]*)\s*\}/y : /\{([0-9]*)(,?)([0-9]*)\}/y,
    );
    const operator = counted === undefined ? scanner.takeMatch(/[*+?]/y)?.[0] : undefined;
    if (counted === undefined && operator === undefined) {
      if (scanner.peek() === "{") throw scanner.error("a repetition cannot be read", start);
      return pattern;
    }
    const [min, max] = counted === undefined ? (OPERATORS[operator ?? ""] ?? [1, 1]) : bounds(scanner, start, counted);
    // In Rust a repetition can be repeated, and so can an assertion.
    pattern = repeatOf(pattern, min, max, scanner.take("?") !== flags.swapGreed);
    if (pattern.size > MAX_SIZE) throw scanner.error(TOO_LARGE, start);
    if (pattern.height > MAX_HEIGHT) throw scanner.error("repetitions are nested too deep", start);
  }
}

const OPERATORS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  "*": [0, Number.POSITIVE_INFINITY],
  "+": [1, Number.POSITIVE_INFINITY],
  "?": [0, 1],
};

function bounds(scanner: Scanner, start: number, match: RegExpExecArray): readonly [min: number, max: number] {
  const [, low = "", comma = "", high = ""] = match;
  if (low === "" && high === "") throw scanner.error("a repetition without a number", start);
  if (Number(low) > MAX_REPEATS || Number(high) > MAX_REPEATS)
    throw scanner.error(`a repetition of more than ${MAX_REPEATS} times is too large`, start);
  if (high !== "" && Number(low) > Number(high))
    throw scanner.error("the least number of a repetition is above the greatest", start);
  const most = high === "" ? Number.POSITIVE_INFINITY : Number(high);
  return [Number(low), comma === "" ? Number(low) : most];
}

const MAX_REPEATS = 10_000;
const TOO_LARGE = `with its repetitions written out it is too large (more than ${MAX_SIZE} characters and choices)`;

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

/** In extended mode white space and comments mean nothing. */
function skipBlanks(scanner: Scanner, flags: Flags): void {
  if (flags.extended) scanner.takeMatch(/(?:\s|#[^\n]*(?:\n|$))+/y);
}

function setPattern(scanner: Scanner, start: number, set: CharacterSet, flags: Flags): Pattern {
  const literal = set.kind === "literal" ? set.character : undefined;
  const character = flags.ignoreCase ? undefined : literal;
  const source = classSource(set);
  if (flags.unicode) return setOf(source, setFlags(flags), character, flags.ignoreCase ? literal : undefined);
  // Without Unicode, only letters of ASCII have another case.
  if (literal !== undefined && !/^[A-Za-z]$/.test(literal)) return setOf(source, "v", literal);
  const ascii = asciiSource(source, setFlags(flags));
  if (ascii === undefined)
    throw scanner.error('without Unicode ("(?-u)") this would match a part of a character, which no text has', start);
  // Where there are letters, `i` would find K (U+212A) for k, which takes Unicode.
  return setOf(ascii, /[A-Za-z]/.test(ascii.replaceAll(/\\x../g, "")) ? "v" : setFlags(flags), character);
}

function setFlags(flags: Flags): string {
  return flags.ignoreCase ? "iv" : "v";
}
