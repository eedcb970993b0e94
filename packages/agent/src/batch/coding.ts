import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import {
  constants,
  gunzipSync,
  type zstdCompress as ZstdCompress,
  type ZstdOptions,
  zstdCompress,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";

/** How a body is compressed: content codings of RFC 9110, section 8.4.1, and RFC 8878. */
export type Coding = "gzip" | "zstd";

/** Which one bodies get now; see `ServerCoding`. */
export type CodingNow = () => Coding;

const zstdAsync = promisify<Buffer, ZstdOptions, Buffer>(zstdCompress as typeof ZstdCompress);

/** Smaller bodies than gzip's level 3, in the least time; level 3 takes a third more, for 1 % less. */
const LEVEL = 1;
/**
 * The logarithm of how far back is looked. Lines repeat themselves within 256 KiB: as small as with all of 2 MiB, 10 % faster, and
 * it takes less memory at both ends. RFC 9659 allows 23.
 */
const WINDOW_LOG = 18;
/** Bytes of output at a time: most bodies come to less. */
const OUTPUT_BYTES = 512 * 1024;
const MIN_OUTPUT_BYTES = 1024;

function optionsFor(plain: Buffer): ZstdOptions {
  return {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
    pledgedSrcSize: plain.length,
    chunkSize: Math.max(MIN_OUTPUT_BYTES, Math.min(OUTPUT_BYTES, plain.length)),
  };
}

/** Bytes as zstd, on another thread. They must stay as they are until it is done. */
export async function zstdCompressed(plain: Buffer): Promise<Buffer> {
  return unpinned(await zstdAsync(plain, optionsFor(plain)));
}

/** The same at once. */
export function zstdCompressedNow(plain: Buffer): Buffer {
  return unpinned(zstdCompressSync(plain, optionsFor(plain)));
}

/** The text of a body. */
export function unpacked({
  bytes,
  encoding,
}: {
  readonly bytes: Buffer;
  readonly encoding: Coding | undefined;
}): Buffer {
  if (encoding === undefined) return bytes;
  return encoding === "zstd" ? zstdDecompressSync(bytes) : gunzipSync(bytes);
}

/**
 * What compresses gives out a view of all that it could have taken; a batch that waits for a server must not pin it. Where that is a
 * buffer of its own, it is given back at once, and not with the next collection of garbage.
 */
function unpinned(result: Buffer): Buffer {
  const { buffer, byteOffset, length } = result;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === OUTPUT_BYTES && byteOffset === 0)
    return Buffer.from(buffer.transfer(length));
  return buffer.byteLength > 2 * length ? Buffer.from(result) : result;
}
