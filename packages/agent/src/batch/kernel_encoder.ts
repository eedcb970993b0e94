import { Buffer } from "node:buffer";
import { KernelBody } from "@logdna-agent/kernel";
import { BODY_HEAD, BODY_TAIL } from "@logdna-agent/protocol";
import { compressed, MIN_GZIP_BYTES } from "./body_buffers.ts";
import type { BodyEncoder, EncodedBody, EncodedRun, LineContext } from "./encoder.ts";
import { JsonEncoder, type JsonEncoderOptions, LINE_HEAD } from "./json_encoder.ts";
import { LineSuffix } from "./line_suffix.ts";

export interface KernelEncoderOptions extends JsonEncoderOptions {
  /** The kernel has failed, and is not used any more. */
  readonly onFailure: (reason: string) => void;
}

/**
 * The encoder in WebAssembly (`packages/kernel`). Its bodies have the same text as those of `JsonEncoder`, byte for byte, and
 * are cut at the same lines, so that a batch of one can be repeated by the other.
 *
 * Should the kernel fail in its work, the text that it holds is compressed by zlib, and `JsonEncoder` goes on.
 */
export class KernelEncoder implements BodyEncoder {
  readonly #options: KernelEncoderOptions;
  readonly #suffix = new LineSuffix();
  /** Undefined once it has failed and what it held is finished. */
  #body: KernelBody | undefined;
  #successor: JsonEncoder | undefined;

  /** @throws {KernelError} when the kernel cannot be loaded, or gets no memory. */
  constructor(options: KernelEncoderOptions, body = bodyFor(options)) {
    this.#options = options;
    this.#body = body;
  }

  get empty(): boolean {
    return this.#body?.isEmpty ?? this.#successor?.empty ?? true;
  }

  add(run: Buffer, context: LineContext): EncodedRun | undefined {
    const body = this.#body;
    if (body === undefined) return this.#successor?.add(run, context);
    // What it holds is sent first.
    if (this.#successor !== undefined) return undefined;
    // As in `JsonEncoder`: bodies have to be cut at the same lines.
    if (body.size + run.length > this.#options.maxBody && run.length > 1) return undefined;
    try {
      return body.add(run, this.#suffix.for(context), context.single === true);
    } catch (error) {
      const successor = this.#fail(error);
      if (!body.isEmpty) return undefined;
      this.#body = undefined;
      return successor.add(run, context);
    }
  }

  async finish(): Promise<EncodedBody> {
    const body = this.#body;
    if (body === undefined) return (this.#successor ?? new JsonEncoder(this.#options)).finish();
    const { gzipLevel } = this.#options;
    const plainSize = body.end();
    try {
      if (gzipLevel === 0 || plainSize < MIN_GZIP_BYTES)
        return { bytes: Buffer.from(body.text(plainSize)), encoding: undefined, plainSize };
      if (this.#successor === undefined) return { bytes: body.compressed(plainSize), encoding: "gzip", plainSize };
    } catch (error) {
      this.#fail(error);
    } finally {
      if (this.#successor === undefined) body.begin();
      else this.#body = undefined;
    }
    return { bytes: await compressed(Buffer.from(body.text(plainSize)), gzipLevel), encoding: "gzip", plainSize };
  }

  #fail(error: unknown): JsonEncoder {
    this.#successor ??= new JsonEncoder(this.#options);
    this.#options.onFailure(error instanceof Error ? error.message : String(error));
    return this.#successor;
  }
}

function bodyFor({ maxBody, gzipLevel }: KernelEncoderOptions): KernelBody {
  const parts = { head: BODY_HEAD, opening: `${LINE_HEAD}"`, tail: BODY_TAIL };
  return new KernelBody({ ...parts, maxBody, compress: gzipLevel > 0 });
}
