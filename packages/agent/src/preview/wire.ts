import type { Buffer } from "node:buffer";
import { type Batch, type BatchBytes, Batcher } from "../batch/batcher.ts";
import type { BodyEncoder, EncodedBody, EncodedRun, LineContext } from "../batch/encoder.ts";
import { JsonEncoder } from "../batch/json_encoder.ts";
import type { Chunk } from "../chunk.ts";
import type { LineFields } from "../lines/fields/line_fields.ts";
import type { WireLine } from "./preview_line.ts";

export interface WireOptions {
  /** Bytes of a body at most. */
  readonly maxBody: number;
  readonly fieldsOf: ((path: string) => LineFields) | undefined;
}

/** What a request would hold of a chunk. */
export interface Shipment {
  readonly lines: readonly WireLine[];
  readonly bytes: BatchBytes;
  /** Places in the file of lines that no request has room for. */
  readonly tooLarge: ReadonlySet<number>;
}

/** Makes the bodies of requests as the agent does, and reads them. */
export class Wire {
  readonly #encoder: LastOffset;
  readonly #batcher: Batcher;
  #batches: Batch[] = [];
  #tooLarge = new Set<number>();

  constructor({ maxBody, fieldsOf }: WireOptions) {
    this.#encoder = new LastOffset(new JsonEncoder({ maxBody, gzipLevel: 0 }));
    this.#batcher = new Batcher({
      encoder: this.#encoder,
      nextId: () => "preview",
      onBatch: (batch) => this.#batches.push(batch),
      emit: ({ name }) => {
        if (name === "line_too_large") this.#tooLarge.add(this.#encoder.offset);
      },
      fieldsOf,
    });
  }

  /** @param chunk as the rules leave it. */
  async shipmentOf(chunk: Chunk): Promise<Shipment> {
    this.#batches = [];
    this.#tooLarge = new Set();
    this.#batcher.add(chunk);
    this.#batcher.flush();
    let lines: readonly WireLine[] = [];
    const bytes = { shipped: 0, empty: 0, excluded: 0, dropped: 0 };
    for (const batch of this.#batches) {
      const more = linesOf(await batch.body);
      lines = lines.length === 0 ? more : lines.concat(more);
      for (const kind of ["shipped", "empty", "excluded", "dropped"] as const) bytes[kind] += batch.bytes[kind];
      for (const range of batch.ranges) range.acknowledge();
    }
    return { lines, bytes, tooLarge: this.#tooLarge };
  }
}

function linesOf({ bytes }: EncodedBody): readonly WireLine[] {
  const body = JSON.parse(bytes.toString("utf8")) as { readonly lines: readonly (WireLine & { timestamp: number })[] };
  return body.lines.map(({ timestamp: _, ...line }) => line);
}

/** Remembers of what was tried last to be put into a body where in its file it begins. */
class LastOffset implements BodyEncoder {
  readonly #encoder: BodyEncoder;
  offset = -1;

  constructor(encoder: BodyEncoder) {
    this.#encoder = encoder;
  }

  get empty(): boolean {
    return this.#encoder.empty;
  }

  add(run: Buffer, context: LineContext, offset: number): EncodedRun | undefined {
    this.offset = offset;
    return this.#encoder.add(run, context, offset);
  }

  finish(id?: string): Promise<EncodedBody> {
    return this.#encoder.finish(id);
  }
}
