import { Buffer } from "node:buffer";

/** Bytes that are looked at together: texts of fewer cannot be looked for in the index. */
const GRAM = 4;
/** Bits of a set, and bytes of it: about half of them are set by 8,192 lines. */
const BITS_LOG2 = 17;
const SET_BYTES = 2 ** BITS_LOG2 / 8;
/** Knuth's multiplier (2^32 over the golden ratio), which spreads what is alike. */
const SPREAD = 0x9e3779b1;
/** Places of a text that are asked for, at most: each makes about half of the sets fall away. */
const MAX_PLACES = 32;

const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));

/** Runs of four bytes, in small letters, that lines have: a Bloom filter with one hash. */
export class GramSet {
  readonly bytes = Buffer.alloc(SET_BYTES);
  lines = 0;
  /** Times of the first and the last line, and of the first and last arrival, in milliseconds since the epoch. */
  low = Number.POSITIVE_INFINITY;
  high = Number.NEGATIVE_INFINITY;
  firstReceived = Number.POSITIVE_INFINITY;
  lastReceived = Number.NEGATIVE_INFINITY;

  /** Adds the line whose text is at a place of a buffer. */
  add(texts: Uint8Array, from: number, to: number, timestamp: number, received: number): void {
    setGrams(this.bytes, texts, from, to);
    this.lines += 1;
    this.low = Math.min(this.low, timestamp);
    this.high = Math.max(this.high, timestamp);
    this.firstReceived = Math.min(this.firstReceived, received);
    this.lastReceived = Math.max(this.lastReceived, received);
  }

  /** Whether all of these places are set. */
  has(places: readonly number[]): boolean {
    return places.every((place) => ((this.bytes[place >>> 3] ?? 0) & (1 << (place & 7))) !== 0);
  }
}

/** Apart from the class, so that the engine makes the best of its loop. */
function setGrams(set: Uint8Array, texts: Uint8Array, from: number, to: number): void {
  const first = from + GRAM - 1;
  let gram = 0;
  for (let at = from; at < to; at += 1) {
    gram = (gram << 8) | (LOWER[texts[at] ?? 0] ?? 0);
    if (at < first) continue;
    const place = Math.imul(gram, SPREAD) >>> (32 - BITS_LOG2);
    set[place >>> 3] = (set[place >>> 3] ?? 0) | (1 << (place & 7));
  }
}

/** Places of a set that lines with this text have; none for a text that is too short. @param text in small letters. */
export function placesOf(text: string): number[] {
  const bytes = Buffer.from(text);
  const places = new Set<number>();
  for (let at = 0; at + GRAM <= bytes.length; at += 1)
    places.add(Math.imul(bytes.readInt32BE(at), SPREAD) >>> (32 - BITS_LOG2));
  const all = [...places];
  const step = Math.max(1, all.length / MAX_PLACES);
  return Array.from({ length: Math.min(all.length, MAX_PLACES) }, (_, n) => all[Math.floor(n * step)] ?? 0);
}
