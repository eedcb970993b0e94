import type { Assertion, Pattern, SetPattern } from "./pattern.ts";

/** A word character by Unicode TR 18, Annex C, which Rust's crate follows. */
export const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
/** A word character of ASCII. */
export const ASCII_WORD = "[0-9A-Za-z_]";

/**
 * A pattern as a JavaScript expression that searches anywhere in a text. On a text made for it, it can take for ever.
 * Undefined where only a part of the pattern ignores case: for that V8 of Node 26 takes what follows to ignore case, too
 * (`/(?i:a)[A-Z]/v` finds "ab"). A condition on words of ASCII is such a part, as K (U+212A) is none of their characters.
 */
export function patternRegExp(pattern: Pattern): RegExp | undefined {
  const flags = new Set<string>();
  collectFlags(pattern, flags);
  const isPartly = flags.delete(CASED) && flags.has("iv");
  const [only = "v", ...others] = flags;
  return isPartly || others.length > 0 ? undefined : new RegExp(patternSource(pattern, UNICODE), only);
}

/** Stands for any flags that do not ignore case. */
const CASED = "cased";

function collectFlags(pattern: Pattern, flags: Set<string>): void {
  if (pattern.kind === "set") flags.add(pattern.flags);
  else if (pattern.kind === "assertion" && pattern.assertion.startsWith("ascii")) flags.add(CASED);
  else if (pattern.kind === "ahead" || pattern.kind === "repeat") collectFlags(pattern.body, flags);
  else if (pattern.kind !== "assertion") for (const part of pattern.parts) collectFlags(part, flags);
  // Where case is ignored, V8 counts ſ and K (U+212A) as word characters of ASCII.
  else if (pattern.assertion.startsWith("asciiWord")) flags.add("v");
}

/** How the parts of a pattern are written. */
export interface Spelling {
  readonly set: (set: SetPattern) => string;
  /** The characters of words, as a class. */
  readonly word: string;
  readonly asciiWord: string;
}

const UNICODE: Spelling = { set: ({ source }) => source, word: WORD, asciiWord: ASCII_WORD };

/** Its source; its sets tell the flags. Without the flag `m`, `^` and `$` are the ends of the text. */
export function patternSource(pattern: Pattern, spelling: Spelling): string {
  switch (pattern.kind) {
    case "set":
      return spelling.set(pattern);
    case "assertion":
      return assertionSource(pattern.assertion, spelling);
    case "ahead":
      return `(?${pattern.negated ? "!" : "="}${patternSource(pattern.body, spelling)})`;
    case "sequence":
      return pattern.parts.map((part) => patternSource(part, spelling)).join("");
    case "choice":
      return `(?:${pattern.parts.map((part) => patternSource(part, spelling)).join("|")})`;
    case "repeat": {
      const { min, max, lazy } = pattern;
      const most = max === Number.POSITIVE_INFINITY ? "" : String(max);
      // In Rust a repetition can be repeated, and so can an assertion.
      return `(?:${patternSource(pattern.body, spelling)}){${min},${most}}${lazy ? "?" : ""}`;
    }
  }
}

export function assertionSource(
  assertion: Assertion,
  spelling: Pick<Spelling, "word" | "asciiWord"> = UNICODE,
): string {
  if (assertion === "textStart") return "^";
  if (assertion === "textEnd") return "$";
  if (assertion === "lineStart") return "(?<![^\\n])";
  if (assertion === "lineEnd") return "(?![^\\n])";
  const word = assertion.startsWith("ascii") ? spelling.asciiWord : spelling.word;
  const before = { word: `(?<=${word})`, other: `(?<!${word})` };
  const after = { word: `(?=${word})`, other: `(?!${word})` };
  switch (assertion) {
    case "wordEdge":
    case "asciiWordEdge":
      return `(?:${before.word}${after.other}|${before.other}${after.word})`;
    case "wordNoEdge":
    case "asciiWordNoEdge":
      return `(?:${before.word}${after.word}|${before.other}${after.other})`;
    case "wordStart":
    case "asciiWordStart":
      return `${before.other}${after.word}`;
    case "wordEnd":
    case "asciiWordEnd":
      return `${before.word}${after.other}`;
    case "wordStartHalf":
    case "asciiWordStartHalf":
      return before.other;
    case "wordEndHalf":
    case "asciiWordEndHalf":
      return after.other;
  }
}
