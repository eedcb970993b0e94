import { Buffer } from "node:buffer";

/** Bytes that are kept for later. */
const MAX_KEPT = 64 * 1024 * 1024;
const STEP = 256 * 1024;

/**
 * Memory that is used again. What is not referred to any more is found by the collector of garbage, which the engine starts after
 * every few megabytes that were taken outside of its own heap: that was a fifth of all processor time.
 */
export class BufferPool {
  #free: Buffer[] = [];
  #kept = 0;

  /** A buffer of at least this size, with anything in it. */
  take(size: number): Buffer {
    const n = this.#free.findIndex(({ length }) => length >= size && length <= 4 * size + STEP);
    const [found] = n < 0 ? [] : this.#free.splice(n, 1);
    if (found === undefined) return Buffer.allocUnsafeSlow(Math.ceil((size * 1.25) / STEP) * STEP);
    this.#kept -= found.length;
    return found;
  }

  /** Nobody uses it, or what is a part of it, any more. */
  give(buffer: Buffer): void {
    if (this.#kept + buffer.length > MAX_KEPT) return;
    this.#kept += buffer.length;
    this.#free.push(buffer);
  }
}

/** For what lives from the reading of a request to its answer. */
export const pool: BufferPool = new BufferPool();
