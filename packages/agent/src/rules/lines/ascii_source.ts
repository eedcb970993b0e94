import type { Assertion, Pattern, SetPattern } from "../pattern.ts";
import { assertionSource } from "../pattern_source.ts";

/**
 * JavaScript source, for the flag `m` alone, that matches at least where a pattern does in a line of ASCII, within a text
 * of many lines. It has no flags of its own, so that it can stand beside others.
 */
export function asciiSource(pattern: Pattern): string {
  switch (pattern.kind) {
    case "set":
      return asciiClass(pattern);
    case "assertion":
      return asciiAssertion(pattern.assertion);
    case "ahead":
      return "";
    case "sequence":
      return pattern.parts.map(asciiSource).join("");
    case "choice":
      return `(?:${pattern.parts.map(asciiSource).join("|")})`;
    case "repeat": {
      const most = pattern.max === Number.POSITIVE_INFINITY ? "" : String(pattern.max);
      return `(?:${asciiSource(pattern.body)}){${pattern.min},${most}}`;
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

const classes = new Map<string, string>();

/** The characters of ASCII that are in a set, as a class. */
function asciiClass({ source, flags }: SetPattern): string {
  const key = `${flags}/${source}`;
  const known = classes.get(key);
  if (known !== undefined) return known;
  const set = new RegExp(`^(?:${source})$`, flags);
  let ranges = "";
  for (let code = 0; code < 0x80; code++) {
    const from = code;
    while (code < 0x80 && set.test(String.fromCharCode(code))) code++;
    if (code > from) ranges += `\\x${hex(from)}-\\x${hex(code - 1)}`;
  }
  classes.set(key, `[${ranges}]`);
  return `[${ranges}]`;
}

function hex(code: number): string {
  return code.toString(16).padStart(2, "0");
}
