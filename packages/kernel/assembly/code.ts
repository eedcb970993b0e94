/**
 * How often each symbol occurs in a portion, the codes that are made of that, and what the portion takes with them. The
 * codes of a "fixed" block (RFC 1951, section 3.2.6) have the same form, so that one writer serves both.
 */
import {
  DISTANCE_SYMBOLS,
  distanceExtra,
  END_OF_BLOCK,
  FIRST_LENGTH,
  LENGTH_SYMBOLS,
  LITERAL_SYMBOLS,
  lengthExtra,
  lengthSymbol,
  MAX_LENGTH,
  MIN_LENGTH,
} from "./format";
import { assignCodes, findLengths } from "./huffman";
import { distanceCount, lengthCount, literalBytes, literalCount } from "./matcher";
import { Bytes, Halves, Words } from "./memory";

/** Symbols of the fixed code; the last two never occur, but have their place in the numbering. */
const FIXED_SYMBOLS: u32 = 288;

/**
 * The longest code for a literal or a length. Four literals then take at most 56 bits, which fit behind the 7 that may be
 * pending, so they are written at once.
 */
const LONGEST_LITERAL: u32 = 14;
const LONGEST_DISTANCE: u32 = 15;

/** By symbol: how often it occurs (for distances the matcher counts that), how long its code is, and the code. */
export const literalFrequency = changetype<Words>(memory.data(LITERAL_SYMBOLS * 4, 4));
export const literalLength = changetype<Bytes>(memory.data(FIXED_SYMBOLS));
export const literalCode = changetype<Halves>(memory.data(FIXED_SYMBOLS * 2, 4));
export const distanceLength = changetype<Bytes>(memory.data(DISTANCE_SYMBOLS));
export const distanceCode = changetype<Halves>(memory.data(DISTANCE_SYMBOLS * 2, 4));

/** Counts how often the symbols of a portion occur, whose matches were found. */
export function countSymbols(): void {
  literalFrequency.clear(LITERAL_SYMBOLS);
  const end = literalBytes + literalCount;
  for (let at = literalBytes; at < end; at++) literalFrequency[load<u8>(at)] += 1;
  literalFrequency[END_OF_BLOCK] = 1;
  for (let length: u32 = MIN_LENGTH; length <= MAX_LENGTH; length++)
    literalFrequency[FIRST_LENGTH + lengthSymbol[length]] += lengthCount[length];
}

/** Makes the codes that are best for what was counted. */
export function makeOwnCodes(): void {
  findLengths(literalFrequency, LITERAL_SYMBOLS, LONGEST_LITERAL, literalLength);
  findLengths(distanceCount, DISTANCE_SYMBOLS, LONGEST_DISTANCE, distanceLength);
  assignCodes(literalLength, LITERAL_SYMBOLS, literalCode);
  assignCodes(distanceLength, DISTANCE_SYMBOLS, distanceCode);
}

/** Takes the codes that every decoder knows. */
export function takeFixedCodes(): void {
  for (let symbol: u32 = 0; symbol < FIXED_SYMBOLS; symbol++) literalLength[symbol] = fixedLength(symbol);
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++) distanceLength[symbol] = FIXED_DISTANCE_LENGTH;
  assignCodes(literalLength, FIXED_SYMBOLS, literalCode);
  assignCodes(distanceLength, DISTANCE_SYMBOLS, distanceCode);
}

/** Bits that the symbols of the portion take in the codes at hand, their extra bits and the end of the block included. */
export function codedBits(): u64 {
  let bits = extraBits();
  for (let symbol: u32 = 0; symbol < LITERAL_SYMBOLS; symbol++)
    bits += literalFrequency[symbol] * literalLength[symbol];
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++) bits += distanceCount[symbol] * distanceLength[symbol];
  return bits;
}

/** Bits that they take in the fixed codes. */
export function fixedBits(): u64 {
  let bits = extraBits();
  for (let symbol: u32 = 0; symbol < LITERAL_SYMBOLS; symbol++) bits += literalFrequency[symbol] * fixedLength(symbol);
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++) bits += distanceCount[symbol] * FIXED_DISTANCE_LENGTH;
  return bits;
}

function extraBits(): u64 {
  let bits: u64 = 0;
  for (let symbol: u32 = 0; symbol < LENGTH_SYMBOLS; symbol++)
    bits += literalFrequency[FIRST_LENGTH + symbol] * lengthExtra[symbol];
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++) bits += distanceCount[symbol] * distanceExtra[symbol];
  return bits;
}

const FIXED_DISTANCE_LENGTH: u32 = 5;

function fixedLength(symbol: u32): u32 {
  return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}
