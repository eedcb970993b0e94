import type { SetPattern } from "../pattern.ts";
import { ASCII_WORD, WORD } from "../pattern_source.ts";

/** What conditions can ask about a character, or about the edge of the text where there is none. */
export const FLAG = { edge: 1, newline: 2, word: 4, asciiWord: 8 } as const;

/** The symbol of the edge of a text. */
export const EDGE = 1;

/** What is known of a symbol. */
interface Facts {
  /** Of `FLAG`. */
  readonly flags: number;
  /** The code of the only character that it stands for, or -1. */
  readonly code: number;
  /** 1 for each set that the characters are in, then 1 for each look-ahead that holds in front of them. */
  readonly members: Uint8Array;
}

/** Characters of a page of symbols. */
export const PAGE = 256;

/**
 * Numbers the characters of texts by what a pattern can tell of them: characters that are in the same sets have one
 * symbol. Symbols are found as characters come, each by asking V8 once for each set; so they agree with V8 about every
 * character. Symbol 0 is none.
 */
export class Alphabet {
  /** Symbols of the first 256 characters, 0 where not found yet. */
  readonly latin: Uint32Array;
  /** Of each symbol. */
  readonly facts: Facts[] = [NOTHING, NOTHING];
  readonly #pages: (Uint32Array | undefined)[] = [];
  readonly #tests: readonly RegExp[];
  readonly #literals: ReadonlySet<number>;
  readonly #lookAheads: number;
  readonly #symbols = new Map<string, number>();
  readonly #withLookAhead = new Map<number, number>();

  /**
   * @param sets those that are more than one character; their order is that of `members`.
   * @param literals codes of single characters that are told apart.
   */
  constructor(sets: readonly SetPattern[], literals: ReadonlySet<number>, lookAheads: number) {
    this.#tests = sets.map((set) => new RegExp(`^(?:${set.source})$`, set.flags));
    this.#literals = literals;
    this.#lookAheads = lookAheads;
    this.facts[EDGE] = { flags: FLAG.edge, code: -1, members: this.#noMembers() };
    this.latin = new Uint32Array(PAGE);
    this.#pages[0] = this.latin;
  }

  /** One more than the greatest symbol. */
  get size(): number {
    return this.facts.length;
  }

  /** The symbol of a character: a code point, or a UTF-16 unit where sets are of units. */
  symbolOf(code: number): number {
    let page = this.#pages[code >> 8];
    if (page === undefined) {
      page = new Uint32Array(PAGE);
      this.#pages[code >> 8] = page;
    }
    const known = page[code & 0xff];
    if (known !== undefined && known !== 0) return known;
    const symbol = this.#find(code);
    page[code & 0xff] = symbol;
    return symbol;
  }

  /** The symbol for the same characters with a look-ahead that holds in front of them. */
  withLookAhead(symbol: number, lookAhead: number): number {
    const key = symbol * this.#lookAheads + lookAhead;
    const known = this.#withLookAhead.get(key);
    if (known !== undefined) return known;
    const facts = this.facts[symbol] ?? NOTHING;
    const members = facts.members.slice();
    members[this.#tests.length + lookAhead] = 1;
    const added = this.facts.push({ ...facts, members }) - 1;
    this.#withLookAhead.set(key, added);
    return added;
  }

  isAhead(symbol: number, lookAhead: number): boolean {
    return this.facts[symbol]?.members[this.#tests.length + lookAhead] === 1;
  }

  #find(code: number): number {
    const character = String.fromCodePoint(code);
    const members = this.#noMembers();
    for (const [at, test] of this.#tests.entries()) if (test.test(character)) members[at] = 1;
    const literal = this.#literals.has(code) ? code : -1;
    const flags = flagsOf(character);
    const key = `${literal},${flags},${members.subarray(0, this.#tests.length).join("")}`;
    let symbol = this.#symbols.get(key);
    if (symbol === undefined) {
      symbol = this.facts.push({ flags, code: literal, members }) - 1;
      this.#symbols.set(key, symbol);
    }
    return symbol;
  }

  #noMembers(): Uint8Array {
    return new Uint8Array(this.#tests.length + this.#lookAheads);
  }
}

const NOTHING: Facts = { flags: 0, code: -1, members: new Uint8Array(0) };
const WORD_TEST = new RegExp(`^${WORD}$`, "v");
const ASCII_WORD_TEST = new RegExp(`^${ASCII_WORD}$`, "v");

function flagsOf(character: string): number {
  if (character === "\n") return FLAG.newline;
  if (ASCII_WORD_TEST.test(character)) return FLAG.word | FLAG.asciiWord;
  return WORD_TEST.test(character) ? FLAG.word : 0;
}
