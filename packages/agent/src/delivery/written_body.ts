import type { Buffer } from "node:buffer";
import type { ClientRequest } from "node:http";

/**
 * Bytes that are written at once: what is known of how far a request has got, and what must be written within a time-out. Between
 * two pieces other events come, an early answer above all: a fast link takes a whole body at once, and what came before its end
 * would look like what came after it.
 */
const PIECE_BYTES = 64 * 1024;

/** How long after a complete answer the request may still be on its way out, in milliseconds. */
const WRITTEN_WITHIN_MS = 100;

/**
 * Writes the body of a request, and ends it.
 * @param onProgress called with the number of bytes that the system has taken so far, in steps of at most 64 KiB.
 */
export function writeBody(request: ClientRequest, bytes: Buffer, onProgress: (written: number) => void): void {
  const writeFrom = (from: number): void => {
    if (request.destroyed) return;
    const to = Math.min(from + PIECE_BYTES, bytes.length);
    const onWritten = (error?: Error | null): void => {
      if (request.destroyed || (error !== undefined && error !== null)) return;
      onProgress(to);
      if (to < bytes.length) setImmediate(writeFrom, to);
    };
    if (to === bytes.length) request.end(bytes.subarray(from), onWritten);
    else request.write(bytes.subarray(from, to), onWritten);
  };
  writeFrom(0);
}

/**
 * Whether a request that was answered is written to its end, now or in a moment: under load Node reads an answer before it
 * hears that the last bytes were written. Where they were not even handed to the system, they came too late.
 */
export async function isWritten(request: ClientRequest): Promise<boolean> {
  if (request.writableFinished || !request.writableEnded) return request.writableFinished;
  const { promise, resolve } = Promise.withResolvers<void>();
  // After the timer comes whatever else has happened by then, if the process was busy meanwhile.
  const timer = setTimeout(() => setImmediate(resolve), WRITTEN_WITHIN_MS);
  request.once("finish", resolve).once("close", resolve);
  await promise;
  clearTimeout(timer);
  return request.writableFinished;
}

/** Closes the connection of a request that was answered, unless it turns out to be written to its end. */
export function closeUnlessWritten(request: ClientRequest): void {
  void isWritten(request).then((isWhole) => {
    if (!isWhole) request.destroy();
  });
}
