import type { Assertion, Pattern, SetPattern } from "../pattern.ts";
import { assertionSource } from "../pattern_source.ts";
import { literalSource } from "./literals.ts";

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
  return literalSource(set) ?? `(?:${asciiClass(set)}|[\\xc2-\\xf4][\\x80-\\xbf]{1,3})`;
}

/** The characters of ASCII that are in a set, as a class. */
function asciiClass({ source, flags }: SetPattern): string {
  const set = new RegExp(`^(?:${source})$`, flags);
  let ranges = "";
  for (let code = 0; code < 0x80; code++) {
    const from = code;
    while (code < 0x80 && set.test(String.fromCharCode(code))) code++;
    if (code > from) ranges += `\\x${hex(from)}-\\x${hex(code - 1)}`;
  }
  return `[${ranges}]`;
}

function hex(code: number): string {
  return code.toString(16).padStart(2, "0");
}
