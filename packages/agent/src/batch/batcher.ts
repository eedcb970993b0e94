import { Buffer } from "node:buffer";
import type { Chunk, ChunkSource, SentRange } from "../chunk.ts";
import type { LineFields, OwnFields } from "../lines/fields/line_fields.ts";
import {
  type EventPiece,
  type ExcludedPiece,
  eventText,
  type NotePiece,
  type PartPiece,
  type Piece,
} from "../lines/pieces.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import type { BodyEncoder, EncodedBody, LineContext } from "./encoder.ts";

/** A body, and the ranges of the sources that are in it. */
export interface Batch {
  /** The same whenever this batch is sent. */
  readonly id: string;
  readonly ranges: readonly SentRange[];
  /** Lines in the body; a batch without lines has nothing to send and only moves checkpoints. */
  readonly lines: number;
  /** Bytes of the sources that the ranges cover, by what became of them. */
  readonly bytes: BatchBytes;
  readonly leftOut: LeftOut;
  readonly body: Promise<EncodedBody>;
}

export interface BatchBytes {
  readonly shipped: number;
  /** Empty lines. */
  readonly empty: number;
  /** Lines that the rules leave out. */
  readonly excluded: number;
  /** Beyond the limit on a line, too large for a body, beyond the rate or the share that is shipped, or undecided. */
  readonly dropped: number;
}

/** What the rules for lines left out, by reason. Its bytes are among those of the batch. */
export interface LeftOut {
  /** By a rule on their text. */
  readonly linesExcluded: number;
  readonly linesOverRate: number;
  readonly bytesOverRate: number;
  readonly linesNotSampled: number;
  readonly bytesNotSampled: number;
}

export const NOTHING_LEFT_OUT: LeftOut = {
  linesExcluded: 0,
  linesOverRate: 0,
  bytesOverRate: 0,
  linesNotSampled: 0,
  bytesNotSampled: 0,
};

export interface BatcherOptions {
  readonly encoder: BodyEncoder;
  readonly nextId: () => string;
  readonly onBatch: (batch: Batch) => void;
  readonly emit: (event: AgentEvent) => void;
  /**
   * The fields of the lines of a file, by its path, or of lines that say their own; the same object as long as they are the same.
   * Undefined where `file` is the only one.
   */
  readonly fieldsOf?: ((path: string, own?: OwnFields) => LineFields) | undefined;
}

/** A run is not cut below this to fill a body. */
const MIN_SPLIT_BYTES = 16 * 1024;

/** Puts chunks into bodies, several sources in one body, and keeps account of which range went into which batch. */
export class Batcher {
  readonly #options: BatcherOptions;
  #ranges = new Map<ChunkSource, SentRange>();
  #lines = 0;
  #shipped = 0;
  #empty = 0;
  #excluded = 0;
  #dropped = 0;
  #leftOut = NOTHING_LEFT_OUT;
  /** What was dealt with of the chunk at hand, and is in no range yet. */
  #covered: { readonly chunk: Chunk; readonly from: number; to: number } | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** True when nothing waits to be flushed. */
  get empty(): boolean {
    return this.#ranges.size === 0 && this.#lines === 0 && this.#covered === undefined;
  }

  /** Bytes of the sources that wait to be flushed. */
  get bytes(): number {
    return bytesOf(this.#ranges.values());
  }

  /** Takes a whole chunk; batches that become full on the way are given out. */
  add(chunk: Chunk): void {
    // A range has no gaps: what is repeated after a crash is read as one.
    const range = this.#ranges.get(chunk.source);
    if (range !== undefined && chunk.bytes.length > 0 && (range.end !== chunk.start || chunk.apart === true))
      this.flush();
    for (const piece of chunk.pieces) this.#addPiece(chunk, piece);
    this.#moveRange();
  }

  /** Gives out what is in hand; nothing when there is nothing. */
  flush(id = this.#options.nextId()): void {
    if (this.empty) return;
    this.#moveRange();
    const batch: Batch = {
      id,
      ranges: [...this.#ranges.values()],
      lines: this.#lines,
      bytes: { shipped: this.#shipped, empty: this.#empty, excluded: this.#excluded, dropped: this.#dropped },
      leftOut: this.#leftOut,
      body: this.#options.encoder.finish(id),
    };
    this.#ranges = new Map();
    this.#lines = 0;
    this.#shipped = 0;
    this.#empty = 0;
    this.#excluded = 0;
    this.#dropped = 0;
    this.#leftOut = NOTHING_LEFT_OUT;
    this.#options.onBatch(batch);
  }

  #addPiece(chunk: Chunk, piece: Piece): void {
    switch (piece.kind) {
      case "lines":
        return this.#addRun(chunk, piece.from, piece.to, this.#contextOf(chunk, undefined));
      case "part":
        this.#tellCut(chunk, piece);
        return this.#addRun(chunk, piece.from, piece.to, this.#contextOf(chunk, markOf(piece)));
      case "event":
        return this.#addSingle(chunk, piece, eventText(piece, chunk.bytes), piece);
      case "replaced": {
        const part = piece.of?.kind === "part" ? piece.of : undefined;
        if (part !== undefined) this.#tellCut(chunk, part);
        return this.#addSingle(chunk, piece, piece.text, piece.of);
      }
      case "excluded":
        return this.#leaveOut(chunk, piece);
      case "note":
        return this.#addNote(chunk, piece);
      case "dropped":
        return this.#addDropped(chunk, piece);
    }
  }

  #leaveOut(chunk: Chunk, { from, to, lines, reason }: ExcludedPiece): void {
    const bytes = to - from;
    const so = this.#leftOut;
    if (reason === "rule") this.#leftOut = { ...so, linesExcluded: so.linesExcluded + lines };
    else if (reason === "rate")
      this.#leftOut = { ...so, linesOverRate: so.linesOverRate + lines, bytesOverRate: so.bytesOverRate + bytes };
    else if (reason === "sample")
      this.#leftOut = {
        ...so,
        linesNotSampled: so.linesNotSampled + lines,
        bytesNotSampled: so.bytesNotSampled + bytes,
      };
    if (reason === "rule") this.#excluded += bytes;
    else this.#dropped += bytes;
    this.#cover(chunk, from, to);
  }

  /** A line of the agent's own. */
  #addNote(chunk: Chunk, { text, offset, lines }: NotePiece): void {
    this.#addOwnLine(text, this.#contextOf(chunk, { lines_dropped: lines }), offset);
  }

  #addOwnLine(text: string, context: LineContext, offset: number): void {
    const line = Buffer.from(`${text}\n`);
    let added = this.#options.encoder.add(line, context, offset);
    if (added === undefined) {
      this.flush();
      added = this.#options.encoder.add(line, context, offset);
    }
    this.#lines += added?.lines ?? 0;
  }

  #tellCut(chunk: Chunk, { number, from, to }: PartPiece): void {
    if (number === 1) this.#options.emit({ name: "line_cut", path: chunk.file, bytes: to - from });
  }

  /** Adds what is one line, whatever newlines it has; one that is longer than a body is dropped. */
  #addSingle(chunk: Chunk, { from, to }: Piece, text: Buffer, of: EventPiece | PartPiece | undefined): void {
    const { encoder } = this.#options;
    const mark = of === undefined ? undefined : of.kind === "part" ? markOf(of) : streamOf(of);
    const context = { ...this.#contextOf(chunk, mark, of?.kind === "event" ? of.said?.time : undefined), single: true };
    const offset = chunk.start + (of?.kind === "event" ? (of.at ?? from) : from);
    let added = encoder.add(text, context, offset);
    if (added === undefined && !encoder.empty) {
      this.flush();
      added = encoder.add(text, context, offset);
    }
    if (added === undefined) {
      this.#options.emit({ name: "line_too_large", path: chunk.file, bytes: text.length });
      this.#dropped += to - from;
    } else {
      this.#lines += added.lines;
      if (added.lines === 0) this.#empty += to - from;
      else this.#shipped += to - from;
    }
    this.#cover(chunk, from, to);
  }

  #addRun(chunk: Chunk, from: number, to: number, context: LineContext): void {
    const { encoder } = this.#options;
    const run = chunk.bytes.subarray(from, to);
    const offset = chunk.start + from;
    let added = encoder.add(run, context, offset);
    if (added === undefined && !encoder.empty) {
      if (run.length >= 2 * MIN_SPLIT_BYTES && this.#addHalves(chunk, from, to, context)) return;
      this.flush();
      added = encoder.add(run, context, offset);
    }
    if (added !== undefined) {
      this.#lines += added.lines;
      this.#empty += added.emptyBytes;
      this.#shipped += run.length - added.emptyBytes;
      this.#cover(chunk, from, to);
    } else if (!this.#addHalves(chunk, from, to, context)) {
      this.#options.emit({ name: "line_too_large", path: chunk.file, bytes: run.length });
      this.#dropped += run.length;
      this.#cover(chunk, from, to);
    }
  }

  /** Cuts a run at the newline nearest to its middle; false when it is one line. */
  #addHalves(chunk: Chunk, from: number, to: number, context: LineContext): boolean {
    const middle = cutAtLine(chunk.bytes.subarray(from, to));
    if (middle === undefined) return false;
    this.#addRun(chunk, from, from + middle, context);
    this.#addRun(chunk, from + middle, to, context);
    return true;
  }

  /** Bytes beyond the limit on a line: counted, and once the line has ended said in a line of their own. */
  #addDropped(chunk: Chunk, piece: Extract<Piece, { kind: "dropped" }>): void {
    if (piece.total !== undefined) {
      this.#options.emit({ name: "line_dropped_bytes", path: chunk.file, bytes: piece.total });
      const context = this.#contextOf(chunk, {
        line_part: piece.number,
        line_offset: piece.lineStart,
        line_end: true,
        line_dropped_bytes: piece.total,
      });
      const note = `[${piece.total} more bytes of this line were dropped]`;
      this.#addOwnLine(note, context, chunk.start + piece.from);
    }
    this.#dropped += piece.to - piece.from;
    this.#cover(chunk, piece.from, piece.to);
  }

  #contextOf(chunk: Chunk, mark: PartMark | NoteMark | StreamMark | undefined, timestamp = chunk.readAt): LineContext {
    const fields = this.#options.fieldsOf?.(chunk.file, chunk.own);
    const context = { file: chunk.file, fields, timestamp, source: chunk.source.id };
    return mark === undefined ? context : { ...context, meta: JSON.stringify({ ...fields?.meta, ...mark }) };
  }

  #cover(chunk: Chunk, from: number, to: number): void {
    if (this.#covered === undefined) this.#covered = { chunk, from, to };
    else this.#covered.to = to;
  }

  /** Once for all that a batch takes of a chunk: a position costs more than a short line. */
  #moveRange(): void {
    if (this.#covered === undefined) return;
    const { chunk, from, to } = this.#covered;
    this.#covered = undefined;
    const end = chunk.positionAfter(to);
    const range = this.#ranges.get(chunk.source);
    if (range === undefined) this.#ranges.set(chunk.source, chunk.source.sent(chunk.start + from, end));
    else range.extend(end);
  }
}

/** Bytes of the sources that ranges cover. */
export function bytesOf(ranges: Iterable<SentRange>): number {
  let bytes = 0;
  for (const { start, end } of ranges) bytes += end - start;
  return bytes;
}

/** What a long line's parts say of themselves in `meta`: the one line they belong to, their number, and what is missing. */
interface PartMark {
  readonly line_part: number;
  readonly line_offset: number;
  readonly line_end: boolean;
  readonly line_dropped_bytes?: number;
}

function markOf({ number, lineStart, last }: PartPiece): PartMark {
  return { line_part: number, line_offset: lineStart, line_end: last };
}

/** What a line of the agent's own says in `meta` of the lines that it stands for. */
interface NoteMark {
  readonly lines_dropped: number;
}

/** What a line of a container says in `meta` where it is not in its text. */
interface StreamMark {
  readonly stream: string;
  /** The line goes on in the next one of its stream. */
  readonly partial?: true;
}

function streamOf({ said }: EventPiece): StreamMark | undefined {
  if (said === undefined) return undefined;
  return said.goesOn ? { stream: said.stream, partial: true } : { stream: said.stream };
}

/** Where to cut a run of lines in two; undefined when it is one line. */
function cutAtLine(run: Buffer): number | undefined {
  const middle = run.length >> 1;
  const before = run.lastIndexOf(10, middle);
  if (before >= 0 && before < run.length - 1) return before + 1;
  const after = run.indexOf(10, middle);
  return after >= 0 && after < run.length - 1 ? after + 1 : undefined;
}
