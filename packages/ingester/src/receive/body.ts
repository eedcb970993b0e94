import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { constants, gunzip, type ZstdOptions, zstdDecompress } from "node:zlib";
import { MAX_BODY_BYTES } from "@logdna-agent/protocol";
import type { Share } from "./admission.ts";
import { Refusal } from "./refusal.ts";

const gunzipAsync = promisify(gunzip);
const zstdDecompressAsync = promisify<Buffer, ZstdOptions, Buffer>(zstdDecompress);

/** What requests may be compressed with, as `Accept-Encoding` of every answer to them says (RFC 7694). */
export const ACCEPTED_CODINGS = "gzip, zstd";
/** A frame says how much memory it wants to be decompressed; RFC 9659 allows 8 MiB, 2 to the power of this. */
const MAX_WINDOW_LOG = 23;
/** Bytes of a refused body that are still read. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
const MIN_PIECE_BYTES = 16 * 1024;
const MAX_PIECE_BYTES = 1024 * 1024;
const TOO_LARGE = `The body is larger than ${MAX_BODY_BYTES} bytes.`;

/**
 * Reads a request's body, decompressed. Never more than the limit is held, compressed or not.
 * @throws {Refusal} 413 for what is too large, 415 for an unknown encoding, 400 for what cannot be decompressed, 503 when
 * the server has too much in hand.
 */
export async function readBody(request: IncomingMessage, share: Share): Promise<Buffer> {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const decompress = encoding === "identity" ? undefined : DECOMPRESS.get(encoding);
  if (encoding !== "identity" && decompress === undefined)
    throw new Refusal(415, "Only gzip and zstd are understood as content encoding.");
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > MAX_BODY_BYTES) throw new Refusal(413, TOO_LARGE);
  share.take(declared);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunksOf(request)) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, TOO_LARGE);
    if (size > declared) share.take(chunk.length);
    chunks.push(chunk);
  }
  if (!request.complete) throw new Refusal(400, "The body was not sent to its end.");
  const body = Buffer.concat(chunks);
  if (decompress === undefined) return body;
  // The limit on the output is what stops a bomb: decompression ends there.
  const limits = { maxOutputLength: MAX_BODY_BYTES, chunkSize: pieceOf(body.length) };
  try {
    const decompressed = await decompress(body, limits);
    share.take(decompressed.length);
    return decompressed;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE")
      throw new Refusal(413, TOO_LARGE);
    throw new Refusal(400, `The body is not valid ${encoding === "zstd" ? "zstd" : "gzip"}.`);
  }
}

interface Limits {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
}

type Decompress = (body: Buffer, limits: Limits) => Promise<Buffer>;

const zstd: Decompress = (body, limits) =>
  zstdDecompressAsync(body, { ...limits, params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG } });

const DECOMPRESS: ReadonlyMap<string, Decompress> = new Map([
  ["gzip", gunzipAsync],
  ["x-gzip", gunzipAsync],
  ["zstd", zstd],
]);

/** Bytes to decompress at a time: each piece is a way to another thread and back. Lines are a fifth to a tenth when compressed. */
function pieceOf(compressed: number): number {
  return Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, compressed * 10));
}

/**
 * Reads what is left of a refused request's body, within a bound. A client that is still writing when its connection is
 * closed gets a reset instead of the answer, and would send the same body again and again.
 */
export async function discardBody(request: IncomingMessage): Promise<void> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_DISCARDED_BYTES) return;
  let size = 0;
  for await (const chunk of chunksOf(request)) {
    size += chunk.length;
    if (size > MAX_DISCARDED_BYTES) return;
  }
}

/** What comes of a body, until its end or that of the connection. Leaving it early leaves the request as it is. */
async function* chunksOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  if (request.readableEnded || request.destroyed) return;
  try {
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } catch (error) {
    if (request.complete) throw error;
  }
}
