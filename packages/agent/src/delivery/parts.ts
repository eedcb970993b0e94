import { Buffer } from "node:buffer";
import { type BodyFormat, type BodyLine, LOGDNA_FORMAT } from "../batch/body_format.ts";
import type { EncodedBody } from "../batch/encoder.ts";
import { bodyOf, type CountedBody, halve, linesOf, textOf } from "./halves.ts";
import { type LineRest, nextPiece, restOf, smaller } from "./line_pieces.ts";
import type { Rejection } from "./protocol.ts";
import type { RefusedLine } from "./quarantine.ts";
import { type Evidence, Trial } from "./trial.ts";

/** A body that is still to be delivered: a batch's, or what a refused one was cut into. */
export interface Part {
  readonly id: string;
  readonly body: EncodedBody;
  readonly lines: number;
  readonly attempt: number;
  /** Index of its first line in the batch. */
  readonly first: number;
  /** For a single line: what speaks against it. */
  readonly trial: Trial;
  /** What speaks against the half before it, if that is a line. */
  readonly otherHalf: Trial | undefined;
  /** Of a piece of a line: what it was taken from. */
  readonly of: LineRest | undefined;
  /** When it may be tried, on the clock of whoever delivers it. */
  readonly notBefore: number;
  /** Of a refused line: what the server said. */
  readonly reason: string;
}

/** A refusal, as the server gave it. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  /** What the trial said before the attempt. */
  readonly counts: boolean;
  readonly witnessed: boolean;
  /** When the line may be tried again. */
  readonly notBefore: number;
}

/**
 * What is left to deliver of one batch, in order, and what became of the rest. A refused body is halved, down to a single line;
 * a single line that is too large goes in pieces; a refused line waits behind all others for what `Trial` needs to know.
 *
 * Parts get ids that tell where in the batch they begin, so that they sort in the order of the lines, and that change with the
 * lines that they hold: after a crash a batch is read again, perhaps without what is gone by then, and a server that knows an
 * id already must not take other lines for those that it has.
 */
export class Parts {
  readonly #batchId: string;
  readonly #evidence: Evidence;
  readonly #attempt: number;
  readonly #format: BodyFormat;
  readonly #lines: number;
  readonly #fresh: Part[];
  #suspects: Part[] = [];
  #refusals = 0;
  readonly #refused: RefusedLine[] = [];
  #rejectedLines = 0;
  #rejectedBytes = 0;

  /** @param attempt 1 when no part of the batch was ever sent. */
  constructor(
    id: string,
    whole: { readonly body: EncodedBody; readonly lines: number },
    attempt: number,
    of: Evidence,
    format: BodyFormat = LOGDNA_FORMAT,
  ) {
    this.#format = format;
    this.#lines = whole.lines;
    this.#batchId = id;
    this.#evidence = of;
    this.#attempt = attempt;
    this.#fresh = [{ id, ...whole, attempt, first: 0, trial: new Trial(of), of: undefined, ...UNTRIED }];
  }

  /** The lines that were given up, in their order. */
  get refused(): readonly RefusedLine[] {
    return this.#refused.toSorted((a, b) => (a.batch < b.batch ? -1 : 1));
  }

  /** How much of the batch was given up: those lines, and others that the server did not name. */
  get lost(): { readonly lines: number; readonly bytes: number } {
    const bytes = this.#refused.reduce((sum, line) => sum + line.bytes, this.#rejectedBytes);
    // Several pieces of one line may have been rejected.
    return { lines: Math.min(this.#lines, this.#refused.length + this.#rejectedLines), bytes };
  }

  /** The next part that no single refused line is, taken out. */
  takeFresh(): Part | undefined {
    return this.#fresh.shift();
  }

  /** The refused line that may be tried first, taken out. */
  takeSuspect(): Part | undefined {
    const first = this.#suspects.reduce<Part | undefined>(
      (best, part) => (best === undefined || part.notBefore < best.notBefore ? part : best),
      undefined,
    );
    this.#suspects = this.#suspects.filter((part) => part !== first);
    return first;
  }

  /** Puts back what was not judged; it comes next among its like. */
  again(part: Part): void {
    const next = { ...part, attempt: part.attempt + 1, notBefore: 0 };
    if (part.trial.isSuspect) this.#suspects.push(next);
    else this.#fresh.unshift(next);
  }

  /** The server has it. */
  accepted(part: Part): void {
    part.trial.accept();
    part.otherHalf?.part();
    const after = part.of && nextPiece(part.of).after;
    if (after !== undefined) this.#fresh.unshift(this.#piece(part, after));
    // All of it was taken in the end, so it was no line that the server minded.
    const lost = this.#refused.length + this.#rejectedLines;
    if (this.#refusals > 0 && lost === 0 && this.#fresh.length + this.#suspects.length === 0)
      this.#evidence.refusedWrongly();
  }

  /**
   * The server has it, but for some lines, which are not to be sent again. Where these are all of them, each is known; of fewer
   * it is not told which they are, and their bytes are a share.
   */
  rejected(part: Part, { lines, reason }: Rejection, status: number): void {
    const all = linesOf(part.body, this.#format);
    const sizes = all.map((line) => Buffer.byteLength(textOf(line)) + 1);
    if (lines >= all.length) {
      for (const [n, line] of all.entries())
        this.#refused.push({ line, bytes: sizes[n] ?? 0, status, reason, batch: part.id });
      return;
    }
    this.#rejectedLines += lines;
    this.#rejectedBytes += Math.round((sizes.reduce((sum, size) => sum + size, 0) * lines) / all.length);
  }

  /** What it holds is too much at once. @returns the line that is given up, if it is one. */
  tooLarge(part: Part, refusal: Refusal): RefusedLine | undefined {
    if (this.#halve(part)) return undefined;
    const rest = part.of === undefined ? restOf(this.#lineOf(part), part.id) : smaller(part.of);
    if (rest === undefined) return this.#suspect(part, refusal);
    this.#fresh.unshift(this.#piece(part, rest));
    return undefined;
  }

  /** It takes too long to be sent at once; nothing speaks against its lines. @returns whether it could be cut. */
  tooSlow(part: Part): boolean {
    return this.#halve(part, Number.POSITIVE_INFINITY);
  }

  /** Something in it is not acceptable. @returns the line that is given up, if it is one. */
  refuse(part: Part, refusal: Refusal): RefusedLine | undefined {
    this.#refusals += 1;
    if (!this.#halve(part)) return this.#suspect(part, refusal);
    this.#evidence.refuse(part.trial, "unknown");
    return undefined;
  }

  /** @param since when it was refused, if it was: see `Trial`. */
  #halve(part: Part, since = this.#evidence.moment): boolean {
    const halves = halve(part.body, this.#format);
    if (halves === undefined) return false;
    const [left, right] = halves;
    const before = this.#half(left, part.first, since);
    const behind = this.#half(right, part.first + left.lines, since);
    this.#fresh.unshift(before, { ...behind, otherHalf: before.trial });
    return true;
  }

  #half({ body, lines, print }: CountedBody, first: number, since: number): Part {
    const id = `${this.#batchId}-${place(first)}-${print}`;
    const trial = new Trial(this.#evidence, since);
    return { id, body, lines, attempt: this.#attempt, first, trial, of: undefined, ...UNTRIED };
  }

  #piece({ body: like, first }: Part, rest: LineRest): Part {
    const { body, print } = bodyOf([nextPiece(rest).piece], like, this.#format);
    const id = `${this.#batchId}-${place(first)}-${place(rest.offset)}-${print}`;
    const trial = new Trial(this.#evidence);
    return { id, body, lines: 1, attempt: this.#attempt, first, trial, of: rest, ...UNTRIED };
  }

  #suspect(part: Part, { status, reason, counts, witnessed, notBefore }: Refusal): RefusedLine | undefined {
    if (!part.trial.refuse(counts, witnessed)) {
      this.#suspects.push({ ...part, attempt: part.attempt + 1, notBefore, reason });
      return undefined;
    }
    const { of } = part;
    const line = of === undefined ? this.#lineOf(part) : { ...of.line, line: of.text.toString("utf8", of.offset) };
    const refused = { line, bytes: Buffer.byteLength(textOf(line)) + 1, status, reason, batch: part.id };
    this.#refused.push(refused);
    return refused;
  }

  #lineOf({ body }: Part): BodyLine {
    return linesOf(body, this.#format)[0] ?? {};
  }
}

const UNTRIED = { otherHalf: undefined, notBefore: 0, reason: "" } as const;

/** A number that sorts as text: five characters hold 60 million. */
function place(index: number): string {
  return index.toString(36).padStart(5, "0");
}
