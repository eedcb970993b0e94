import type { Pattern } from "../pattern.ts";
import { Alphabet, EDGE } from "./alphabet.ts";
import { Automaton } from "./automaton.ts";
import { compile, type Programs } from "./program.ts";
import type { Room } from "./room.ts";

/** Symbols that look-aheads may add before all are forgotten. */
const MAX_SYMBOLS = 10_000;

/** An alphabet, and the automata that share it. */
interface Machine {
  readonly alphabet: Alphabet;
  readonly main: Automaton;
  readonly aheads: readonly Automaton[];
}

/**
 * Searches a pattern in texts, in time that is linear in their length, whatever they hold.
 */
export class LinearMatcher {
  readonly #programs: Programs;
  readonly #wide: boolean;
  readonly #room: Room | undefined;
  #machine: Machine;

  /** @param wide characters are code points, as under the flag `v`; otherwise UTF-16 units, as without flags. */
  constructor(pattern: Pattern, wide: boolean, room?: Room) {
    this.#programs = compile(pattern);
    this.#wide = wide;
    this.#room = room;
    this.#machine = machineOf(this.#programs, this.#room);
  }

  /** Instructions that were looked at since it was made; what is known from an earlier text takes none. */
  get steps(): number {
    return this.#machine.main.steps;
  }

  /**
   * @param allowed instructions that may be looked at, where the pattern has no look-ahead.
   * @throws {WorkLimitError} when it takes more.
   */
  test(text: string, allowed = Number.POSITIVE_INFINITY): boolean {
    if (this.#programs.aheads.length === 0) return this.#machine.main.search(text, this.#wide, allowed);
    if (this.#machine.alphabet.size > MAX_SYMBOLS) this.#machine = machineOf(this.#programs, this.#room);
    return this.#testWithAheads(text);
  }

  /**
   * Each look-ahead reads the text from right to left first: at each place it then is known whether it holds there, which
   * becomes part of the symbol of the place.
   */
  #testWithAheads(text: string): boolean {
    const { alphabet, main, aheads } = this.#machine;
    const codes = this.#wide ? [...text].map((character) => character.codePointAt(0) ?? 0) : unitsOf(text);
    const symbols = Int32Array.from([...codes.map((code) => alphabet.symbolOf(code)), EDGE]);
    const length = codes.length;
    for (const [number, ahead] of aheads.entries()) {
      // What stands before a place is what comes next from right to left; what holds in front of the place goes with it.
      const backwards = new Int32Array(length + 1);
      for (let place = 0; place <= length; place++) {
        let symbol = place === 0 ? EDGE : alphabet.symbolOf(codes[place - 1] ?? 0);
        for (let inner = 0; inner < number; inner++)
          if (alphabet.isAhead(symbols[place] ?? 0, inner)) symbol = alphabet.withLookAhead(symbol, inner);
        backwards[length - place] = symbol;
      }
      ahead.sweep(backwards, (at, matches) => {
        const place = length - at;
        if (matches) symbols[place] = alphabet.withLookAhead(symbols[place] ?? 0, number);
        return false;
      });
    }
    let found = false;
    main.sweep(symbols, (_, matches) => {
      found = matches;
      return matches;
    });
    return found;
  }
}

function machineOf(programs: Programs, room: Room | undefined): Machine {
  const alphabet = new Alphabet(programs.sets, programs.literals, programs.aheads.length);
  return {
    alphabet,
    main: new Automaton(programs.main, alphabet, room),
    aheads: programs.aheads.map((program) => new Automaton(program, alphabet, room)),
  };
}

function unitsOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
}
