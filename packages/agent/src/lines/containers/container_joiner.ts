import type { Buffer } from "node:buffer";
import type { Joined, LineJoiner } from "../multiline/joiner.ts";
import type { Piece, Split } from "../pieces.ts";
import { eventOf, grouped } from "./container_events.ts";
import { nextCut } from "./runtime_line.ts";
import { type WrittenLine, writtenLines } from "./written_lines.ts";

export interface ContainerJoinerOptions {
  /** Lines are shipped as the container has written them, without what the runtime puts around them. */
  readonly isParsed: boolean;
  /** What joins several lines of the container, as it has written them. */
  readonly multiline: LineJoiner | undefined;
}

/** Without growth of the file, after this time in milliseconds a line that goes on is shipped as far as it is there. */
const TIMEOUT_MS = 1000;

/**
 * Puts the lines of a container's log together that its runtime has cut (after 16 KiB, or where a program has paused within a line).
 * It keeps nothing between two calls: what may go on is left in the file, as far as it is no longer than one part of a line.
 *
 * A line that goes on may have lines of the other stream in between. These are shipped before it, and nothing of all of them counts
 * as read before the last one is: reading that begins anew finds the beginning of each.
 */
export class ContainerJoiner implements LineJoiner {
  readonly timeout: number;
  readonly #options: ContainerJoinerOptions;

  constructor(options: ContainerJoinerOptions) {
    this.#options = options;
    this.timeout = Math.max(TIMEOUT_MS, options.multiline?.timeout ?? 0);
  }

  join(bytes: Buffer, split: Split, maxPart: number, final: boolean): Joined {
    const { isParsed, multiline } = this.#options;
    const pieces: Piece[] = [];
    for (const [n, piece] of split.pieces.entries()) {
      if (piece.kind !== "lines") {
        pieces.push(piece);
        continue;
      }
      const text = bytes.toString("latin1", piece.from, piece.to);
      const onlyCuts = !isParsed && multiline === undefined;
      if (onlyCuts && nextCut(text, 0) === text.length) {
        pieces.push(piece);
        continue;
      }
      const isLast = n === split.pieces.length - 1;
      const rest = isLast ? bytes.length - split.consumed : 0;
      const mayWait = isLast && !final;
      const { lines, open } = writtenLines(text, piece.from, { maxPart, rest, mayWait, onlyCuts });
      let held = lines.length;
      let cut = open !== undefined && !mayWait;
      if (multiline !== undefined) {
        const joined = grouped(lines, { multiline, maxPart, rest: piece.to - (open ?? piece.to) + rest, mayWait });
        pieces.push(...joined.groups.map((group) => eventOrLines(group, bytes, isParsed)));
        held = joined.held;
        cut ||= joined.cut;
      } else for (const line of lines) pieces.push(eventOrLines([line], bytes, isParsed));
      const consumed = lines[held]?.from ?? open;
      if (consumed !== undefined && mayWait) return { pieces: runs(pieces), consumed, held: true, cut: false };
      if (isLast) return { pieces: runs(pieces), consumed: split.consumed, held: false, cut: final && cut };
    }
    return { pieces: runs(pieces), consumed: split.consumed, held: false, cut: false };
  }
}

/** Lines that are one; a single one stays as it is where it need not be changed. */
function eventOrLines(lines: readonly WrittenLine[], bytes: Buffer, isParsed: boolean): Piece {
  const [first] = lines;
  const isAsWritten = lines.length === 1 && first !== undefined && first.lines === 1 && first.to > first.from;
  if (isAsWritten && (!isParsed || first.parts.length === 0)) return { kind: "lines", from: first.from, to: first.to };
  return eventOf(lines, bytes, isParsed);
}

/** Runs of lines beside each other become one. */
function runs(pieces: readonly Piece[]): Piece[] {
  const all: Piece[] = [];
  for (const piece of pieces) {
    const last = all.at(-1);
    if (piece.kind === "lines" && last?.kind === "lines") all[all.length - 1] = { ...last, to: piece.to };
    else all.push(piece);
  }
  return all;
}
