import type { Buffer } from "node:buffer";
import type { MultilineRule } from "../../config/line_options.ts";
import type { Piece, Split } from "../pieces.ts";
import { Grouping } from "./grouping.ts";
import { patternMachine } from "./pattern_machine.ts";
import { PRESETS } from "./presets/presets.ts";

/** The pieces of a chunk once its lines are joined. */
export interface Joined {
  readonly pieces: readonly Piece[];
  /** Bytes of the chunk that the pieces cover. */
  readonly consumed: number;
  /** There are whole lines behind them that may go on. */
  readonly held: boolean;
  /** The last lines might have gone on, and were not waited for. */
  readonly cut: boolean;
}

/** What joins the lines of a file. */
export interface LineJoiner {
  /** Milliseconds without growth of a file after which its last lines do not go on. */
  readonly timeout: number;
  /**
   * Joins lines of a chunk.
   * @param maxPart the largest event in bytes.
   * @param final the last lines do not go on.
   */
  join(bytes: Buffer, split: Split, maxPart: number, final: boolean): Joined;
}

/** Joins lines as one rule says. It keeps nothing between two calls: what may go on is left in the file. */
export class Joiner implements LineJoiner {
  readonly #rule: MultilineRule;
  readonly #grouping: Grouping;

  /** @throws {RegexSyntaxError} for patterns that `rustRegexProblem` tells a problem of. */
  constructor(rule: MultilineRule) {
    this.#rule = rule;
    const patterns = patternMachine(rule);
    const presets = [...new Set(rule.presets)].map((preset) => PRESETS[preset]);
    this.#grouping = patterns === undefined ? new Grouping(presets, false) : new Grouping([patterns, ...presets], true);
  }

  /** Milliseconds without growth of a file after which its last lines do not go on. */
  get timeout(): number {
    return this.#rule.timeout;
  }

  /**
   * Joins lines of a chunk. Parts of longer lines are left as they are, and end what is before them.
   * @param maxPart the largest event in bytes, should the rule allow larger ones.
   * @param final the last lines do not go on.
   */
  join(bytes: Buffer, split: Split, maxPart: number, final: boolean): Joined {
    const bounds = { maxLines: this.#rule.maxLines, maxBytes: Math.min(this.#rule.maxBytes, maxPart) };
    const pieces: Piece[] = [];
    for (const [n, piece] of split.pieces.entries()) {
      if (piece.kind !== "lines") {
        pieces.push(piece);
        continue;
      }
      const isLast = n === split.pieces.length - 1;
      const text = bytes.toString("latin1", piece.from, piece.to);
      const following = { final: final || !isLast, rest: isLast ? bytes.length - split.consumed : 0 };
      const { groups, held, cut } = this.#grouping.group(text, following, bounds);
      let at = 0;
      const singles = (to: number): void => {
        if (to > at) pieces.push({ kind: "lines", from: piece.from + at, to: piece.from + to });
      };
      for (const { from, to, lines } of groups) {
        singles(from);
        pieces.push({ kind: "event", from: piece.from + from, to: piece.from + to, lines });
        at = to;
      }
      singles(held);
      if (isLast) return { pieces, consumed: piece.from + held, held: held < text.length, cut: final && cut };
    }
    return { pieces, consumed: split.consumed, held: false, cut: false };
  }
}
