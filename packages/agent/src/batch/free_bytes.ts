import type { Buffer } from "node:buffer";

/** Less is not worth it, and may be part of a slab that Node divides among small buffers. */
const SMALLEST = 64 * 1024;

/**
 * Gives the memory of bytes back at once, and leaves an empty buffer. The collector comes for it late: a body is one small object
 * to V8, whatever it takes outside of the heap, and under load 30 MB of bodies that were delivered were waiting for it.
 *
 * Nobody may be reading them any more, the system in a write that is under way included.
 */
export function freeBytes({ buffer, length }: Buffer): void {
  if (length < SMALLEST || buffer.byteLength !== length || !(buffer instanceof ArrayBuffer)) return;
  buffer.transfer(0);
}
