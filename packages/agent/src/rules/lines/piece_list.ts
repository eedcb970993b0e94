import type { ExcludedPiece, Piece } from "../../lines/pieces.ts";

/** Pieces in order, of which those that are dealt with alike and stand beside each other become one. */
export class PieceList {
  readonly pieces: Piece[] = [];

  /** Whole lines that stay as they are. */
  keep(from: number, to: number): void {
    const last = this.pieces.at(-1);
    if (last?.kind === "lines" && last.to === from) this.pieces[this.pieces.length - 1] = { ...last, to };
    else this.pieces.push({ kind: "lines", from, to });
  }

  leaveOut(from: number, to: number, lines: number, reason: ExcludedPiece["reason"]): void {
    const last = this.pieces.at(-1);
    if (last?.kind === "excluded" && last.to === from && last.reason === reason)
      this.pieces[this.pieces.length - 1] = { ...last, to, lines: last.lines + lines };
    else this.pieces.push({ kind: "excluded", from, to, lines, reason });
  }

  push(piece: Piece): void {
    this.pieces.push(piece);
  }
}
