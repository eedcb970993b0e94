import { type Assertion, mayBeEmpty, type Pattern, type RepeatPattern, type SetPattern } from "../pattern.ts";
import { FLAG } from "./alphabet.ts";

/** What an instruction does. All but `match` go on at `next`; `split` also at its argument, which it prefers less. */
export const OP = { match: 0, split: 1, assert: 2, character: 3, set: 4, ahead: 5, notAhead: 6 } as const;

/** A pattern as a nondeterministic automaton (K. Thompson, "Regular Expression Search Algorithm", 1968). */
export interface Program {
  readonly start: number;
  readonly op: Uint8Array;
  /** `split`: the other way. `assert`: a number of `holds`. `character`: its code. Else: a number of the alphabet's members. */
  readonly argument: Int32Array;
  readonly next: Int32Array;
  /** Of `FLAG`: what its conditions ask about the character before. */
  readonly context: number;
}

/** The programs of a pattern and of the look-aheads in it, and what they need of an alphabet. */
export interface Programs {
  readonly main: Program;
  /**
   * For each look-ahead the program that reads its body from right to left: where it matches, so does the look-ahead. Each
   * refers only to those before it.
   */
  readonly aheads: readonly Program[];
  readonly sets: readonly SetPattern[];
  readonly literals: ReadonlySet<number>;
}

const ASSERTIONS: readonly Assertion[] = [
  "textStart",
  "textEnd",
  "lineStart",
  "lineEnd",
  "wordEdge",
  "wordNoEdge",
  "wordStart",
  "wordEnd",
  "wordStartHalf",
  "wordEndHalf",
  "asciiWordEdge",
  "asciiWordNoEdge",
  "asciiWordStart",
  "asciiWordEnd",
  "asciiWordStartHalf",
  "asciiWordEndHalf",
];

/** The argument of an `assert` that holds nowhere but at the start of a text. */
const TEXT_START = ASSERTIONS.indexOf("textStart");

/** Whether a condition holds between two characters, of which the flags are given. */
export function holds(argument: number, before: number, after: number): boolean {
  const word = argument < 10 ? FLAG.word : FLAG.asciiWord;
  const left = (before & word) !== 0;
  const right = (after & word) !== 0;
  switch (argument < 10 ? argument : argument - 6) {
    case 0:
      return (before & FLAG.edge) !== 0;
    case 1:
      return (after & FLAG.edge) !== 0;
    case 2:
      return (before & (FLAG.edge | FLAG.newline)) !== 0;
    case 3:
      return (after & (FLAG.edge | FLAG.newline)) !== 0;
    case 4:
      return left !== right;
    case 5:
      return left === right;
    case 6:
      return !left && right;
    case 7:
      return left && !right;
    case 8:
      return !left;
    default:
      return !right;
  }
}

/** The same condition for a text that is read from right to left. */
const MIRRORED: Partial<Record<Assertion, Assertion>> = {
  textStart: "textEnd",
  textEnd: "textStart",
  lineStart: "lineEnd",
  lineEnd: "lineStart",
  wordStart: "wordEnd",
  wordEnd: "wordStart",
  wordStartHalf: "wordEndHalf",
  wordEndHalf: "wordStartHalf",
  asciiWordStart: "asciiWordEnd",
  asciiWordEnd: "asciiWordStart",
  asciiWordStartHalf: "asciiWordEndHalf",
  asciiWordEndHalf: "asciiWordStartHalf",
};

/** Writes the programs of a pattern; their instructions are at most as many as its size, and one more each. */
export function compile(pattern: Pattern): Programs {
  const sets = new Map<string, { readonly set: SetPattern; readonly member: number }>();
  const literals = new Set<number>();
  const aheads: Pattern[] = [];
  collect(pattern, sets, literals, aheads);
  const memberOf = (set: SetPattern): number => sets.get(keyOf(set))?.member ?? 0;
  const aheadOf = (body: Pattern): number => sets.size + aheads.indexOf(body);
  return {
    main: write(pattern, false, memberOf, aheadOf),
    aheads: aheads.map((body) => write(body, true, memberOf, aheadOf)),
    sets: [...sets.values()].map(({ set }) => set),
    literals,
  };
}

/** Finds what is told apart; look-aheads from the innermost outwards. */
function collect(
  pattern: Pattern,
  sets: Map<string, { readonly set: SetPattern; readonly member: number }>,
  literals: Set<number>,
  aheads: Pattern[],
): void {
  switch (pattern.kind) {
    case "set":
      if (pattern.character !== undefined) literals.add(pattern.character.codePointAt(0) ?? 0);
      else if (!sets.has(keyOf(pattern))) sets.set(keyOf(pattern), { set: pattern, member: sets.size });
      return;
    case "assertion":
      return;
    case "ahead":
    case "repeat":
      collect(pattern.body, sets, literals, aheads);
      if (pattern.kind === "ahead") aheads.push(pattern.body);
      return;
    case "sequence":
    case "choice":
      for (const part of pattern.parts) collect(part, sets, literals, aheads);
  }
}

function keyOf(set: SetPattern): string {
  return `${set.flags}/${set.source}`;
}

function write(
  whole: Pattern,
  reversed: boolean,
  memberOf: (set: SetPattern) => number,
  aheadOf: (body: Pattern) => number,
): Program {
  const op: number[] = [OP.match];
  const argument: number[] = [0];
  const next: number[] = [0];
  const add = (operation: number, given: number, then: number): number => {
    op.push(operation);
    argument.push(given);
    return next.push(then) - 1;
  };
  let context = 0;

  /** Writes a pattern in front of the instruction that follows it; tells where it begins. */
  const before = (pattern: Pattern, then: number): number => {
    switch (pattern.kind) {
      case "set":
        return pattern.character === undefined
          ? add(OP.set, memberOf(pattern), then)
          : add(OP.character, pattern.character.codePointAt(0) ?? 0, then);
      case "assertion": {
        const assertion = reversed ? (MIRRORED[pattern.assertion] ?? pattern.assertion) : pattern.assertion;
        context |= contextOf(assertion);
        return add(OP.assert, ASSERTIONS.indexOf(assertion), then);
      }
      case "ahead":
        return add(pattern.negated ? OP.notAhead : OP.ahead, aheadOf(pattern.body), then);
      case "sequence": {
        const parts = reversed ? pattern.parts : pattern.parts.toReversed();
        return parts.reduce((following, part) => before(part, following), then);
      }
      case "choice":
        return pattern.parts
          .map((part) => before(part, then))
          .reduceRight((other, first) => add(OP.split, other, first));
      case "repeat":
        return repeated(pattern, then);
    }
  };

  const repeated = ({ body, min, max, lazy }: RepeatPattern, then: number): number => {
    const fork = (into: number): number => (lazy ? add(OP.split, into, then) : add(OP.split, then, into));
    let begin = then;
    let copies = min;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = fork(0);
      const first = before(body, loop);
      if (lazy) argument[loop] = first;
      else next[loop] = first;
      // As in Rust's crate: what may be empty is entered once, and does not prefer to go round again.
      begin = min > 0 ? first : mayBeEmpty(body) ? fork(first) : loop;
      copies = Math.max(min - 1, 0);
    } else {
      for (let count = min; count < max; count++) begin = fork(before(body, begin));
    }
    for (let count = 0; count < copies; count++) begin = before(body, begin);
    return begin;
  };

  const start = before(whole, 0);
  return {
    start,
    op: Uint8Array.from(op),
    argument: Int32Array.from(argument),
    next: Int32Array.from(next),
    context,
  };
}

function contextOf(assertion: Assertion): number {
  if (assertion === "textStart") return FLAG.edge;
  if (assertion === "lineStart") return FLAG.edge | FLAG.newline;
  if (assertion === "textEnd" || assertion === "lineEnd" || assertion.endsWith("EndHalf")) return 0;
  return assertion.startsWith("ascii") ? FLAG.asciiWord : FLAG.word;
}

/** Whether a program can match anywhere but from the start of a text, if every other condition holds. */
export function canStartLater({ op, argument, next, start }: Program): boolean {
  const seen = new Set<number>();
  const open = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const operation = op[at];
    if (operation === OP.match || operation === OP.character || operation === OP.set) return true;
    if (operation === OP.assert && argument[at] === TEXT_START) continue;
    if (operation === OP.split) open.push(argument[at] ?? 0);
    open.push(next[at] ?? 0);
  }
  return false;
}
