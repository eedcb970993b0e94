import {
  afterEscape,
  endsWord,
  HYPHEN,
  isDigit,
  isHex,
  joinsDigitAfter,
  joinsDigitBefore,
  startsWord,
} from "./boundary.ts";
import type { Finder, Span } from "./finder.ts";

/**
 * The end of a first group, a second one, and the beginning of a third. An expression that asks for all four digits of the first
 * group would be several times slower: V8 does not leap through the text then.
 */
const GROUPED = /\d{3}[ -]\d{3,6}[ -]\d{3}/g;
const FIRST_GROUP = 4;
const MIN_DIGITS = 13;
const MAX_DIGITS = 19;
const MAX_GROUPS = 5;
/** So many groups of four beside a number make it a part of a table or a dump; one may be the month and year that follow it. */
const TABLE_GROUPS = 2;
const TABLE_GROUP = 4;
const SPACE = 32;

/** Lengths of the groups that card numbers are printed in; a number without separators is one group. */
const GROUPS = /^(?:4-4-4-4(?:-[123])?|4-4-4-[123]|4-6-[45]|4-4-5|4-3-3-3|1[3-9])$/;

/** First digits of the issuers' ranges, and how many digits their numbers have (ISO/IEC 7812; the networks' own tables). */
const ISSUERS: readonly (readonly [prefix: RegExp, lengths: readonly number[]])[] = [
  // Visa
  [/^4/, [13, 16, 19]],
  // Mastercard
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  // American Express
  [/^3[47]/, [15]],
  // Diners Club
  [/^(?:30[0-5]|3095|36|3[89])/, [14, 16, 19]],
  // JCB
  [/^35(?:2[89]|[3-8])/, [16, 17, 18, 19]],
  // Discover, RuPay
  [/^(?:60|64[4-9]|65)/, [16, 17, 18, 19]],
  // UnionPay, RuPay
  [/^(?:62|81|82|508)/, [16, 17, 18, 19]],
  // Maestro
  [/^(?:50[0-9]{2}|5[678]|6304|6390|67)/, [13, 14, 15, 16, 17, 18, 19]],
  // Mir, Troy
  [/^(?:220[0-4]|9792)/, [16, 17, 18, 19]],
];

const card = {
  normalise: digitsOf,
  partial: (value: string) => `****${digitsOf(value).slice(-4)}`,
};

/** Numbers of payment cards without separators. */
export const creditCard: Finder = {
  ...card,
  find(text, from) {
    for (let run = longRun(text, from); run !== undefined; ) {
      const start = afterEscape(text, run);
      const span = cardAt(text, start);
      if (span !== undefined) return span;
      // A number begins where digits begin, so the rest of these need not be tried.
      run = longRun(text, digitsEnd(text, start));
    }
    return undefined;
  },
};

/** Numbers of payment cards in groups. */
export const groupedCreditCard: Finder = {
  ...card,
  find(text, from) {
    GROUPED.lastIndex = from;
    for (let match = GROUPED.exec(text); match !== null; match = GROUPED.exec(text)) {
      // The fourth digit from the end is the first one.
      const start = match.index + 3 - FIRST_GROUP;
      const span = start >= from && isDigit(text.charCodeAt(start)) ? cardAt(text, start) : undefined;
      if (span !== undefined) return span;
      GROUPED.lastIndex = match.index + 1;
    }
    return undefined;
  },
};

/** The longest number that begins at `start`. */
function cardAt(text: string, start: number): Span | undefined {
  // No issuer's begins so, but times in milliseconds and more do, which many lines have.
  if ("017".includes(text[start] ?? "0")) return undefined;
  if (!startsWord(text, start) || joinsDigitBefore(text, start)) return undefined;
  let found: Span | undefined;
  let groups = "";
  let digits = "";
  let separator = 0;
  let at = start;
  for (let count = 1; count <= MAX_GROUPS; count++) {
    const end = digitsEnd(text, at);
    if (end === at || digits.length + end - at > MAX_DIGITS) break;
    digits += text.slice(at, end);
    groups += count === 1 ? `${end - at}` : `-${end - at}`;
    if (digits.length >= MIN_DIGITS && GROUPS.test(groups) && endsNumber(text, end) && isCard(digits))
      found = { start, end };
    const next = text.charCodeAt(end);
    if (separator === 0 ? next !== SPACE && next !== HYPHEN : next !== separator) break;
    separator = next;
    at = end + 1;
  }
  return found !== undefined && isInTable(text, found, separator) ? undefined : found;
}

/** Whether there are groups of four hexadecimal digits around a number in groups. */
function isInTable(text: string, { start, end }: Span, separator: number): boolean {
  if (separator === 0) return false;
  let count = 0;
  for (let at = start - 1; count < TABLE_GROUPS && text.charCodeAt(at) === separator; at -= TABLE_GROUP + 1) {
    if (!isTableGroup(text, at - TABLE_GROUP)) break;
    count++;
  }
  for (let at = end; count < TABLE_GROUPS && text.charCodeAt(at) === separator; at += TABLE_GROUP + 1) {
    if (!isTableGroup(text, at + 1)) break;
    count++;
  }
  return count >= TABLE_GROUPS;
}

function isTableGroup(text: string, start: number): boolean {
  for (let at = start; at < start + TABLE_GROUP; at++) if (!isHex(text.charCodeAt(at))) return false;
  return startsWord(text, start) && endsWord(text, start + TABLE_GROUP);
}

function endsNumber(text: string, end: number): boolean {
  return endsWord(text, end) && !joinsDigitAfter(text, end);
}

function isCard(digits: string): boolean {
  return (
    ISSUERS.some(([prefix, lengths]) => lengths.includes(digits.length) && prefix.test(digits)) && passesLuhn(digits)
  );
}

/** The check digit of ISO/IEC 7812-1, annex B: one number in ten has the right one by chance. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = digits.length - 1, double = false; at >= 0; at--, double = !double) {
    const digit = digits.charCodeAt(at) - 48;
    const value = double ? digit * 2 : digit;
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/**
 * Where the first run of digits begins that is long enough. Of 13 digits in a row one is at every thirteenth place, so that
 * most of a text is not looked at; a regular expression looks at all of it.
 */
function longRun(text: string, from: number): number | undefined {
  for (let probe = from + MIN_DIGITS - 1; probe < text.length; ) {
    if (isDigit(text.charCodeAt(probe))) {
      let start = probe;
      while (start > from && isDigit(text.charCodeAt(start - 1))) start--;
      const end = digitsEnd(text, probe);
      if (end - start >= MIN_DIGITS) return start;
      probe = end;
    }
    probe += MIN_DIGITS;
  }
  return undefined;
}

function digitsEnd(text: string, start: number): number {
  let end = start;
  while (isDigit(text.charCodeAt(end))) end++;
  return end;
}

function digitsOf(value: string): string {
  return value.replaceAll(/[^0-9]/g, "");
}
