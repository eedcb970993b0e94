/** One portion of a body becomes one block of deflate (RFC 1951, section 3.2.3), of the kind that is smallest. */
import { BIT_SLACK, Output } from "./bits";
import { codedBits, countSymbols, fixedBits, makeOwnCodes, takeFixedCodes } from "./code";
import { prepareCodeLengths, writeCodeLengths } from "./code_lengths";
import { findMatches, forgetMatches, PORTION } from "./matcher";
import { writeSequences } from "./sequences";

/** Values of BTYPE. */
const STORED: u32 = 0;
const FIXED: u32 = 1;
const OWN_CODES: u32 = 2;
const HEADER_BITS: u32 = 3;
/** Bytes of a stored block, at most: its length has 16 bits. */
const MAX_STORED: u32 = 0xffff;

/** Begins a stream. @param limit where it must end, `BIT_SLACK` bytes before the end of what may be written to. */
export function beginDeflate(target: usize, limit: usize): void {
  Output.begin(target, limit);
  forgetMatches();
}

/** Where the stream has got to; its end once the last portion is written. */
export function deflated(): usize {
  return Output.at;
}

/**
 * Writes the bytes `[from, to)` of a body, at most a portion. What is written is never more than `storedBits` tells,
 * and nothing is written when there is no room for it.
 * @param base where the body begins; what is before `from` was written before.
 * @returns whether there was.
 */
export function deflate(base: usize, from: u32, to: u32, isLast: bool): bool {
  const length = to - from;
  if (to < from || length > PORTION) return false;
  const count = findMatches(base, from, to);
  countSymbols();
  makeOwnCodes();
  const own = HEADER_BITS + prepareCodeLengths() + codedBits();
  const fixed = HEADER_BITS + fixedBits();
  const stored = storedBits(length);
  const least = min(min(own, fixed), stored);
  if (!Output.hasRoom(least)) return false;
  if (stored == least) {
    writeStored(base + from, length, isLast);
  } else if (fixed == least) {
    writeHeader(FIXED, isLast);
    takeFixedCodes();
    writeSequences(count);
  } else {
    writeHeader(OWN_CODES, isLast);
    writeCodeLengths();
    writeSequences(count);
  }
  if (isLast) Output.align();
  return true;
}

/** BFINAL and BTYPE. */
function writeHeader(kind: u32, isLast: bool): void {
  Output.put(u32(isLast) | (kind << 1), HEADER_BITS);
}

/** Bits of a portion as it is, in as many blocks as it takes; each with the bits that fill up a byte, which may be 7. */
function storedBits(length: u32): u64 {
  const blocks: u64 = max(1, (length + MAX_STORED - 1) / MAX_STORED);
  return blocks * (HEADER_BITS + 7 + 32) + 8 * <u64>length;
}

function writeStored(from: usize, length: u32, isLast: bool): void {
  let left = length;
  do {
    const size = min(left, MAX_STORED);
    const at = from + (length - left);
    left -= size;
    writeHeader(STORED, isLast && left == 0);
    Output.align();
    // LEN and NLEN.
    Output.put(size | (~size << 16), 32);
    Output.copy(at, size);
  } while (left > 0);
}

/** Bytes beyond the limit of a stream that must be writable. */
export const DEFLATE_SLACK: u32 = BIT_SLACK;
