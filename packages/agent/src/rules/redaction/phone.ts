import { endsWord, isDigit, joinsDigitAfter, joinsDigitBefore, startsWord } from "./boundary.ts";
import type { Finder, Span } from "./finder.ts";

/** Ten digits of North America with separators. */
const TEN_DIGITS = /[2-9]\d\d(?:\) ?|[-.])[2-9]\d\d[-. ]\d{4}/g;
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

const number = {
  normalise(value: string) {
    const digits = digitsOf(value);
    return digits.length === 10 && !/^(?:\+|%|\\)/.test(value) ? `1${digits}` : digits;
  },
  partial: (value: string) => `****${digitsOf(value).slice(-4)}`,
};

/** International phone numbers, with a plus sign. */
export const plusPhone: Finder = international("+", "");
/** The same with a plus sign as in a URL. */
export const encodedPhone: Finder = international("%2", "Bb");
/** The same with a plus sign as some encoders of JSON write it. */
export const escapedPhone: Finder = international("\\u002", "Bb");

/** Phone numbers of North America, with separators. */
export const phone: Finder = {
  ...number,
  find(text, from) {
    TEN_DIGITS.lastIndex = from;
    for (let match = TEN_DIGITS.exec(text); match !== null; match = TEN_DIGITS.exec(text)) {
      const span = northAmerican(text, match.index, match.index + match[0].length, from);
      if (span !== undefined) return span;
      TEN_DIGITS.lastIndex = match.index + 1;
    }
    return undefined;
  },
};

/** Finds numbers behind a sign, which ends with one of the given characters, if there are any. */
function international(sign: string, last: string): Finder {
  return {
    ...number,
    find(text, from) {
      for (let at = text.indexOf(sign, from); at >= 0; at = text.indexOf(sign, at + sign.length)) {
        const first = at + sign.length + (last === "" ? 0 : 1);
        const isWhole = last === "" || last.includes(text[first - 1] ?? " ");
        const span = isWhole && /[1-9]/.test(text[first] ?? "") ? numberAt(text, at, first) : undefined;
        if (span !== undefined) return span;
      }
      return undefined;
    },
  };
}

/** The number whose plus sign is at `start` and whose first digit is at `first`. */
function numberAt(text: string, start: number, first: number): Span | undefined {
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
    // A fraction has a single digit more often than a number has a group of one behind a dot.
    if (text[at - 1] === "." && !isDigit(text.charCodeAt(at + 1))) break;
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
