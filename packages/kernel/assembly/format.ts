/** The alphabets of RFC 1951, section 3.2.5, and the tables that lead from a length or a distance to its symbol. */
import { Bytes, Words } from "./memory";

/** Symbols for literals, the end of a block and lengths; 286 and 287 never occur. */
export const LITERAL_SYMBOLS: u32 = 286;
export const END_OF_BLOCK: u32 = 256;
/** The symbol of the first length. */
export const FIRST_LENGTH: u32 = 257;
export const LENGTH_SYMBOLS: u32 = 29;
export const DISTANCE_SYMBOLS: u32 = 30;

export const MIN_LENGTH: u32 = 3;
export const MAX_LENGTH: u32 = 258;
export const MAX_DISTANCE: u32 = 32768;

/** By length, 3 to 258: which of the 29. */
export const lengthSymbol = changetype<Bytes>(memory.data(MAX_LENGTH + 1));
/** By the 29: the shortest length, and how many further bits say which it is. */
export const lengthBase = changetype<Words>(memory.data(LENGTH_SYMBOLS * 4, 4));
export const lengthExtra = changetype<Bytes>(memory.data(LENGTH_SYMBOLS));

/** By the 30: the same for distances. */
export const distanceBase = changetype<Words>(memory.data(DISTANCE_SYMBOLS * 4, 4));
export const distanceExtra = changetype<Bytes>(memory.data(DISTANCE_SYMBOLS));

/** Distances less 1 below 256 each, then all in steps of 128: from 257 on each symbol has a multiple of 128 of them. */
const NEAR: u32 = 256;
const distanceSymbols = changetype<Bytes>(memory.data(NEAR + (MAX_DISTANCE >> 7)));

/** Which of the 30 a distance has. */
export function distanceSymbol(distance: u32): u32 {
  const less = distance - 1;
  return distanceSymbols[select(less, NEAR + (less >> 7), less < NEAR)];
}

/** Fills the tables; to be called once. */
export function prepareFormat(): void {
  let length: u32 = MIN_LENGTH;
  for (let symbol: u32 = 0; symbol < LENGTH_SYMBOLS; symbol++) {
    const isLast = symbol == LENGTH_SYMBOLS - 1;
    const extra = symbol < 8 || isLast ? 0 : (symbol - 4) >> 2;
    // The longest has a symbol of its own, although the one before has room for it.
    if (isLast) length = MAX_LENGTH;
    lengthBase[symbol] = length;
    lengthExtra[symbol] = extra;
    for (const next = length + (1 << extra); length < next && length <= MAX_LENGTH; length++)
      lengthSymbol[length] = symbol;
  }
  let distance: u32 = 1;
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    const extra = symbol < 4 ? 0 : (symbol - 2) >> 1;
    distanceBase[symbol] = distance;
    distanceExtra[symbol] = extra;
    for (const next = distance + (1 << extra); distance < next; distance++) {
      const less = distance - 1;
      distanceSymbols[less < NEAR ? less : NEAR + (less >> 7)] = symbol;
    }
  }
}
