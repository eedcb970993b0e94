import { endsWord, isDigit, joinsDigitAfter, joinsDigitBefore, startsWord } from "./boundary.ts";
import type { Finder, Span } from "./finder.ts";

/** A plus sign, also as in a URL or in JSON, and a digit; or the ten digits of North America with separators. */
const CANDIDATE = /(?:\+|%2B|\\u002B)[1-9]|[2-9]\d\d(?:\) ?|[-.])[2-9]\d\d[-. ]\d{4}/gi;
/** Codes of countries and of networks across them: ITU-T E.164, annex to Operational Bulletin 1238. */
const COUNTRY =
  /^(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2(?:1[12368]|[2346]\d|5[0-8]|9[01789])|3(?:5\d|7[0-8]|8[0-35-79])|42[013]|50\d|59\d|6(?:7[02-9]|8[0-35-9]|9[0-2])|8(?:0[08]|5[02356]|7[08]|8[0-368])|9(?:6[0-8]|7[0-79]|9[2-68]))/;
/** Digits with their country code: E.164, 6.2; the shortest of any country has one less, and is not told from other numbers. */
const MIN_DIGITS = 8;
const MAX_DIGITS = 15;
/** Characters of a number with its separators that are looked at. */
const MAX_LENGTH = 32;
/** The plan of North America: neither area nor exchange begins with 0 or 1, nor is it a service such as 911. */
const NORTH_AMERICAN = /^1(?!.11|....11)[2-9]\d\d[2-9]\d{6}$/;
/** In front of the area's code: the country's, and what opens a parenthesis. */
const IN_FRONT = /(?:\b1[-. ]?)?\(?$/;
const IN_FRONT_LENGTH = 3;

/** Phone numbers: international ones with a plus sign, and those of North America with separators. */
export const phone: Finder = {
  find(text, from) {
    CANDIDATE.lastIndex = from;
    for (let match = CANDIDATE.exec(text); match !== null; match = CANDIDATE.exec(text)) {
      const found = match[0];
      const span = isDigit(found.charCodeAt(0))
        ? northAmerican(text, match.index, match.index + found.length, from)
        : international(text, match.index, match.index + found.length - 1);
      if (span !== undefined) return span;
      CANDIDATE.lastIndex = match.index + 1;
    }
    return undefined;
  },
  normalise(value) {
    const digits = digitsOf(value);
    return digits.length === 10 && !/^(?:\+|%|\\)/.test(value) ? `1${digits}` : digits;
  },
  partial: (value) => `****${digitsOf(value).slice(-4)}`,
};

/** The number whose plus sign is at `start` and whose first digit is at `first`. */
function international(text: string, start: number, first: number): Span | undefined {
  if (!startsWord(text, start)) return undefined;
  let digits = "";
  let found: number | undefined;
  for (let at = first; at - first < MAX_LENGTH; ) {
    const end = digitsEnd(text, at);
    if (end === at || digits.length + end - at > MAX_DIGITS) break;
    digits += text.slice(at, end);
    if (isNumber(digits) && endsWord(text, end) && !joinsDigitAfter(text, end)) found = end;
    // One space, dot, hyphen or slash, and parentheses around an area or a zero that is left out.
    at = separatorEnd(text, end);
  }
  return found === undefined ? undefined : { start, end: found };
}

function separatorEnd(text: string, start: number): number {
  let end = start;
  if (text[end] === ")") end++;
  if (/[ ./-]/.test(text[end] ?? "")) end++;
  if (text[end] === "(") end++;
  return end;
}

function isNumber(digits: string): boolean {
  if (digits.length < MIN_DIGITS || !COUNTRY.test(digits)) return false;
  if (digits.startsWith("1")) return NORTH_AMERICAN.test(digits);
  return !digits.startsWith("7") || digits.length === 11;
}

/** The number whose ten digits are from `area` to `end`. */
function northAmerican(text: string, area: number, end: number, from: number): Span | undefined {
  const value = text.slice(area, end);
  if (!NORTH_AMERICAN.test(`1${digitsOf(value)}`)) return undefined;
  const isOpened = text[area - 1] === "(";
  // Both separators are alike, but for what is behind a parenthesis.
  if (isOpened !== (value[3] === ")") || (!isOpened && value[3] !== value[7])) return undefined;
  if (!endsWord(text, end) || joinsDigitAfter(text, end)) return undefined;
  const limit = Math.max(from, area - IN_FRONT_LENGTH);
  const front = IN_FRONT.exec(text.slice(limit, area))?.[0] ?? "";
  for (const start of new Set([area - front.length, isOpened ? area - 1 : area])) {
    if (start >= from && standsInFront(text, start)) return { start, end };
  }
  return undefined;
}

/** Whether nothing in front of a number makes it a part of an id. */
function standsInFront(text: string, start: number): boolean {
  if (!startsWord(text, start) || joinsDigitBefore(text, start)) return false;
  return !/[-._/]/.test(text[start - 1] ?? "") || startsWord(text, start - 1);
}

function digitsEnd(text: string, start: number): number {
  let end = start;
  while (end - start <= MAX_DIGITS && isDigit(text.charCodeAt(end))) end++;
  return end;
}

/** The digits, without the zero in parentheses that is dialled only within a country, and without what stands for a plus sign. */
function digitsOf(value: string): string {
  return value
    .replace(/^(?:%2B|\\u002B)/i, "")
    .replace("(0)", "")
    .replaceAll(/[^0-9]/g, "");
}
