import { Buffer } from "node:buffer";
import { runText } from "../batch/line_text.ts";
import type { Chunk } from "../chunk.ts";
import { eventText, type PartPiece, type Piece } from "../lines/pieces.ts";
import type { LineExplainer, Redacted } from "../rules/lines/line_explainer.ts";
import { longLineOf } from "../rules/lines/long_line.ts";
import { RunText } from "../rules/lines/run_text.ts";
import type { NotShipped, PreviewLine, RedactedSpan, WireLine } from "./preview_line.ts";
import { type ByteSpan, characterSpans, shippedSpans } from "./spans.ts";
import { linesIn, type Unit, unitsOf } from "./unit.ts";
import type { Shipment } from "./wire.ts";

/** What rules see of a long line, and what they make of it. */
interface LongLine {
  readonly lineStart: number;
  readonly text: string | undefined;
  readonly redacted: Redacted | undefined;
  /** UTF-8 of the redacted text. */
  readonly bytes: Buffer;
  /** How many of these bytes the parts until now have shipped. */
  shipped: number;
}

/** One pass over the chunks of a file: tells line by line what the rules and the bodies have made of them. */
export class FilePass {
  readonly #explainer: LineExplainer;
  readonly #whole: number;
  /** The number of the line that was met last. */
  #line = 0;
  #long: LongLine | undefined;

  /** @param whole bytes of a long line that rules look at. */
  constructor(explainer: LineExplainer, whole: number) {
    this.#explainer = explainer;
    this.#whole = whole;
  }

  /**
   * @param chunk as it was read.
   * @param ruled as the rules leave it.
   */
  linesOf(chunk: Chunk, ruled: Chunk, shipment: Shipment): PreviewLine[] {
    const lines: PreviewLine[] = [];
    const wire = shipment.lines.values();
    const pieces = ruled.pieces.values();
    let became = pieces.next().value;
    for (const unit of unitsOf(chunk.bytes, chunk.pieces)) {
      while (became !== undefined && became.to <= unit.from && !isBetween(unit, became)) became = pieces.next().value;
      if (became === undefined) throw new Error("The rules have lost bytes of a chunk");
      const begun = linesIn(unit);
      const from = this.#line + Math.min(begun, 1);
      this.#line += begun;
      const told = this.#tell(unit, became, chunk, shipment, () => takenFrom(wire));
      if (became.from === became.to) became = pieces.next().value;
      if (told !== undefined) lines.push({ ...SILENT, ...told, from, to: this.#line });
    }
    if (wire.next().done !== true) throw new Error("A body has a line that is of no file");
    return lines;
  }

  /** @param take takes the next line of the bodies. */
  #tell(
    unit: Unit,
    became: Piece,
    chunk: Chunk,
    shipment: Shipment,
    take: () => WireLine,
  ): Partial<PreviewLine> | undefined {
    if (unit.kind === "dropped") {
      // What is dropped of a line says so where the line ends, unless nothing of it is shipped.
      return became.kind === "dropped" && unit.total !== undefined ? { shipped: take(), isNote: true } : undefined;
    }
    const part = unit.kind === "part" ? unit.number : undefined;
    const bytes = unit.kind === "event" ? eventText(unit, chunk.bytes) : chunk.bytes.subarray(unit.from, unit.to);
    const text = decoded(bytes);
    if (became.kind === "excluded") return { part, text, notShipped: this.#whyExcluded(unit, became.reason, chunk) };
    const changed = became.kind === "replaced" ? became.text : undefined;
    const redacted = changed === undefined ? undefined : this.#redacted(unit, changed, chunk);
    if (runText(changed ?? bytes) === "") return { part, text, notShipped: { by: "empty" } };
    const at = (unit.kind === "event" ? unit.at : undefined) ?? unit.from;
    if (shipment.tooLarge.has(chunk.start + at)) return { part, text, notShipped: { by: "too_large" } };
    const shipped = take();
    if (changed === undefined) return { part, shipped };
    // What stands in the body tells; an explanation of anything else is none.
    const spans = redacted && shippedSpans(redacted.text, redacted.spans, shipped.line);
    return { part, shipped, changed: true, redacted: spans };
  }

  #whyExcluded(
    unit: Exclude<Unit, { kind: "dropped" }>,
    reason: "rule" | "rate" | "sample" | "undecided",
    chunk: Chunk,
  ): NotShipped {
    if (reason === "rate") throw new Error("A preview has no limit on the rate");
    if (reason !== "rule") return { by: reason };
    const text = unit.kind === "part" ? this.#longLine(unit, chunk).text : textOf(unit, chunk);
    return (text === undefined ? undefined : this.#explainer.against(text)) ?? { by: "rule" };
  }

  #redacted(
    unit: Exclude<Unit, { kind: "dropped" }>,
    changed: Buffer,
    chunk: Chunk,
  ): { readonly text: string; readonly spans: readonly RedactedSpan[] } | undefined {
    if (unit.kind !== "part") {
      const redacted = this.#explainer.redacted(textOf(unit, chunk));
      if (redacted === undefined) return undefined;
      return { text: redacted.text, spans: characterSpans(Buffer.from(redacted.text), redacted.spans) };
    }
    const long = this.#longLine(unit, chunk);
    const from = long.shipped;
    long.shipped += changed.length;
    const own = long.bytes.subarray(from, long.shipped);
    if (long.redacted === undefined || !own.equals(changed)) return undefined;
    const spans: readonly ByteSpan[] = long.redacted.spans.flatMap(({ start, end, by }) =>
      end <= from || start >= long.shipped
        ? []
        : [{ start: Math.max(0, start - from), end: Math.min(end - from, own.length), by }],
    );
    return { text: own.toString("utf8"), spans: characterSpans(own, spans) };
  }

  /** Of all its parts it is the same. */
  #longLine({ lineStart }: PartPiece, chunk: Chunk): LongLine {
    if (this.#long?.lineStart === lineStart) return this.#long;
    const text = longLineOf(chunk, lineStart, this.#whole)?.text.toString("utf8");
    const redacted = text === undefined ? undefined : this.#explainer.redacted(text);
    this.#long = { lineStart, text, redacted, bytes: Buffer.from(redacted?.text ?? ""), shipped: 0 };
    return this.#long;
  }
}

const SILENT: Omit<PreviewLine, "from" | "to"> = {
  part: undefined,
  shipped: undefined,
  isNote: false,
  text: "",
  notShipped: undefined,
  changed: false,
  redacted: [],
};

function takenFrom(lines: Iterator<WireLine>): WireLine {
  const next = lines.next();
  if (next.done === true) throw new Error("A line that is shipped is in no body");
  return next.value;
}

/** Whether both take no bytes, and stand at the same place. */
function isBetween(unit: Unit, piece: Piece): boolean {
  return unit.from === unit.to && piece.from === unit.from && piece.to === unit.to;
}

/** A line as rules see it. */
function textOf(unit: Unit, chunk: Chunk): string {
  if (unit.kind === "event") return new RunText(eventText(unit, chunk.bytes)).whole();
  const run = new RunText(chunk.bytes.subarray(unit.from, unit.to));
  return run.line(0, run.text.length);
}

/** Bytes as the text that is shipped of them. */
function decoded(bytes: Buffer): string {
  return Buffer.from(runText(bytes), "latin1").toString("utf8");
}
