import type { Scanner } from "./rust_scanner.ts";

/** Flags that matter to classes. */
export interface ClassFlags {
  /** `u`: `\d`, `\s` and `\w` are Unicode's; without it ASCII's. */
  readonly unicode: boolean;
  /** `x`: white space in the expression means nothing. */
  readonly extended: boolean;
}

/** A character, or a set of them. */
export type CharacterSet =
  | { readonly kind: "literal"; readonly character: string }
  | { readonly kind: "range"; readonly from: string; readonly to: string }
  /** JavaScript source that is valid inside of a class and outside. */
  | { readonly kind: "named"; readonly source: string }
  | { readonly kind: "union"; readonly negated: boolean; readonly items: readonly CharacterSet[] }
  | {
      readonly kind: "combined";
      readonly operator: ClassOperator;
      readonly left: CharacterSet;
      readonly right: CharacterSet;
    };

/** What is in both, in the left alone, or in one of them alone. */
type ClassOperator = "&&" | "--" | "~~";

/** Classes that POSIX names (docs.rs/regex, "ASCII character classes"). */
const POSIX: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7F",
  blank: "\\t ",
  cntrl: "\\x00-\\x1F\\x7F",
  digit: "0-9",
  graph: "\\x21-\\x7E",
  lower: "a-z",
  print: "\\x20-\\x7E",
  punct: "\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

/** What `\d`, `\s` and `\w` stand for, by Unicode (TR 18, Annex C) and by ASCII. */
const PERL = {
  d: { unicode: "\\p{Nd}", ascii: "0-9" },
  s: { unicode: "\\p{White_Space}", ascii: "\\t\\n\\v\\f\\r " },
  w: { unicode: "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}", ascii: "0-9A-Za-z_" },
} as const;

const CONTROLS: Readonly<Record<string, string>> = { a: "\u0007", f: "\f", t: "\t", n: "\n", r: "\r", v: "\v" };

/** Classes in classes that are followed. */
const MAX_DEPTH = 100;

/** Reads `[…]`, with classes in it and `&&`, `--` and `~~` between, of which each has the same rank. */
export function readClass(scanner: Scanner, flags: ClassFlags, depth = 0): CharacterSet {
  const start = scanner.position;
  if (depth > MAX_DEPTH) throw scanner.error(`classes are nested more than ${MAX_DEPTH} deep`);
  scanner.next();
  const negated = scanner.take("^");
  let items: CharacterSet[] = [];
  let left: { readonly set: CharacterSet; readonly operator: ClassOperator } | undefined;
  const joined = (): CharacterSet => {
    const right = { kind: "union", negated: false, items } as const;
    return left === undefined ? right : { kind: "combined", operator: left.operator, left: left.set, right };
  };
  // A "]" that comes first, and "-" in front, are themselves.
  while (scanner.take("-")) items.push({ kind: "literal", character: "-" });
  if (items.length === 0 && scanner.take("]")) items.push({ kind: "literal", character: "]" });
  for (;;) {
    if (flags.extended) scanner.takeMatch(/(?:\s|#[^\n]*(?:\n|$))+/y);
    if (scanner.done) throw scanner.error('a "[" is not closed', start);
    if (scanner.take("]")) break;
    const operator = scanner.takeMatch(/&&|--|~~/y)?.[0];
    if (operator === "&&" || operator === "--" || operator === "~~") {
      left = { set: joined(), operator };
      items = [];
    } else {
      items.push(readItem(scanner, flags, depth));
    }
  }
  const set = joined();
  return set.kind === "union" ? { ...set, negated } : { kind: "union", negated, items: [set] };
}

/** One member of a class: a character, a range, a named class or a class. */
function readItem(scanner: Scanner, flags: ClassFlags, depth: number): CharacterSet {
  const start = scanner.position;
  const posix = scanner.takeMatch(/\[:(\^?)([a-z]+):\]/y);
  if (posix !== undefined) {
    const source = POSIX[posix[2] ?? ""];
    if (source === undefined) throw scanner.error(`there is no class "${posix[0]}"`, start);
    return { kind: "named", source: `[${posix[1] ?? ""}${source}]` };
  }
  if (scanner.peek() === "[") return readClass(scanner, flags, depth + 1);
  const from = readMember(scanner, flags);
  if (from.kind !== "literal" || scanner.takeMatch(/-(?![-\]])/y) === undefined) return from;
  if (scanner.done) throw scanner.error('a "[" is not closed');
  const to = readMember(scanner, flags);
  if (to.kind !== "literal") throw scanner.error("a range ends in something that is not one character", start);
  if (codePoint(from.character) > codePoint(to.character))
    throw scanner.error(`the range ${from.character}-${to.character} is the wrong way round`, start);
  return { kind: "range", from: from.character, to: to.character };
}

function readMember(scanner: Scanner, flags: ClassFlags): CharacterSet {
  return scanner.peek() === "\\" ? readEscape(scanner, flags) : { kind: "literal", character: scanner.next() };
}

/** Reads an escape that stands for a character or a class, inside of a class or outside. */
export function readEscape(scanner: Scanner, flags: ClassFlags): CharacterSet {
  const start = scanner.position;
  scanner.next();
  const number = scanner.takeMatch(
    /x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[xuU]\{([0-9A-Fa-f]{1,8})\}/y,
  );
  if (number !== undefined) {
    const code = Number.parseInt(number[1] ?? number[2] ?? number[3] ?? number[4] ?? "", 16);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
      throw scanner.error("there is no character of that number", start);
    return { kind: "literal", character: String.fromCodePoint(code) };
  }
  const property = scanner.takeMatch(/([pP])(?:\{(\^?)([^}]*)\}|([A-Za-z]))/y);
  if (property !== undefined) return readProperty(scanner, start, property);
  const letter = scanner.next();
  const perl = PERL[letter.toLowerCase() as keyof typeof PERL];
  if (perl !== undefined) {
    const negation = letter === letter.toLowerCase() ? "" : "^";
    return { kind: "named", source: `[${negation}${flags.unicode ? perl.unicode : perl.ascii}]` };
  }
  const control = CONTROLS[letter];
  if (control !== undefined) return { kind: "literal", character: control };
  if (/^[!-/:-@[-`{-~ ]$/.test(letter)) return { kind: "literal", character: letter };
  if (letter === "") throw scanner.error("there is nothing after the last backslash", start);
  throw scanner.error(`there is no escape "\\${letter}"`, start);
}

/** `\pL`, `\p{Greek}`, `\p{sc=Greek}`, `\p{^Lu}`; names regardless of case, blanks, `-` and `_` (TR 18, 1.2). */
function readProperty(scanner: Scanner, start: number, match: RegExpExecArray): CharacterSet {
  const [, letter, caret, long, short] = match;
  const unequal = (long ?? "").includes("!=");
  const negated = [letter === "P", caret === "^", unequal].filter((negation) => negation).length % 2 === 1;
  const name = (short ?? long ?? "").replace(/!=|:/, "=");
  for (const candidate of propertyCandidates(name)) {
    const source = `\\${negated ? "P" : "p"}{${candidate}}`;
    if (isProperty(source)) return { kind: "named", source };
  }
  if (/^any$/i.test(name)) return { kind: "named", source: negated ? "[]" : "[^]" };
  throw scanner.error(`there is no Unicode property "${name}"`, start);
}

function propertyCandidates(name: string): string[] {
  const [key = "", value] = name.split("=");
  const spellings = (text: string): string[] => {
    const words = text.trim().split(/[-_ ]+/);
    const titled = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()).join("_");
    return [...new Set([text, titled, text.toUpperCase()])];
  };
  if (value === undefined) return spellings(key).flatMap((spelling) => [spelling, `Script=${spelling}`]);
  const keys: Readonly<Record<string, string>> = {
    gc: "gc",
    general_category: "gc",
    sc: "sc",
    script: "sc",
    scx: "scx",
    script_extensions: "scx",
  };
  const known = keys[key.trim().toLowerCase()];
  return known === undefined ? [] : spellings(value).map((spelling) => `${known}=${spelling}`);
}

function isProperty(source: string): boolean {
  try {
    new RegExp(source, "v");
    return true;
  } catch {
    return false;
  }
}

/** JavaScript source for a set, valid in a class and outside of one, under the `v` flag. */
export function classSource(set: CharacterSet): string {
  switch (set.kind) {
    case "literal":
      return escaped(set.character);
    case "range":
      return `[${escaped(set.from)}-${escaped(set.to)}]`;
    case "named":
      return set.source;
    case "union":
      return `[${set.negated ? "^" : ""}${set.items.map(classSource).join("")}]`;
    case "combined": {
      const [left, right] = [classSource(set.left), classSource(set.right)];
      if (set.operator === "~~") return `[[${left}--${right}][${right}--${left}]]`;
      return `[${left}${set.operator}${right}]`;
    }
  }
}

/** What is beyond ASCII and can be in a set, but for characters above U+FFFF, of which these few stand for all. */
let beyondAscii: string | undefined;

/**
 * A set without the flag `u`, in which only ASCII is known: as the characters that it holds.
 * @param flags those that its source is written for; with `i` the case of ASCII's letters alone is ignored.
 * @returns undefined where the set holds other characters, too: in Rust it would match a part of one, which is no text.
 */
export function asciiSource(source: string, flags: string): string | undefined {
  const place = `${flags} ${source}`;
  if (!asciiSources.has(place)) {
    if (asciiSources.size >= MAX_REMEMBERED) asciiSources.clear();
    asciiSources.set(place, asciiSourceOf(source, flags));
  }
  return asciiSources.get(place);
}

/** Sets that were looked at: an expression has the same few again and again. */
const asciiSources = new Map<string, string | undefined>();
const MAX_REMEMBERED = 1000;

function asciiSourceOf(source: string, flags: string): string | undefined {
  // Nearly every set is made of ranges of ASCII, which can be told at once.
  if (/[^\x00-\x7f]|\^|\\[pP]|\\x[89a-f]/.test(source)) {
    beyondAscii ??= `${Array.from({ length: 0xd800 - 0x80 }, (_, at) => String.fromCharCode(at + 0x80)).join("")}\ue000\ufffd😀𝒜𠀀\u{10ffff}`;
    // The case is not ignored here: K (U+212A) is no k without Unicode.
    if (new RegExp(source, "v").test(beyondAscii)) return undefined;
  }
  const regex = new RegExp(`^${source}$`, flags);
  const held = Array.from({ length: 0x80 }, (_, at) => String.fromCharCode(at)).filter((one) => regex.test(one));
  return `[${held.map(escaped).join("")}]`;
}

/** Letters, digits and what lies beyond ASCII are themselves; the rest is written by number, which is right anywhere. */
function escaped(character: string): string {
  const code = codePoint(character);
  if (/^[0-9A-Za-z]$/.test(character) || code > 0x9f) return character;
  return `\\x${code.toString(16).padStart(2, "0")}`;
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}
