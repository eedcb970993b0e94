import { afterEscape, endsWord, HYPHEN, isDigit, joinsDigitAfter, joinsDigitBefore, startsWord } from "./boundary.ts";
import type { Finder, Span } from "./finder.ts";

/** What every number in question begins with: 13 digits together, or two groups and the beginning of a third. */
const CANDIDATE = /\d{13}|\d{4}[ -]\d{3,6}[ -]\d/g;
const MIN_DIGITS = 13;
const MAX_DIGITS = 19;
const MAX_GROUPS = 5;
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

/** Numbers of payment cards. */
export const creditCard: Finder = {
  find(text, from) {
    CANDIDATE.lastIndex = from;
    for (let match = CANDIDATE.exec(text); match !== null; match = CANDIDATE.exec(text)) {
      const start = afterEscape(text, match.index);
      const span = cardAt(text, start);
      if (span !== undefined) return span;
      // A number begins where digits begin, so the rest of these need not be tried.
      CANDIDATE.lastIndex = digitsEnd(text, start);
    }
    return undefined;
  },
  normalise: digitsOf,
  partial: (value) => `****${digitsOf(value).slice(-4)}`,
};

/** The longest number that begins at `start`. */
function cardAt(text: string, start: number): Span | undefined {
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
  return found;
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

function digitsEnd(text: string, start: number): number {
  let end = start;
  while (isDigit(text.charCodeAt(end))) end++;
  return end;
}

function digitsOf(value: string): string {
  return value.replaceAll(/[^0-9]/g, "");
}
