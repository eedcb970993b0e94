import { DOT, endsWord, isDigit, joinsDigitAfter, startsWord } from "./boundary.ts";
import type { Finder, Span } from "./finder.ts";

/** From the last digit of the first number to the first one of the fourth. */
const CANDIDATE = /\d\.\d{1,3}\.\d{1,3}\.\d/g;
/** What is looked at in front of an address, in characters. */
const CONTEXT_LENGTH = 32;
/** The name of a product in front of its version, as in `Chrome/120.0.0.0`; names of hosts are in lower case. */
const PRODUCT = /(?:^|[\s"'(;,+])[A-Z][A-Za-z]*\/$/;
/** The revision of a package behind its version, as in `1.2.5.1-2` or `1.2.3.4+dfsg`. */
const REVISION = /-\d{1,2}(?![.\d])|[+~][0-9A-Za-z]/y;
/** A name in front of a version, and what may be between the two. */
const BETWEEN = `"'\\ :=_`;
const MAX_BETWEEN = 8;
const VERSION = "version";
/** The end of an archive's name, in front of which its version stands. */
const ARCHIVE = /\.(?:jar|war|tar|tgz|zip|rpm|deb|apk|whl|gem|so|dll|exe|msi|pkg|iso)\b/y;

/** IPv4 addresses in dotted decimal: four numbers up to 255. */
export const ipv4: Finder = {
  find(text, from) {
    CANDIDATE.lastIndex = from;
    for (let match = CANDIDATE.exec(text); match !== null; match = CANDIDATE.exec(text)) {
      const span = addressAt(text, match.index, from);
      if (span !== undefined) return span;
      CANDIDATE.lastIndex = match.index + 1;
    }
    return undefined;
  },
  // Leading zeros are no part of the number.
  normalise: (value) => value.split(".").map(Number).join("."),
  partial: (value) => `${value.split(".").slice(0, 2).map(Number).join(".")}.*.*`,
};

/** The address whose first number ends at `last`. */
function addressAt(text: string, last: number, from: number): Span | undefined {
  const start = numberStart(text, last, from);
  if (start === undefined || text.charCodeAt(start - 1) === DOT) return undefined;
  const end = dottedEnd(text, start);
  if (end === undefined || !endsWord(text, end)) return undefined;
  if (text.charCodeAt(end) === DOT && joinsDigitAfter(text, end)) return undefined;
  return isVersion(text, start, end) ? undefined : { start, end };
}

/** Whether what is around four numbers makes them a version. */
function isVersion(text: string, start: number, end: number): boolean {
  if (text[start - 1] === "/" && PRODUCT.test(text.slice(Math.max(0, start - CONTEXT_LENGTH), start))) return true;
  let named = start;
  while (named > 0 && start - named < MAX_BETWEEN && BETWEEN.includes(text[named - 1] ?? "")) named--;
  if (
    /[Nn]/.test(text[named - 1] ?? "") &&
    text.slice(Math.max(0, named - VERSION.length), named).toLowerCase() === VERSION
  )
    return true;
  REVISION.lastIndex = end;
  if (REVISION.test(text)) return true;
  ARCHIVE.lastIndex = end;
  return text.charCodeAt(end) === DOT && ARCHIVE.test(text);
}

/** Where a number begins of which the last digit is given: up to three digits, in front of which no word goes on. */
function numberStart(text: string, last: number, from: number): number | undefined {
  let start = last;
  while (start > from && last - start < 2 && isDigit(text.charCodeAt(start - 1))) start--;
  for (; start <= last; start++) if (startsWord(text, start)) return start;
  return undefined;
}

/** Where four numbers up to 255 end that begin at `start`, with dots between them; undefined where these are others. */
export function dottedEnd(text: string, start: number): number | undefined {
  let at = start;
  for (let count = 1; ; count++) {
    let value = 0;
    const first = at;
    while (at - first < 3 && isDigit(text.charCodeAt(at))) value = value * 10 + text.charCodeAt(at++) - 48;
    if (at === first || value > 255 || isDigit(text.charCodeAt(at))) return undefined;
    if (count === 4) return at;
    if (text.charCodeAt(at++) !== DOT) return undefined;
  }
}
