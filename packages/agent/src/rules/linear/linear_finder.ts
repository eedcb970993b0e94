import type { Pattern } from "../pattern.ts";
import { Alphabet, EDGE } from "./alphabet.ts";
import { Backward, type Place } from "./backward.ts";
import { compile, holds, OP, type Program } from "./program.ts";
import type { Room } from "./room.ts";

/** Places of which it is kept how they go on, while a match is followed. */
const BLOCK = 4096;
/** Symbols and starts of a text up to this length are written where those of the one before it were. */
const SHORT = 4096;
const NO_SYMBOLS: Int32Array = new Int32Array(0);
/** Stands for the end of a match among instructions. */
const MATCH = -1;

/**
 * Finds all matches of a pattern in a text: those that Rust's `find_iter` finds, but in time that is linear in the text's
 * length, whatever it holds. The text is read from right to left first, which tells at each place whether a match begins
 * there and which ways lead to its end; then each match is followed on the way that is preferred among those, without
 * going back (A. Frisch, L. Cardelli, "Greedy Regular Expression Matching", ICALP 2004).
 */
export class LinearFinder {
  readonly #program: Program;
  readonly #alphabet: Alphabet;
  readonly #backward: Backward;
  readonly #visited: Int32Array;
  #visit = 0;
  readonly #shortSymbols = new Int32Array(SHORT + 1);
  readonly #shortStarts = new Uint8Array(SHORT + 1);
  /** The symbols of the text at hand, and the places where its blocks begin but for the first. */
  #symbols = NO_SYMBOLS;
  #begins: Place[] = [];
  /** All places of the block that begins at a place of the text, and the one behind them. */
  readonly #places: (Place | undefined)[] = new Array(BLOCK + 1).fill(undefined);
  #blockStart = 0;

  /** @param pattern without look-aheads. Characters are code points. */
  constructor(pattern: Pattern, room?: Room) {
    const { main, sets, literals } = compile(pattern);
    this.#program = main;
    this.#alphabet = new Alphabet(sets, literals, 0);
    this.#backward = new Backward(main, this.#alphabet, room);
    this.#visited = new Int32Array(main.op.length);
  }

  /** Instructions that were looked at since it was made; what is known from an earlier text takes none. */
  get steps(): number {
    return this.#backward.steps;
  }

  /**
   * Where the matches begin and end, in turn, in UTF-16 units.
   * @param allowed instructions that may be looked at.
   * @throws {WorkLimitError} when it takes more.
   */
  spans(text: string, allowed = Number.POSITIVE_INFINITY): number[] {
    this.#backward.mostSteps = this.#backward.steps + allowed;
    const { symbols, offsets } = this.#read(text);
    this.#symbols = symbols;
    try {
      const spans = this.#spans();
      return offsets === undefined ? spans : spans.map((place) => offsets[place] ?? 0);
    } finally {
      // Nothing of a long text is held until the next one.
      this.#symbols = NO_SYMBOLS;
      this.#begins = [];
      this.#places.fill(undefined, 0, symbols.length);
    }
  }

  /** Where the matches begin and end, by number of character. */
  #spans(): number[] {
    const starts = this.#readBackwards();
    const spans: number[] = [];
    if (starts === undefined) return spans;
    let lastEnd = -1;
    for (let at = starts.indexOf(1); at >= 0; ) {
      const end = this.#follow(at);
      // As `find_iter` has it: no empty match right behind another one.
      if (end > at || end !== lastEnd) spans.push(at, end);
      lastEnd = end;
      const next = Math.max(end, at + 1);
      at = starts[next] === 1 ? next : starts.indexOf(1, next);
    }
    return spans;
  }

  #read(text: string): { symbols: Int32Array; offsets: Int32Array | undefined } {
    const alphabet = this.#alphabet;
    const symbols = text.length > SHORT ? new Int32Array(text.length + 1) : this.#shortSymbols;
    let offsets: Int32Array | undefined;
    let count = 0;
    for (let at = 0; at < text.length; at++) {
      let code = text.charCodeAt(at);
      if (offsets !== undefined) offsets[count] = at;
      if (code >= 0xd800 && code <= 0xdbff) {
        code = text.codePointAt(at) ?? 0;
        if (code > 0xffff) {
          if (offsets === undefined) {
            offsets = new Int32Array(text.length + 1);
            for (let before = 0; before <= count; before++) offsets[before] = before;
          }
          at++;
        }
      }
      symbols[count++] = (code < 256 ? alphabet.latin[code] : 0) || alphabet.symbolOf(code);
    }
    symbols[count] = EDGE;
    if (offsets !== undefined) offsets[count] = text.length;
    return { symbols: symbols.subarray(0, count + 1), offsets };
  }

  /** 1 at each place where a match begins; undefined where there is none. */
  #readBackwards(): Uint8Array | undefined {
    const symbols = this.#symbols;
    const backward = this.#backward;
    const places = this.#places;
    let starts: Uint8Array | undefined;
    let place = backward.end();
    for (let at = symbols.length - 1; at >= 0; at--) {
      if (at % BLOCK === 0) this.#begins[at / BLOCK] = place;
      if (at < BLOCK) places[at] = place;
      const symbol = at === 0 ? EDGE : (symbols[at - 1] as number);
      const move = place.moves[symbol] ?? backward.move(place, symbol);
      if (move.matches) {
        starts ??= this.#noStarts(symbols.length);
        starts[at] = 1;
      }
      place = move.place;
    }
    this.#blockStart = 0;
    return starts;
  }

  #noStarts(length: number): Uint8Array {
    return length > SHORT + 1 ? new Uint8Array(length) : this.#shortStarts.subarray(0, length).fill(0);
  }

  /** A place of the text, which is found anew from the end of its block. */
  #placeAt(at: number): Place {
    const inside = at - this.#blockStart;
    if (inside < 0 || inside >= BLOCK) this.#readBlock(at - (at % BLOCK));
    return this.#places[at - this.#blockStart] ?? this.#backward.end();
  }

  #readBlock(from: number): void {
    const symbols = this.#symbols;
    const places = this.#places;
    let place = this.#begins[from / BLOCK + 1];
    let next = from + BLOCK;
    if (place === undefined) {
      place = this.#backward.end();
      next = symbols.length - 1;
      places[next - from] = place;
    }
    while (next > from) {
      next--;
      place = this.#backward.move(place, symbols[next] ?? EDGE).place;
      places[next - from] = place;
    }
    this.#blockStart = from;
  }

  /** The end of the match that begins at a place. */
  #follow(start: number): number {
    const { facts } = this.#alphabet;
    const symbols = this.#symbols;
    const asked = this.#program.context;
    let instruction = this.#program.start;
    let before = start === 0 ? EDGE : (symbols[start - 1] ?? EDGE);
    for (let at = start; ; at++) {
      const flags = (facts[before]?.flags ?? 0) & asked;
      const place = this.#placeAt(at);
      const key = instruction * 16 + flags;
      let next = place.ways.get(key);
      if (next === undefined) {
        next = this.#wayFrom(instruction, at, flags, place);
        this.#backward.keepWay(place, key, next);
      }
      if (next === MATCH) return at;
      instruction = next;
      before = symbols[at] ?? EDGE;
    }
  }

  /** The preferred instruction that takes the character behind a place, among those that lead to a match; or `MATCH`. */
  #wayFrom(instruction: number, at: number, before: number, { takers }: Place): number {
    const { op, argument, next } = this.#program;
    const after = this.#alphabet.facts[this.#symbols[at] ?? EDGE]?.flags ?? 0;
    const visited = this.#visited;
    const visit = ++this.#visit;
    const open = [instruction];
    for (let here = open.pop(); here !== undefined; here = open.pop()) {
      if (visited[here] === visit) continue;
      visited[here] = visit;
      const operation = op[here];
      const given = argument[here] ?? 0;
      const then = next[here] ?? 0;
      if (operation === OP.match) return MATCH;
      if (operation === OP.split) open.push(given, then);
      else if (operation === OP.assert) {
        if (holds(given, before, after)) open.push(then);
      } else if (isAmong(takers, here)) return then;
    }
    throw new Error("A match that begins has no end.");
  }
}

/** Whether an ascending list has a number. */
function isAmong(list: Int32Array, wanted: number): boolean {
  let from = 0;
  let to = list.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const found = list[middle] ?? 0;
    if (found === wanted) return true;
    if (found < wanted) from = middle + 1;
    else to = middle;
  }
  return false;
}
