/**
 * Where words begin and end in the latin1 view of UTF-8, in which each character is a byte. JavaScript's `\b` takes the bytes
 * of an "é" for spaces, and the "n" of an escaped newline (`\n4111…`) for a letter.
 */
const WORD = 1;
const HEX = 2;
const KINDS = new Uint8Array(256);
for (const character of "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
  KINDS[character.charCodeAt(0)] = /[0-9A-Fa-f]/.test(character) ? WORD | HEX : WORD;

/** Longest sequence of colours (ECMA-48, SGR) that is looked through, in characters. */
const MAX_COLOURS = 16;

const BACKSLASH = 92;
export const COLON = 58;
export const DOT = 46;
export const HYPHEN = 45;
const PERCENT = 37;
const BRACKET = 91;
const ESCAPE = 27;

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

export function isHex(code: number): boolean {
  return ((KINDS[code] ?? 0) & HEX) !== 0;
}

/** Whether the ASCII character is a letter, a digit or an underscore. */
function isWord(code: number): boolean {
  return ((KINDS[code] ?? 0) & WORD) !== 0;
}

/**
 * Whether a byte begins a letter beyond ASCII. What is below U+00C0 is punctuation, and so is most from U+2000 on: dashes,
 * quotation marks, wide forms, symbols. The ideographs there are letters, but numbers stand beside them without a space.
 */
export function isLetterLead(code: number): boolean {
  return code >= 0xc3 && code <= 0xe1;
}

/** Whether no word goes on at `at` that began in front of it. What an escape sequence ends with is no part of a word. */
export function startsWord(text: string, at: number): boolean {
  if (at === 0) return true;
  const code = text.charCodeAt(at - 1);
  if (code < 0x80) return !isWord(code) || endsEscape(text, at);
  return !isLetterLead(text.charCodeAt(leadOf(text, at - 1)));
}

/** Whether the word that is in front of `at` ends there. */
export function endsWord(text: string, at: number): boolean {
  // NaN behind the end of the text.
  const code = text.charCodeAt(at);
  return !(code < 0x80 ? isWord(code) : isLetterLead(code));
}

/** Where the character begins that the byte at `at` belongs to. */
export function leadOf(text: string, at: number): number {
  let lead = at;
  while (lead > 0 && at - lead < 3 && (text.charCodeAt(lead) & 0xc0) === 0x80) lead--;
  return lead;
}

/**
 * Whether a region stands alone: no word goes on at its ends, and no dot or hyphen joins it to further digits, as in the
 * number of a version or an id.
 */
export function standsAlone(text: string, start: number, end: number): boolean {
  return (
    startsWord(text, start) && !joinsDigitBefore(text, start) && endsWord(text, end) && !joinsDigitAfter(text, end)
  );
}

export function joinsDigitBefore(text: string, start: number): boolean {
  return isJoint(text.charCodeAt(start - 1)) && isDigit(text.charCodeAt(start - 2));
}

export function joinsDigitAfter(text: string, end: number): boolean {
  return isJoint(text.charCodeAt(end)) && isDigit(text.charCodeAt(end + 1));
}

function isJoint(code: number): boolean {
  return code === DOT || code === HYPHEN;
}

/**
 * Where the text goes on of which an escape sequence has the first characters at `start`, as in `\u0022joe` or `%3Djoe`, from
 * the "u" or the "3" on; otherwise `start`. Behind any backslash: JSON in JSON has two of them.
 */
export function afterEscape(text: string, start: number): number {
  const before = text.charCodeAt(start - 1);
  if (before === PERCENT && areHex(text, start, 2)) return start + 2;
  if (before === BACKSLASH) {
    const letter = text[start] ?? "";
    if (letter === "u" && areHex(text, start + 1, 4)) return start + 5;
    if (letter === "x" && areHex(text, start + 1, 2)) return start + 3;
    if ("nrtbf".includes(letter)) return start + 1;
  }
  if (before === 117 && text.charCodeAt(start - 2) === BACKSLASH && areHex(text, start, 4)) return start + 4;
  if (before === BRACKET || before === 59) {
    let end = start;
    while (end - start < 3 && isDigit(text.charCodeAt(end))) end++;
    if (text[end] === "m" && endsColours(text, end)) return end + 1;
  }
  return start;
}

/** Whether an escape sequence ends in front of `at`. */
function endsEscape(text: string, at: number): boolean {
  const last = text[at - 1] ?? "";
  if (text.charCodeAt(at - 2) === BACKSLASH && "nrtbf".includes(last)) return true;
  if (last === "m" && endsColours(text, at - 1)) return true;
  if (!areHex(text, at - 2, 2)) return false;
  if (text.charCodeAt(at - 3) === PERCENT) return true;
  if (text[at - 3] === "x") return text.charCodeAt(at - 4) === BACKSLASH;
  return text[at - 5] === "u" && text.charCodeAt(at - 6) === BACKSLASH && areHex(text, at - 4, 2);
}

/** Whether the "m" at `at` ends a sequence that sets colours in a terminal: ESC [ 1 ; 32 m, where ESC may be written out. */
function endsColours(text: string, at: number): boolean {
  let start = at - 1;
  while (at - start < MAX_COLOURS && (isDigit(text.charCodeAt(start)) || text[start] === ";")) start--;
  if (text.charCodeAt(start) !== BRACKET) return false;
  return text.charCodeAt(start - 1) === ESCAPE || /(?:1[Bb]|033)$/.test(text.slice(Math.max(0, start - 3), start));
}

function areHex(text: string, start: number, count: number): boolean {
  for (let at = start; at < start + count; at++) if (!isHex(text.charCodeAt(at))) return false;
  return true;
}
