import { startsWord } from "./boundary.ts";
import type { Finder } from "./finder.ts";

/** The scheme, in which case does not count (V8 is slower with the flag for that), and what is between it and the token, which a URL and a form encode. */
const SCHEME = /[Bb][Ee][Aa][Rr][Ee][Rr](?: +|\t+|%20|\+)/g;
/** `token68` of RFC 7235, 2.1. */
const TOKEN = /[0-9A-Za-z._~+/-]+=*/y;
/** The header's name in front of the scheme, in any notation. */
const HEADER = /authori[sz]ation[^0-9A-Za-z\n]{0,8}$/i;
const HEADER_LENGTH = 24;
/** Where no header is named, a token is told from the words of a sentence by its length and by a digit in it. */
const MIN_LENGTH = 16;

/** Tokens of the scheme Bearer (RFC 6750, 2.1); the scheme stays. */
export const bearerToken: Finder = {
  find(text, from) {
    SCHEME.lastIndex = from;
    for (let match = SCHEME.exec(text); match !== null; match = SCHEME.exec(text)) {
      const start = SCHEME.lastIndex;
      if (!startsWord(text, match.index)) continue;
      TOKEN.lastIndex = start;
      const token = TOKEN.exec(text)?.[0];
      if (token === undefined) continue;
      const before = text.slice(Math.max(0, match.index - HEADER_LENGTH), match.index);
      const end = start + token.length;
      if (HEADER.test(before) || (token.length >= MIN_LENGTH && /\d/.test(token))) return { start, end };
      SCHEME.lastIndex = end;
    }
    return undefined;
  },
  normalise: (value) => value,
  partial: () => undefined,
};
