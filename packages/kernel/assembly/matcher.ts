/**
 * Finds what was there before. The result is a list of sequences: so many bytes as they are, then so many that are copied from
 * so far back. Positions are offsets in the body, whose beginning is at `base`.
 *
 * For each position a table is asked where the same six bytes were last. It has one place for each hash and the last one
 * to come takes it: log lines repeat so closely that older places would hardly be better, and searching them is what makes
 * deflate slow.
 */
import { MAX_DISTANCE, MAX_LENGTH } from "./format";
import { Halves } from "./memory";

/** Bytes that are compressed at once. As large as a block has a code of its own for; they stay in the cache of a core meanwhile. */
export const PORTION: u32 = 128 * 1024;

/** Bytes that are copied at least: what is looked up has to be equal in so many. */
const LEAST: u32 = 4;
/** Bytes that are read at a position beyond it, and so not looked up at the very end. */
const LOOKAHEAD: u32 = 8;

const HASH_BITS: u32 = 14;
/**
 * By the hash of six bytes: where they were last, as the lower 16 bits of the position. That is exact for distances up to
 * 65,535, more than deflate can tell; so a place that is older looks like a nearer one, where the bytes are not equal.
 */
const last = changetype<Halves>(memory.data(2 << HASH_BITS, 64));

@unmanaged
@final
export class Sequence {
  /** Bytes as they are. */
  literals: u32;
  /** Then bytes that are copied; 0 only in the last sequence. */
  length: u16;
  distance: u16;
}
const SEQUENCE_SIZE: u32 = 8;
const sequences = memory.data((PORTION / LEAST + 1) * SEQUENCE_SIZE, 16);

export function sequenceOf(index: u32): Sequence {
  return changetype<Sequence>(sequences + <usize>index * SEQUENCE_SIZE);
}

/** Begins a body: what was in another one cannot be copied. */
export function forgetMatches(): void {
  memory.fill(changetype<usize>(last), 0, 2 << HASH_BITS);
}

/**
 * Cuts `[from, to)`, at most a portion, into sequences.
 * 8 bytes before the body and 32 behind `to` must be readable, whatever is there.
 * @returns their number.
 */
export function findMatches(base: usize, from: u32, to: u32): u32 {
  const end = base + to;
  const lastLook = to - from > LOOKAHEAD ? end - LOOKAHEAD : base + from;
  let sequence = sequences;
  let at = base + from;
  let literalsFrom = at;
  while (at < lastLook) {
    const position = <u32>(at - base);
    const bytes = load<u64>(at);
    const slot = hash(bytes);
    const distance = (position - last[slot]) & 0xffff;
    last[slot] = position;
    const match = at - distance;
    // One branch for both: the bytes are equal, and the distance is one that can be told (0 is none: nothing was there).
    if ((load<u32>(match) ^ <u32>bytes) | ((distance - 1) & ~(MAX_DISTANCE - 1))) {
      at++;
      continue;
    }
    const length = equalBytes(at, match, min(<u32>(end - at), MAX_LENGTH));
    const next = at + length;

    const literals = <u32>(at - literalsFrom);
    const back = equalBytesBefore(at, match, min(min(literals, <u32>(match - base)), MAX_LENGTH - length));
    const found = changetype<Sequence>(sequence);
    found.literals = literals - back;
    found.length = <u16>(length + back);
    found.distance = <u16>distance;
    sequence += SEQUENCE_SIZE;

    note(base, at + 1);
    note(base, at + 2);
    note(base, next - 2);
    note(base, next - 1);
    at = next;
    literalsFrom = next;
  }
  if (literalsFrom < end) {
    const rest = changetype<Sequence>(sequence);
    rest.literals = <u32>(end - literalsFrom);
    rest.length = 0;
    sequence += SEQUENCE_SIZE;
  }
  return <u32>(sequence - sequences) / SEQUENCE_SIZE;
}

/** Multiplies the lower six bytes by a large odd number (2⁴⁸ divided by the golden ratio) and takes the upper bits. */
function hash(bytes: u64): u32 {
  return <u32>(((bytes << 16) * 0x9e3779b97f4b) >> (64 - HASH_BITS));
}

function note(base: usize, at: usize): void {
  last[hash(load<u64>(at))] = <u32>(at - base);
}

/** How many bytes from two places on are equal, the first four known to be, at most `most`. */
function equalBytes(one: usize, other: usize, most: u32): u32 {
  const differ = ~(
    <u32>i8x16.bitmask(i8x16.eq(v128.load(one), v128.load(other))) |
    ((<u32>i8x16.bitmask(i8x16.eq(v128.load(one, 16), v128.load(other, 16)))) << 16)
  );
  if (differ != 0) return min(ctz(differ), most);
  let length: u32 = 32;
  while (length < most) {
    const difference = load<u64>(one + length) ^ load<u64>(other + length);
    if (difference != 0) {
      length += <u32>(ctz(difference) >> 3);
      break;
    }
    length += 8;
  }
  return min(length, most);
}

/** How many bytes before two places are equal, at most `most` and 8. */
function equalBytesBefore(one: usize, other: usize, most: u32): u32 {
  const difference = load<u64>(one - 8) ^ load<u64>(other - 8);
  return min(<u32>(clz(difference) >> 3), most);
}
