import { type Alphabet, EDGE, FLAG, PAGE } from "./alphabet.ts";
import { canStartLater, holds, OP, type Program } from "./program.ts";
import type { Room } from "./room.ts";

/** Entries of the table of moves and of the states' lists together, about 3 MB; beyond, all are forgotten and found anew. */
const MAX_ENTRIES = 1 << 18;
const FIRST_ROWS = 16;

/**
 * Work on new states that a run may do at first, and for each character. What changes its states all the time, and so
 * gains nothing from keeping them, goes on without.
 */
const FREE_WORK = 100_000;
const WORK_PER_CHARACTER = 4;

/** A text takes more work than it was given. */
export class WorkLimitError extends Error {
  override readonly name = "WorkLimitError";
}

/** What the instructions that wait for the next character are, and what is known of the character before. */
interface State {
  readonly waiting: Int32Array;
  readonly context: number;
}

/** Gives the next symbol, `EDGE` behind the last, and 0 behind that. */
type Symbols = () => number;

/**
 * Finds whether a program matches anywhere in a text, in one pass without going back: all ways of the program are followed
 * at once. The sets of instructions that are reached become states of a table as they are met (a "lazy DFA", as in RE2 and
 * Rust's crate), so that most characters take one look into it. The work for a text of n characters is O(n × instructions).
 */
export class Automaton {
  readonly #program: Program;
  readonly #alphabet: Alphabet;
  readonly #room: Room | undefined;
  /** It can match at the start of a text only. */
  readonly #anchored: boolean;
  /** By state and symbol: the next state's row × 2, and 1 more where the program matches in front of the symbol. 0: unknown. */
  #moves = new Int32Array(0);
  /** Symbols of a row. */
  #width = 0;
  /** The row of the first state, 0 when it must be made. */
  #first = 0;
  #states: State[] = [];
  #rows = new Map<string, number>();
  #entries = 0;
  #work = 0;
  /** Instructions that were looked at since it was made. */
  steps = 0;
  /** Instructions after which a run is given up. */
  #mostSteps = Number.POSITIVE_INFINITY;
  /** Instructions that were reached in the step of this number. */
  readonly #reached: Int32Array;
  readonly #kept: Int32Array;
  #step = 0;
  readonly #stack: Int32Array;
  #waiting: Int32Array;
  #waitingCount = 0;
  #spare: Int32Array;

  constructor(program: Program, alphabet: Alphabet, room?: Room) {
    this.#program = program;
    this.#room = room;
    this.#alphabet = alphabet;
    const size = program.op.length;
    this.#reached = new Int32Array(size);
    this.#kept = new Int32Array(size);
    this.#stack = new Int32Array(size);
    this.#waiting = new Int32Array(size);
    this.#spare = new Int32Array(size);
    this.#anchored = !canStartLater(program);
  }

  /**
   * Whether the program matches in a text; `wide` where characters are code points.
   * @param allowed instructions that may be looked at. What is known from before takes none.
   * @throws {WorkLimitError} when it takes more.
   */
  search(text: string, wide: boolean, allowed = Number.POSITIVE_INFINITY): boolean {
    this.#mostSteps = this.steps + allowed;
    const latin = this.#alphabet.latin;
    const length = text.length;
    let row = this.#begin();
    let moves = this.#moves;
    let dead = this.#width * 2;
    let at = 0;
    while (at < length) {
      let code = text.charCodeAt(at);
      let symbol = code < PAGE ? (latin[code] as number) : 0;
      if (symbol === 0) {
        if (wide && code >= 0xd800) code = text.codePointAt(at) ?? 0;
        if (code > 0xffff) at++;
        symbol = this.#alphabet.symbolOf(code);
        if (symbol >= this.#width) row = this.#widen(row);
        moves = this.#moves;
        dead = this.#width * 2;
      }
      at++;
      // The row and the symbol are within the table.
      let move = moves[row + symbol] as number;
      if (move === 0) {
        move = this.#learn(row, symbol);
        moves = this.#moves;
        if (this.#work > FREE_WORK + WORK_PER_CHARACTER * at)
          return (move & 1) === 1 || this.#follow(symbolsOf(text, at, wide, this.#alphabet), move >> 1);
      }
      if ((move & 1) === 1) return true;
      if (move === dead) return false;
      row = move >> 1;
    }
    return ((this.#moves[row + EDGE] || this.#learn(row, EDGE)) & 1) === 1;
  }

  /**
   * Goes over symbols, the last of which is `EDGE`.
   * @param found is told at each place whether the program matches there; true ends the run.
   */
  sweep(symbols: Int32Array, found: (at: number, matches: boolean) => boolean): void {
    this.#mostSteps = Number.POSITIVE_INFINITY;
    let row = this.#begin();
    for (const [at, symbol] of symbols.entries()) {
      let move = this.#moves[row + symbol] ?? 0;
      if (move === 0) move = this.#learn(row, symbol);
      if (found(at, (move & 1) === 1)) return;
      row = move >> 1;
      if (this.#work > FREE_WORK + WORK_PER_CHARACTER * at) {
        let next = at;
        this.#follow(
          () => symbols[++next] ?? 0,
          row,
          (matches) => found(next, matches),
        );
        return;
      }
    }
  }

  /** The row of the first state. */
  #begin(): number {
    this.#work = 0;
    if (this.#alphabet.size > this.#width) this.forget();
    if (this.#first === 0) {
      this.#waiting[0] = this.#program.start;
      this.#first = this.#keep(this.#waiting.subarray(0, 1), FLAG.edge & this.#program.context);
    }
    return this.#first;
  }

  /** Finds a move that is not in the table yet. */
  #learn(row: number, symbol: number): number {
    const { waiting, context } = this.#states[row / this.#width] ?? NONE;
    const matches = this.#advance(waiting, waiting.length, context, symbol);
    const kept = this.#waiting.subarray(0, this.#waitingCount).sort();
    const before = this.#rows;
    const next = this.#keep(kept, this.#contextOf(symbol));
    const move = next * 2 + (matches ? 1 : 0);
    // Otherwise all was forgotten, and the row is of another state.
    if (before === this.#rows) this.#moves[row + symbol] = move;
    return move;
  }

  /** The row of a state, which is new or known. */
  #keep(waiting: Int32Array, context: number): number {
    this.#work += waiting.length + 8;
    // Nothing can match any more.
    if (waiting.length === 0 && this.#anchored) return this.#width;
    const key = keyOf(waiting, context);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    this.#room?.take(this, this.#width + waiting.length);
    if (this.#entries + this.#width + waiting.length > MAX_ENTRIES) this.forget();
    const row = this.#states.length * this.#width;
    if (row + this.#width > this.#moves.length) {
      const moves = new Int32Array(Math.max(this.#moves.length * 2, FIRST_ROWS * this.#width));
      moves.set(this.#moves);
      this.#moves = moves;
    }
    this.#states.push({ waiting: waiting.slice(), context });
    this.#rows.set(key, row);
    this.#entries += this.#width + waiting.length;
    return row;
  }

  /** Forgets all states, and makes room for all symbols. */
  forget(): void {
    let width = Math.max(this.#width, 16);
    while (width < this.#alphabet.size) width *= 2;
    this.#width = width;
    this.#first = 0;
    this.#rows = new Map();
    this.#states = [NONE, NONE];
    this.#entries = 2 * width;
    this.#moves = new Int32Array(FIRST_ROWS * width);
    this.#moves.fill(width * 2, width, width * 2);
  }

  /** Makes room for new symbols; the row of the same state afterwards. */
  #widen(row: number): number {
    const state = this.#states[row / this.#width] ?? NONE;
    this.forget();
    return this.#keep(state.waiting, state.context);
  }

  #contextOf(symbol: number): number {
    return (this.#alphabet.facts[symbol]?.flags ?? 0) & this.#program.context;
  }

  /** Goes on from a row without keeping states. */
  #follow(symbols: Symbols, row: number, found: (matches: boolean) => boolean = (matches) => matches): boolean {
    const from = this.#states[row / this.#width] ?? NONE;
    let { context } = from;
    let current = this.#spare;
    let count = from.waiting.length;
    current.set(from.waiting);
    for (let symbol = symbols(); symbol !== 0; symbol = symbols()) {
      if (found(this.#advance(current, count, context, symbol))) return true;
      current = this.#waiting;
      count = this.#waitingCount;
      this.#waiting = this.#spare;
      this.#spare = current;
      context = this.#contextOf(symbol);
    }
    return false;
  }

  /**
   * One step: from the instructions that wait, over splits and conditions, to those that take the symbol. What follows those
   * waits then. True when the program matches in front of the symbol.
   */
  #advance(waiting: Int32Array, count: number, context: number, symbol: number): boolean {
    const { op, argument, next, start } = this.#program;
    const facts = this.#alphabet.facts[symbol];
    if (facts === undefined) return false;
    const { members } = facts;
    const reached = this.#reached;
    const kept = this.#kept;
    const stack = this.#stack;
    const out = this.#waiting;
    const step = this.#nextStep();
    let matches = false;
    let outCount = 0;
    let visited = 0;
    // The start comes once more at each place, unless it is known to lead nowhere.
    for (let from = this.#anchored ? 0 : -1; from < count; from++) {
      const entry = from < 0 ? start : (waiting[from] ?? 0);
      if (reached[entry] === step) continue;
      reached[entry] = step;
      stack[0] = entry;
      let depth = 1;
      while (depth > 0) {
        visited++;
        const at = stack[--depth] ?? 0;
        const given = argument[at] ?? 0;
        const then = next[at] ?? 0;
        const operation = op[at];
        let passes = false;
        if (operation === OP.character || operation === OP.set) {
          if (operation === OP.character ? facts.code !== given : members[given] !== 1) continue;
          if (kept[then] === step) continue;
          kept[then] = step;
          out[outCount++] = then;
        } else if (operation === OP.split) {
          passes = true;
          if (reached[given] !== step) {
            reached[given] = step;
            stack[depth++] = given;
          }
        } else if (operation === OP.assert) {
          passes = holds(given, context, facts.flags);
        } else if (operation === OP.match) {
          matches = true;
        } else {
          passes = (members[given] === 1) === (operation === OP.ahead);
        }
        if (passes && reached[then] !== step) {
          reached[then] = step;
          stack[depth++] = then;
        }
      }
    }
    this.#waitingCount = outCount;
    this.steps += visited;
    if (this.steps > this.#mostSteps) throw new WorkLimitError();
    return matches;
  }

  #nextStep(): number {
    this.#step++;
    if (this.#step === 0x7fffffff) {
      this.#reached.fill(0);
      this.#kept.fill(0);
      this.#step = 1;
    }
    return this.#step;
  }
}

const NONE: State = { waiting: new Int32Array(0), context: 0 };

/** Instructions are fewer than 65,536, so each is one UTF-16 unit of a key. */
function keyOf(waiting: Int32Array, context: number): string {
  let key = String.fromCharCode(context);
  for (let at = 0; at < waiting.length; at += 4096) key += String.fromCharCode(...waiting.subarray(at, at + 4096));
  return key;
}

function symbolsOf(text: string, from: number, wide: boolean, alphabet: Alphabet): Symbols {
  let at = from;
  return () => {
    if (at > text.length) return 0;
    if (at === text.length) {
      at++;
      return EDGE;
    }
    const code = (wide ? text.codePointAt(at) : text.charCodeAt(at)) ?? 0;
    at += code > 0xffff ? 2 : 1;
    return alphabet.symbolOf(code);
  };
}
