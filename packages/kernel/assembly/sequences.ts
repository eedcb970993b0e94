/** Writes sequences in the codes at hand. This and the search for matches is where the time goes. */
import { Output } from "./bits";
import { distanceCode, distanceLength, literalCode, literalLength } from "./code";
import {
  DISTANCE_SYMBOLS,
  distanceBase,
  distanceExtra,
  END_OF_BLOCK,
  FIRST_LENGTH,
  lengthBase,
  lengthExtra,
  lengthSymbol,
  MAX_LENGTH,
  MIN_LENGTH,
} from "./format";
import { literalBytes, sequenceOf } from "./matcher";
import { Words } from "./memory";

/** A code and how many bits it has, as one number: one load for both. */
const SIZE_SHIFT: u32 = 24;
const CODE_MASK: u32 = (1 << SIZE_SHIFT) - 1;

/** By byte: its code. */
const literal = changetype<Words>(memory.data(256 * 4, 4));
/** By length: its code with the extra bits behind it. */
const copied = changetype<Words>(memory.data((MAX_LENGTH + 1) * 4, 4));
/** By symbol: the code of a distance, its extra bits not included. */
const far = changetype<Words>(memory.data(DISTANCE_SYMBOLS * 4, 4));

function prepare(): void {
  for (let byte: u32 = 0; byte < 256; byte++) literal[byte] = literalCode[byte] | (literalLength[byte] << SIZE_SHIFT);
  for (let length: u32 = MIN_LENGTH; length <= MAX_LENGTH; length++) {
    const symbol = lengthSymbol[length];
    const size = literalLength[FIRST_LENGTH + symbol];
    const extra = length - lengthBase[symbol];
    const code = literalCode[FIRST_LENGTH + symbol] | (extra << size);
    copied[length] = code | ((size + lengthExtra[symbol]) << SIZE_SHIFT);
  }
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++)
    far[symbol] = distanceCode[symbol] | (distanceLength[symbol] << SIZE_SHIFT);
}

/**
 * Writes all sequences of a portion, and the end of the block. The caller has seen to it that there is room.
 */
export function writeSequences(count: u32): void {
  prepare();
  // What is written bit by bit is kept out of memory meanwhile. Each pair of lines that changes `pending` and `size` appends one
  // code, as `Output.put` would; the four lines from `store` on write what is whole of it.
  let pending = Output.pending;
  let size = Output.count;
  let to = Output.at;
  let at = literalBytes;
  for (let index: u32 = 0; index < count; index++) {
    const sequence = sequenceOf(index);
    let literals = sequence.literals;
    const length = sequence.length;
    // Four at a time, which is 3 to 7 %: at most 56 bits behind at most 7.
    while (literals > 4) {
      const four = load<u32>(at);
      const first = literal[four & 0xff];
      const second = literal[(four >> 8) & 0xff];
      const third = literal[(four >> 16) & 0xff];
      const fourth = literal[four >> 24];
      pending |= (<u64>(first & CODE_MASK)) << size;
      size += first >> SIZE_SHIFT;
      pending |= (<u64>(second & CODE_MASK)) << size;
      size += second >> SIZE_SHIFT;
      pending |= (<u64>(third & CODE_MASK)) << size;
      size += third >> SIZE_SHIFT;
      pending |= (<u64>(fourth & CODE_MASK)) << size;
      size += fourth >> SIZE_SHIFT;
      store<u64>(to, pending);
      to += <usize>(size >> 3);
      pending >>= size & ~7;
      size &= 7;
      at += 4;
      literals -= 4;
    }
    // The rest, in the same way: those beyond it are taken as codes of no bits, which on a quiet machine
    // costs less than to branch on how many.
    const four = load<u32>(at);
    const first = literal[four & 0xff] & (0 - u32(literals > 0));
    const second = literal[(four >> 8) & 0xff] & (0 - u32(literals > 1));
    const third = literal[(four >> 16) & 0xff] & (0 - u32(literals > 2));
    const fourth = literal[four >> 24] & (0 - u32(literals > 3));
    pending |= (<u64>(first & CODE_MASK)) << size;
    size += first >> SIZE_SHIFT;
    pending |= (<u64>(second & CODE_MASK)) << size;
    size += second >> SIZE_SHIFT;
    pending |= (<u64>(third & CODE_MASK)) << size;
    size += third >> SIZE_SHIFT;
    pending |= (<u64>(fourth & CODE_MASK)) << size;
    size += fourth >> SIZE_SHIFT;
    store<u64>(to, pending);
    to += <usize>(size >> 3);
    pending >>= size & ~7;
    size &= 7;
    at += literals;
    if (length == 0) continue;
    // Length and distance: at most 14 + 5 + 15 + 13 bits behind at most 7.
    const copy = copied[length];
    const distance: u32 = sequence.distance;
    const symbol = sequence.symbol;
    const code = far[symbol];
    pending |= (<u64>(copy & CODE_MASK)) << size;
    size += copy >> SIZE_SHIFT;
    pending |= (<u64>(code & CODE_MASK)) << size;
    size += code >> SIZE_SHIFT;
    pending |= (<u64>(distance - distanceBase[symbol])) << size;
    size += distanceExtra[symbol];
    store<u64>(to, pending);
    to += <usize>(size >> 3);
    pending >>= size & ~7;
    size &= 7;
  }
  Output.pending = pending;
  Output.count = size;
  Output.at = to;
  Output.put(literalCode[END_OF_BLOCK], literalLength[END_OF_BLOCK]);
}
