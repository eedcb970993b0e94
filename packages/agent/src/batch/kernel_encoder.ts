import { Buffer } from "node:buffer";
import { type BodyParts, KernelBody, type LineClosing } from "@logdna-agent/kernel";
import { type BodyBufferOptions, compressed, MIN_GZIP_BYTES } from "./body_buffers.ts";
import { zstdCompressedNow } from "./coding.ts";
import type { BodyEncoder, EncodedBody, EncodedRun, LineContext } from "./encoder.ts";

/** What a protocol's bodies consist of, and the encoder in plain TypeScript that makes the same ones. */
export interface KernelForm {
  readonly parts: BodyParts;
  /** What stands behind the lines of a run; the same object where it is the same. */
  closingFor(context: LineContext): LineClosing;
  /** The id of a body as its lines tell it; undefined where they do not. */
  readonly idText: ((id: string) => string) | undefined;
  plain(): BodyEncoder;
}

export interface KernelEncoderOptions extends BodyBufferOptions {
  /** The kernel has failed, and is not used any more. */
  readonly onFailure: (reason: string) => void;
}

/**
 * The encoder in WebAssembly (`packages/kernel`). Its bodies have the same text as those of the plain encoder of their form, byte
 * for byte, and are cut at the same lines, so that a batch of one can be repeated by the other.
 *
 * For zstd it makes the text alone. Should the kernel fail in its work, the text that it holds is compressed by zlib, and the
 * plain encoder goes on.
 */
export class KernelEncoder implements BodyEncoder {
  readonly #options: KernelEncoderOptions;
  readonly #form: KernelForm;
  /** Undefined once it has failed and what it held is finished. */
  #body: KernelBody | undefined;
  #successor: BodyEncoder | undefined;

  /** @throws {KernelError} when the kernel cannot be loaded, or gets no memory. */
  constructor(options: KernelEncoderOptions, form: KernelForm, body = bodyFor(options, form)) {
    this.#options = options;
    this.#form = form;
    this.#body = body;
  }

  get empty(): boolean {
    return this.#body?.isEmpty ?? this.#successor?.empty ?? true;
  }

  add(run: Buffer, context: LineContext, offset: number): EncodedRun | undefined {
    const body = this.#body;
    if (body === undefined) return this.#successor?.add(run, context, offset);
    // What it holds is sent first.
    if (this.#successor !== undefined) return undefined;
    // As in the plain encoders: bodies have to be cut at the same lines.
    if (body.size + run.length > this.#options.maxBody && run.length > 1) return undefined;
    try {
      return body.add(run, this.#form.closingFor(context), context.single === true, offset);
    } catch (error) {
      const successor = this.#fail(error);
      if (!body.isEmpty) return undefined;
      this.#body = undefined;
      return successor.add(run, context, offset);
    }
  }

  async finish(id?: string): Promise<EncodedBody> {
    const body = this.#body;
    if (body === undefined) return (this.#successor ?? this.#form.plain()).finish(id);
    const { gzipLevel } = this.#options;
    const plainSize = body.end(id && this.#form.idText?.(id));
    try {
      if (gzipLevel === 0 || plainSize < MIN_GZIP_BYTES)
        return { bytes: Buffer.from(body.text(plainSize)), encoding: undefined, plainSize };
      if (this.#isZstd) return { bytes: zstdCompressedNow(body.text(plainSize)), encoding: "zstd", plainSize };
      if (this.#successor === undefined) return { bytes: body.compressed(plainSize), encoding: "gzip", plainSize };
    } catch (error) {
      this.#fail(error);
    } finally {
      if (this.#successor === undefined) body.begin(this.#isZstd);
      else this.#body = undefined;
    }
    return { bytes: await compressed(Buffer.from(body.text(plainSize)), gzipLevel), encoding: "gzip", plainSize };
  }

  get #isZstd(): boolean {
    return this.#options.codingNow?.() === "zstd";
  }

  #fail(error: unknown): BodyEncoder {
    this.#successor ??= this.#form.plain();
    this.#options.onFailure(error instanceof Error ? error.message : String(error));
    return this.#successor;
  }
}

function bodyFor({ maxBody, gzipLevel }: KernelEncoderOptions, { parts, idText }: KernelForm): KernelBody {
  return new KernelBody({ ...parts, maxBody, compress: gzipLevel > 0, tellsId: idText !== undefined });
}
