import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { MAX_BODY_BYTES } from "@logdna-agent/protocol";
import { Refusal } from "./refusal.ts";

const gunzipAsync = promisify(gunzip);
const TOO_LARGE = `The body is larger than ${MAX_BODY_BYTES} bytes.`;

/**
 * Reads a request's body, decompressed. Never more than the limit is held, compressed or not.
 * @throws {Refusal} 413 for what is too large, 415 for an unknown encoding, 400 for what cannot be decompressed.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (encoding !== "identity" && encoding !== "gzip" && encoding !== "x-gzip")
    throw new Refusal(415, "Only gzip is understood as content encoding.");
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw new Refusal(413, TOO_LARGE);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, TOO_LARGE);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (encoding === "identity") return body;
  try {
    // The limit on the output is what stops a bomb: decompression ends there.
    return await gunzipAsync(body, { maxOutputLength: MAX_BODY_BYTES });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE")
      throw new Refusal(413, TOO_LARGE);
    throw new Refusal(400, "The body is not valid gzip.");
  }
}
