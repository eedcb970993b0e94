import { type Alphabet, FLAG } from "./alphabet.ts";
import { WorkLimitError } from "./automaton.ts";
import { holds, OP, type Program } from "./program.ts";
import type { Room } from "./room.ts";

/** Numbers in the tables of all states together, about 2 MB; beyond, all are forgotten and found anew. */
const MAX_ENTRIES = 1 << 19;

/** An entry of a map takes as much as so many numbers. */
const WAY_ENTRIES = 2;

/** What can be said of a place of a text, from what follows it. */
export interface Place {
  /** Instructions that take the character behind the place and go on from there to a match, in ascending order. */
  readonly takers: Int32Array;
  /** Of `FLAG`: what conditions ask about the character behind the place. */
  readonly context: number;
  /** By the symbol in front of the place: the place in front of that. */
  readonly moves: (Move | undefined)[];
  /** Where an instruction goes on from here, by instruction and flags in front; filled as it is asked for. */
  readonly ways: Map<number, number>;
}

interface Move {
  readonly place: Place;
  /** The program matches from the place that the move leads away from. */
  readonly matches: boolean;
}

/**
 * Reads a text from right to left and tells at each place which instructions of a program go on to a match from there. The
 * sets of such instructions are kept as they are met (a "lazy DFA"), so that most characters take one look into a table.
 */
export class Backward {
  readonly #program: Program;
  readonly #alphabet: Alphabet;
  readonly #room: Room | undefined;
  /** Of `FLAG`: what the program's conditions ask about the character behind. */
  readonly #asked: number;
  /** For each instruction: those that lead to it, without taking a character and with one. */
  readonly #sources: readonly (readonly number[])[];
  readonly #takers: readonly (readonly number[])[];
  #places = new Map<string, Place>();
  #entries = 0;
  readonly #reached: Int32Array;
  #step = 0;
  /** Instructions that were looked at since it was made. */
  steps = 0;
  mostSteps = Number.POSITIVE_INFINITY;

  constructor(program: Program, alphabet: Alphabet, room?: Room) {
    this.#program = program;
    this.#room = room;
    this.#alphabet = alphabet;
    this.#asked = askedBehind(program);
    const { op, argument, next } = program;
    const sources: number[][] = Array.from(op, () => []);
    const takers: number[][] = Array.from(op, () => []);
    for (const [at, operation] of op.entries()) {
      if (operation === OP.match) continue;
      const isTaker = operation === OP.character || operation === OP.set;
      (isTaker ? takers : sources)[next[at] ?? 0]?.push(at);
      if (operation === OP.split) sources[argument[at] ?? 0]?.push(at);
    }
    this.#sources = sources;
    this.#takers = takers;
    this.#reached = new Int32Array(op.length);
  }

  /** The place behind all characters. */
  end(): Place {
    return this.#keep([], FLAG.edge & this.#asked);
  }

  /**
   * Goes over the symbol in front of a place.
   * @throws {WorkLimitError} when it takes more than `mostSteps`.
   */
  move(place: Place, symbol: number): Move {
    return place.moves[symbol] ?? this.#learn(place, symbol);
  }

  #learn(place: Place, symbol: number): Move {
    const { op, argument, start } = this.#program;
    const facts = this.#alphabet.facts[symbol];
    const reached = this.#reached;
    const step = ++this.#step;
    const open = [0];
    reached[0] = step;
    for (const taker of place.takers) {
      reached[taker] = step;
      open.push(taker);
    }
    const takers: number[] = [];
    const before = facts?.flags ?? 0;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      this.steps += 1;
      for (const source of this.#sources[at] ?? []) {
        this.steps += 1;
        if (reached[source] === step) continue;
        if (op[source] === OP.assert && !holds(argument[source] ?? 0, before, place.context)) continue;
        reached[source] = step;
        open.push(source);
      }
      for (const taker of this.#takers[at] ?? []) {
        this.steps += 1;
        const given = argument[taker] ?? 0;
        const takes = op[taker] === OP.character ? facts?.code === given : facts?.members[given] === 1;
        if (takes) takers.push(taker);
      }
    }
    if (this.steps > this.mostSteps) throw new WorkLimitError();
    const move = { place: this.#keep(takers, before & this.#asked), matches: reached[start] === step };
    place.moves[symbol] = move;
    return move;
  }

  /** Keeps where an instruction goes on from a place. */
  keepWay(place: Place, key: number, next: number): void {
    this.#takeRoom(WAY_ENTRIES);
    place.ways.set(key, next);
  }

  /** Who is at a forgotten place goes on from it. */
  forget(): void {
    this.#places = new Map();
    this.#entries = 0;
  }

  #takeRoom(entries: number): void {
    this.#room?.take(this, entries);
    if (this.#entries + entries > MAX_ENTRIES) this.forget();
    this.#entries += entries;
  }

  #keep(takers: readonly number[], context: number): Place {
    const sorted = Int32Array.from(takers).sort();
    const key = `${context},${sorted.join()}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.steps += sorted.length;
    const size = 2 * sorted.length + this.#alphabet.size + 16;
    this.#takeRoom(size);
    const place = { takers: sorted, context, moves: [], ways: new Map<number, number>() };
    this.#places.set(key, place);
    return place;
  }
}

/** Flags of the character behind that make a difference to any condition of a program. */
function askedBehind({ op, argument }: Program): number {
  const conditions = new Set(Array.from(argument).filter((_, at) => op[at] === OP.assert));
  let asked = 0;
  for (const condition of conditions)
    for (let before = 0; before < 16; before++)
      for (let after = 0; after < 16; after++)
        for (let flag = 1; flag < 16; flag *= 2)
          if (holds(condition, before, after) !== holds(condition, before, after ^ flag)) asked |= flag;
  return asked;
}
