import type { Buffer } from "node:buffer";
import type { EventPiece, PartPiece, Piece } from "../lines/pieces.ts";

const NEWLINE = 10;

/** What becomes one line where it is shipped: a line, several that are joined, or a part of a long one; or what is dropped of such. */
export type Unit =
  | { readonly kind: "line"; readonly from: number; readonly to: number }
  | EventPiece
  | PartPiece
  | Extract<Piece, { kind: "dropped" }>;

/** The units that bytes consist of, in order. @param pieces as they were read, before any rule. */
export function* unitsOf(bytes: Buffer, pieces: readonly Piece[]): Generator<Unit> {
  for (const piece of pieces) {
    switch (piece.kind) {
      case "lines":
        for (let from = piece.from; from < piece.to; ) {
          const newline = bytes.indexOf(NEWLINE, from);
          const to = newline < 0 || newline >= piece.to ? piece.to : newline + 1;
          yield { kind: "line", from, to };
          from = to;
        }
        break;
      case "event":
      case "part":
      case "dropped":
        yield piece;
        break;
      default:
        throw new Error(`A piece of the kind ${piece.kind} is not read from a file`);
    }
  }
}

/** How many lines of the file begin in a unit. */
export function linesIn(unit: Unit): number {
  if (unit.kind === "event") return unit.lines;
  return unit.kind === "line" || (unit.kind === "part" && unit.number === 1) ? 1 : 0;
}
