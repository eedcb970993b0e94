import type { Pattern, SetPattern } from "./pattern.ts";
import { ASCII_WORD, patternSource, WORD } from "./pattern_source.ts";

/**
 * A pattern as a JavaScript expression that searches anywhere in a text of latin1 alone, where it finds the same as the pattern.
 * With Unicode V8 takes several times as long. It has no flags of its own, so there is one for every pattern.
 */
export function latin1RegExp(pattern: Pattern, flags: "" | "g"): RegExp {
  return new RegExp(patternSource(pattern, { set: latin1Class, word: LATIN1_WORD, asciiWord: ASCII_WORD }), flags);
}

/** Whether all characters of a text are within latin1. */
export function isLatin1(text: string): boolean {
  return !BEYOND.test(text);
}

const BEYOND = /[^\0-\xff]/;
const LATIN1_WORD = latin1Class({ source: WORD, flags: "v", character: undefined });

/** The characters of latin1 that are in a set, as a class; a single one as itself, which is faster. */
function latin1Class({
  source,
  flags,
  character = "\u{100}",
}: Pick<SetPattern, "source" | "flags" | "character">): string {
  if (character <= "\xff") return source;
  return `[${rangesBelow(0x100, source, flags)}]`;
}

/** The characters below a code that are in a set, as the inside of a class. */
export function rangesBelow(end: number, source: string, flags: string): string {
  const set = new RegExp(`^(?:${source})$`, flags);
  let ranges = "";
  for (let code = 0; code < end; code++) {
    const from = code;
    while (code < end && set.test(String.fromCharCode(code))) code++;
    if (code > from) ranges += `\\x${hex(from)}-\\x${hex(code - 1)}`;
  }
  return ranges;
}

function hex(code: number): string {
  return code.toString(16).padStart(2, "0");
}
