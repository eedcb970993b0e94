import { rangesBelow } from "../latin1_source.ts";
import type { Assertion, Pattern, SetPattern } from "../pattern.ts";
import { assertionSource } from "../pattern_source.ts";
import { literalSource, utf8Bytes, utf16Units } from "./literals.ts";

/**
 * JavaScript source, for the flag `m` alone, that matches at least where a pattern does in a line of ASCII, within a text
 * of many lines. It has no flags of its own, so that it can stand beside others.
 */
export function asciiSource(pattern: Pattern): string {
  return byteSource(pattern, asciiClass, asciiAssertion);
}

/** The same for UTF-8 of which each byte is one character (latin1); what is not ASCII, it takes for any such character. */
export function utf8Source(pattern: Pattern): string {
  return byteSource(pattern, utf8Class, utf8Assertion);
}

/** The same for UTF-8 in which no character begins with one of the pattern's leads (see `leadsOf`): what is not ASCII, it takes for none. */
export function plainSource(pattern: Pattern): string {
  return byteSource(pattern, plainClass, utf8Assertion);
}

/** The same for a line as a text of JavaScript, without surrogates; what is not ASCII, it takes for any such character. */
export function unitSource(pattern: Pattern): string {
  return byteSource(pattern, unitClass, utf8Assertion);
}

/** How many times as many steps as for ASCII that takes at most: a character has up to four bytes. */
export const UTF8_STEPS = 4;

function byteSource(
  pattern: Pattern,
  classOf: (set: SetPattern) => string,
  assertionOf: (assertion: Assertion) => string,
): string {
  switch (pattern.kind) {
    case "set":
      return classOf(pattern);
    case "assertion":
      return assertionOf(pattern.assertion);
    case "ahead":
      return "";
    case "sequence":
      return pattern.parts.map((part) => byteSource(part, classOf, assertionOf)).join("");
    case "choice":
      return `(?:${pattern.parts.map((part) => byteSource(part, classOf, assertionOf)).join("|")})`;
    case "repeat": {
      const most = pattern.max === Number.POSITIVE_INFINITY ? "" : String(pattern.max);
      return `(?:${byteSource(pattern.body, classOf, assertionOf)}){${pattern.min},${most}}`;
    }
  }
}

/** With the flag `m`, `^` and `$` stand at every line and at carriage returns besides, which is more than the line's ends. */
function asciiAssertion(assertion: Assertion): string {
  if (assertion === "textStart" || assertion === "lineStart") return "^";
  if (assertion === "textEnd" || assertion === "lineEnd") return "$";
  const ascii = assertion.replace(/^(?:word|asciiWord)/, "asciiWord") as Assertion;
  if (ascii === "asciiWordEdge") return "\\b";
  if (ascii === "asciiWordNoEdge") return "\\B";
  return assertionSource(ascii);
}

/** Conditions on words are left out: words may have characters that are not ASCII, and asking for them is slow. */
function utf8Assertion(assertion: Assertion): string {
  const ascii = asciiAssertion(assertion);
  return ascii === "^" || ascii === "$" ? ascii : "";
}

function utf8Class(set: SetPattern): string {
  return literalSource(set, utf8Bytes) ?? `(?:${asciiClass(set)}|[\\xc2-\\xf4][\\x80-\\xbf]{1,3})`;
}

function plainClass(set: SetPattern): string {
  return literalSource(set, utf8Bytes) ?? asciiClass(set);
}

function unitClass(set: SetPattern): string {
  return literalSource(set, utf16Units) ?? `[${asciiRanges(set)}\\x80-\\uffff]`;
}

/** The characters of ASCII that are in a set, as a class. */
function asciiClass(set: SetPattern): string {
  return `[${asciiRanges(set)}]`;
}

function asciiRanges({ source, flags }: SetPattern): string {
  return rangesBelow(0x80, source, flags);
}
