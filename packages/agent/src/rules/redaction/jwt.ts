import { DOT, startsWord } from "./boundary.ts";
import type { Finder, Span } from "./finder.ts";

/** `{"` in base64url, which the header of every token begins with. */
const HEAD = "eyJ";
/** What is looked for of it: "e" is the most frequent letter of all, and "y" is not. */
const RARE = "yJ";
/** Characters of the shortest header, `{"alg":"none"}`, without its padding. */
const MIN_HEAD = 19;
const BASE64_URL = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
  BASE64_URL[character.charCodeAt(0)] = 1;

/**
 * JSON Web Tokens in the compact form: signed (RFC 7515), three parts of which the last may be empty, and encrypted (RFC 7516),
 * five parts of which the second may be.
 */
export const jwt: Finder = {
  find(text, from) {
    for (let rare = text.indexOf(RARE, from); rare >= 0; ) {
      const start = rare - HEAD.indexOf(RARE);
      if (start >= from && text.startsWith(HEAD, start) && startsToken(text, start)) {
        const span = tokenAt(text, start);
        if (span !== undefined) return span;
      }
      // A token begins where such characters begin, so the rest of these need not be tried.
      rare = text.indexOf(RARE, partEnd(text, rare));
    }
    return undefined;
  },
  normalise: (value) => value,
  partial: () => undefined,
};

function startsToken(text: string, start: number): boolean {
  return startsWord(text, start) && text[start - 1] !== "-";
}

function tokenAt(text: string, start: number): Span | undefined {
  const ends: number[] = [];
  for (let at = start; ends.length < 5; ) {
    const end = partEnd(text, at);
    ends.push(end);
    if (text.charCodeAt(end) !== DOT) break;
    at = end + 1;
  }
  const [head = 0, payload = 0, signature = 0, , tag = 0] = ends;
  if (head - start < MIN_HEAD || ends.length < 3) return undefined;
  // Of five parts the last two are the text and what proves it.
  if (ends.length === 5 && tag > (ends[3] ?? 0) + 1) return { start, end: tag };
  return payload > head + 1 ? { start, end: signature } : undefined;
}

function partEnd(text: string, start: number): number {
  let end = start;
  while (BASE64_URL[text.charCodeAt(end)] === 1) end++;
  return end;
}
