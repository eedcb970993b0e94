import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { constants, type gzip as Gzip, gzip } from "node:zlib";
import { type CodingNow, zstdCompressed } from "./coding.ts";
import type { EncodedBody } from "./encoder.ts";

const gzipAsync = promisify<Buffer, NonNullable<Parameters<typeof Gzip>[1]>, Buffer>(gzip);

/** A one-shot compression with the default 16 KiB of output at a time costs 12 % more CPU on bodies of 2 MiB. */
const GZIP_CHUNK_BYTES = 512 * 1024;
/** Bodies below this are sent as they are: compression saves no packet. */
export const MIN_GZIP_BYTES = 512;

export interface BodyBufferOptions {
  /** Bytes of a body before compression, at most. */
  readonly maxBody: number;
  /** 1 to 9; 0 for no compression. */
  readonly gzipLevel: number;
  /** What bodies are compressed to; gzip where it is not given. */
  readonly codingNow?: CodingNow | undefined;
}

/** Buffers that bodies are written to, and their compression. */
export class BodyBuffers {
  readonly #options: BodyBufferOptions;
  /** Those that are not being filled or compressed now; they are reused, because buffers of 2 MiB are costly to allocate. */
  readonly #free: Buffer[] = [];

  constructor(options: BodyBufferOptions) {
    this.#options = options;
  }

  /** An empty one, as large as a body may be. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#options.maxBody);
  }

  /** Makes a body of the beginning of a buffer, which is free once that is done. */
  async seal(buffer: Buffer, plainSize: number): Promise<EncodedBody> {
    const plain = buffer.subarray(0, plainSize);
    if (this.#options.gzipLevel === 0 || plainSize < MIN_GZIP_BYTES) {
      const bytes = Buffer.from(plain);
      this.#free.push(buffer);
      return { bytes, encoding: undefined, plainSize };
    }
    const encoding = this.#options.codingNow?.() ?? "gzip";
    const bytes = encoding === "zstd" ? await zstdCompressed(plain) : await compressed(plain, this.#options.gzipLevel);
    this.#free.push(buffer);
    return { bytes, encoding, plainSize };
  }
}

/** Bytes as gzip. They must stay as they are until it is done. */
export async function compressed(plain: Buffer, level: number): Promise<Buffer> {
  const result = await gzipAsync(plain, {
    level,
    memLevel: constants.Z_MAX_MEMLEVEL,
    chunkSize: Math.max(1024, Math.min(GZIP_CHUNK_BYTES, plain.length)),
  });
  // The result of zlib may sit in a buffer of `chunkSize`; a batch that waits for a server must not pin it.
  return result.buffer.byteLength > 2 * result.length ? Buffer.from(result) : result;
}
