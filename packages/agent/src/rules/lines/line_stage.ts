import type { Buffer } from "node:buffer";
import type { Chunk, ChunkSource } from "../../chunk.ts";
import type { LineRules } from "../../config/line_options.ts";
import { type EventPiece, eventText, type PartPiece, type Piece } from "../../lines/pieces.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import type { Redactor } from "../redaction/mod.ts";
import type { Finders } from "./line_redaction.ts";
import { LinesPass } from "./lines_pass.ts";
import { type LongLine, longLineOf, placeOf, shareOf } from "./long_line.ts";
import { PieceList } from "./piece_list.ts";
import { type Dropped, RateLimit } from "./rate_limit.ts";
import { RunText } from "./run_text.ts";
import { isSampled } from "./sampling.ts";
import { type Reason, TextRules } from "./text_rules.ts";

export interface LineStageOptions {
  readonly emit: (event: AgentEvent) => void;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly redactor: Redactor | undefined;
  /** Bytes of a long line that are looked at. */
  readonly whole: number;
  /** Of expressions, shared by all stages. */
  readonly finders: Finders;
}

/** What a stage without expressions weighs. */
const BASE_WEIGHT = 100;

/** What is remembered of one file. */
export interface FileMemory {
  limit?: RateLimit;
  /** What was decided of its last long line. */
  long?: { readonly lineStart: number; readonly reason: Reason | undefined };
}

/** The text that is shipped in the place of a long line. */
interface LongText {
  readonly source: ChunkSource;
  readonly lineStart: number;
  /** Bytes of the line itself. */
  readonly length: number;
  /** Undefined for its own. */
  readonly text: Buffer | undefined;
}

/**
 * Applies one set of rules to the lines of a chunk: inclusion, exclusion, the share, the rate, and redaction, which comes last
 * because only what ships needs it, and none of the others looks at what it changes. Lines that no rule touches stay in runs.
 * A line that is shipped in parts is looked at as a whole, whichever of its parts is at hand.
 */
export class LineStage {
  readonly #options: LineStageOptions;
  readonly #rules: TextRules;
  readonly #share: number;
  readonly #rate: number | undefined;
  /** Of the last long line; those of others are made again when they are needed. */
  #longText: LongText | undefined;

  /** @throws {RegexSyntaxError} for an expression that `rustRegexProblem` tells a problem of. */
  constructor(rules: LineRules, options: LineStageOptions) {
    this.#options = options;
    this.#rules = new TextRules(rules, options.redactor, options.emit, options.finders);
    this.#share = rules.sample ?? 1;
    this.#rate = rules.rateLimit;
  }

  /** Lines a second; undefined where there is no limit. */
  get rate(): number | undefined {
    return this.#rate;
  }

  /** What it takes to keep it, in units of about 100 bytes. */
  get weight(): number {
    return BASE_WEIGHT + this.#rules.size;
  }

  /** Whether it looks at the text of lines. */
  get looksAtText(): boolean {
    return !this.#rules.isEmpty;
  }

  /** The chunk with its pieces as the rules leave them. */
  apply(chunk: Chunk, memory: FileMemory): Chunk {
    const list = new PieceList();
    const dropped = memory.limit?.takeDropped(this.#options.clock());
    if (dropped !== undefined) list.push(noteOf(dropped, this.#rate));
    for (const piece of chunk.pieces) this.#applyTo(piece, chunk, memory, list);
    if (!isUnfinished(chunk.pieces.at(-1))) this.#longText = undefined;
    return { ...chunk, pieces: list.pieces };
  }

  #applyTo(piece: Piece, chunk: Chunk, memory: FileMemory, list: PieceList): void {
    switch (piece.kind) {
      case "lines": {
        const { from, to } = piece;
        const thins = this.#share < 1 || this.#rate !== undefined;
        const reasonAt = thins ? (offset: number) => this.#reasonAt(chunk, memory, offset) : undefined;
        return new LinesPass({ chunk, from, to, rules: this.#rules, reasonAt, list }).apply();
      }
      case "event":
        return this.#applyToEvent(piece, chunk, memory, list);
      case "part":
        return this.#applyToPart(piece, chunk, memory, list);
      case "dropped": {
        // Nothing is said of the end of a line of which nothing is shipped.
        const reason = memory.long?.lineStart === piece.lineStart ? memory.long.reason : undefined;
        return reason === undefined ? list.push(piece) : list.leaveOut(piece.from, piece.to, 0, reason);
      }
      default:
        return list.push(piece);
    }
  }

  /** Why a line is not shipped whose text may be. */
  #reasonAt(chunk: Chunk, memory: FileMemory, offset: number): Reason | undefined {
    if (!isSampled(chunk.source.id, offset, this.#share)) return "sample";
    if (this.#rate === undefined) return undefined;
    const now = this.#options.clock();
    memory.limit ??= new RateLimit(this.#rate, now);
    return memory.limit.passes(this.#rate, offset, now) ? undefined : "rate";
  }

  #applyToEvent(event: EventPiece, chunk: Chunk, memory: FileMemory, list: PieceList): void {
    const { from, to, lines, at = from } = event;
    const run = new RunText(eventText(event, chunk.bytes));
    const text = run.whole();
    const reason = this.#rules.reasonAgainst(text, chunk.file) ?? this.#reasonAt(chunk, memory, chunk.start + at);
    if (reason !== undefined) return list.leaveOut(from, to, lines, reason);
    const redacted = this.#rules.redacted(text, chunk.file);
    list.push(redacted === undefined ? event : { kind: "replaced", from, to, text: redacted, of: event });
  }

  #applyToPart(part: PartPiece, chunk: Chunk, memory: FileMemory, list: PieceList): void {
    const { from, to, number, lineStart } = part;
    const known = memory.long?.lineStart === lineStart ? memory.long : undefined;
    let line: LongLine | undefined;
    let reason = known?.reason;
    if (known === undefined) {
      line = this.#longLine(chunk, lineStart);
      reason = this.#reasonAgainst(line, part, chunk, memory);
      memory.long = { lineStart, reason };
    }
    if (reason !== undefined) return list.leaveOut(from, to, number === 1 ? 1 : 0, reason);
    const replaced = this.#replaced(line, part, chunk);
    if (replaced === "unknown") return list.leaveOut(from, to, number === 1 ? 1 : 0, "undecided");
    list.push(replaced === undefined ? part : { kind: "replaced", from, to, text: replaced, of: part });
  }

  #longLine(chunk: Chunk, lineStart: number): LongLine | undefined {
    return this.looksAtText ? longLineOf(chunk, lineStart, this.#options.whole) : undefined;
  }

  #reasonAgainst(
    line: LongLine | undefined,
    { number, lineStart }: PartPiece,
    chunk: Chunk,
    memory: FileMemory,
  ): Reason | undefined {
    if (this.looksAtText) {
      if (line === undefined) {
        const reason = "the beginning of the line cannot be read any more";
        this.#options.emit({ name: "line_undecided", path: chunk.file, reason });
        return "undecided";
      }
      const reason = this.#rules.reasonAgainst(line.text.toString("utf8"), chunk.file);
      if (reason !== undefined) return reason;
    }
    // A later part comes first only after a crash: then the first ones have passed.
    if (number === 1) return this.#reasonAt(chunk, memory, lineStart);
    return isSampled(chunk.source.id, lineStart, this.#share) ? undefined : "sample";
  }

  /** What is shipped in the place of a part; undefined for the part itself. */
  #replaced(line: LongLine | undefined, part: PartPiece, chunk: Chunk): Buffer | "unknown" | undefined {
    if (this.#rules.redaction === undefined) return undefined;
    const { source, file } = chunk;
    let known = this.#longText;
    if (known?.source !== source || known.lineStart !== part.lineStart) {
      const whole = line ?? this.#longLine(chunk, part.lineStart);
      if (whole === undefined) return "unknown";
      const text = this.#rules.redacted(whole.text.toString("utf8"), file);
      known = { source, lineStart: part.lineStart, length: whole.length, text };
      this.#longText = known;
    }
    if (known.text === undefined) return undefined;
    const place = placeOf(chunk, part);
    return shareOf(known.text, place.from, place.to, known.length);
  }
}

/** The line that tells how many lines were dropped for the rate. */
export function noteOf({ lines, seconds, offset }: Dropped, rate = 0): Piece {
  const what = lines === 1 ? "1 line of this file was" : `${lines} lines of this file were`;
  const text = `[logdna-agent: ${what} dropped in ${seconds} s: more than ${rate} lines a second]`;
  return { kind: "note", from: 0, to: 0, text, offset, lines };
}

/** Whether the line of a piece goes on behind it. */
function isUnfinished(piece: Piece | undefined): boolean {
  return (piece?.kind === "part" && !piece.last) || (piece?.kind === "dropped" && piece.total === undefined);
}
