/**
 * Finds what was there before. The result is what zstd and LZ4 call sequences: so many bytes as they are (literals), then so
 * many that are copied from so far back. Positions are offsets in the body, whose beginning is at `base`.
 *
 * For each position a table is asked where the same six bytes were last. It has one place for each hash, and the last one to
 * come takes it: log lines repeat so closely that older places would hardly be better, and searching them is what makes
 * deflate slow.
 */
import { DISTANCE_SYMBOLS, distanceSymbol, MAX_DISTANCE, MAX_LENGTH } from "./format";
import { Halves, Words } from "./memory";

/**
 * Bytes that are compressed at once, with a code of their own. Enough for the code to cost little, and few enough to be in the
 * cache of a core while they are escaped, searched and written: 32 KiB take 7 % longer and are 0.9 % larger, 256 KiB gain nothing.
 */
export const PORTION: u32 = 128 * 1024;

/** Bytes that are copied at least: what is looked up has to be equal in so many. */
const LEAST: u32 = 4;
/**
 * From so many bytes on a match is taken at once. Where it is shorter, the next position may have a longer one: that makes bodies
 * 3.6 % smaller and takes some 3 % longer. Without a limit they are 0.3 % smaller still.
 */
const GOOD: u32 = 32;
/** Bytes that are read for a hash: what is nearer to the end is not looked up. */
const LOOKAHEAD: u32 = 8;

/** 32 KB, which is what the nearest cache of a core has. With twice as many places bodies are 0.3 % smaller, and it takes 2 % longer;
 * with half as many, 0.6 % larger. */
const HASH_BITS: u32 = 14;
/**
 * By the hash of six bytes: where they were last, as the lower 16 bits of the position. That is exact for distances up to
 * 65,535, more than deflate can tell. An older place looks like a nearer one, and is refused where the bytes are not equal.
 */
const last = changetype<Halves>(memory.data(2 << HASH_BITS, 64));

@unmanaged
@final
export class Sequence {
  /** Bytes as they are. They are in `literalBytes`, those of all sequences in a row. */
  literals: u32;
  /** Then bytes that are copied, 0 in the last sequence, with the symbol of their distance: see `length` and `symbol`. */
  packed: u16;
  distance: u16;

  @inline
  get length(): u32 {
    return <u32>this.packed & LENGTH_MASK;
  }

  /** The symbol of the distance. */
  @inline
  get symbol(): u32 {
    return <u32>this.packed >> LENGTH_BITS;
  }
}
const SEQUENCE_SIZE: u32 = 8;
const LENGTH_BITS: u32 = 9;
const LENGTH_MASK: u32 = (1 << LENGTH_BITS) - 1;
/** Each but the last copies `LEAST` bytes. */
const sequences = memory.data((PORTION / LEAST + 1) * SEQUENCE_SIZE, 16);

/**
 * The literals of the portion. That they stand together is worth 3 % on a quiet machine: to count them among the copied bytes, one had to branch on
 * how many there are each time, and a branch that nobody can predict costs as much as counting ten.
 */
export const literalBytes = memory.data(PORTION + 16, 16);
export let literalCount: u32 = 0;

/** How often each length and each distance's symbol occurs, counted as they are found: one pass less, whose gain is too small to be seen. */
export const lengthCount = changetype<Words>(memory.data((MAX_LENGTH + 1) * 4, 4));
export const distanceCount = changetype<Words>(memory.data(DISTANCE_SYMBOLS * 4, 4));

export function sequenceOf(index: u32): Sequence {
  return changetype<Sequence>(sequences + <usize>index * SEQUENCE_SIZE);
}

/** Begins a body: what was in another one cannot be copied. */
export function forgetMatches(): void {
  memory.fill(changetype<usize>(last), 0, 2 << HASH_BITS);
}

/**
 * Cuts `[from, to)`, at most a portion, into sequences.
 *
 * Nothing before the body is ever copied: as long as a position has fewer than 16 bits, the table holds only positions
 * before it, or 0; and from then on no distance that it can stand for is as far as the beginning.
 * 8 bytes before the body and 32 behind `to` must be readable, whatever is there.
 * @returns how many sequences.
 */
export function findMatches(base: usize, from: u32, to: u32): u32 {
  lengthCount.clear(MAX_LENGTH + 1);
  distanceCount.clear(DISTANCE_SYMBOLS);
  const end = base + to;
  const lastLook = to - from > LOOKAHEAD ? end - LOOKAHEAD : base + from;
  let sequence = sequences;
  let literal = literalBytes;
  let at = base + from;
  let literalsFrom = at;
  while (at < lastLook) {
    const bytes = load<u64>(at);
    let distance = lookUp(base, at, bytes);
    let match = at - distance;
    if (isNoMatch(match, bytes, distance)) {
      at++;
      continue;
    }
    let ahead = equalBytes(at, match, min(<u32>(end - at), MAX_LENGTH));
    if (ahead < GOOD) {
      const laterBytes = load<u64>(at + 1);
      const laterDistance = lookUp(base, at + 1, laterBytes);
      const later = at + 1 - laterDistance;
      if (!isNoMatch(later, laterBytes, laterDistance)) {
        const laterAhead = equalBytes(at + 1, later, min(<u32>(end - at - 1), MAX_LENGTH));
        if (laterAhead > ahead) {
          at++;
          distance = laterDistance;
          match = later;
          ahead = laterAhead;
        }
      }
    }
    const next = at + ahead;
    const waiting = <u32>(at - literalsFrom);
    const back = equalBytesBefore(at, match, min(min(waiting, <u32>(match - base)), MAX_LENGTH - ahead));
    const before = waiting - back;
    copyLiterals(literal, literalsFrom, before);
    literal += before;

    const length = ahead + back;
    const symbol = distanceSymbol(distance);
    const found = changetype<Sequence>(sequence);
    found.literals = before;
    found.packed = <u16>(length | (symbol << LENGTH_BITS));
    found.distance = <u16>distance;
    lengthCount[length] += 1;
    distanceCount[symbol] += 1;
    sequence += SEQUENCE_SIZE;

    // Of what is copied only the edges are noted: what comes next time begins or ends there. Bodies are
    // 2.2 % smaller for it, and with one of each 1.5 %.
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
    rest.packed = 0;
    memory.copy(literal, literalsFrom, rest.literals);
    literal += rest.literals;
    sequence += SEQUENCE_SIZE;
  }
  literalCount = <u32>(literal - literalBytes);
  return <u32>(sequence - sequences) / SEQUENCE_SIZE;
}

/** How far back the same six bytes may have been, and notes that they are here. */
function lookUp(base: usize, at: usize, bytes: u64): u32 {
  const position = <u32>(at - base);
  const slot = hash(bytes);
  const distance = (position - last[slot]) & 0xffff;
  last[slot] = position;
  return distance;
}

/**
 * Whether other bytes are there, or the distance is one that cannot be told; 0 is none: nothing was there. These are one
 * condition, and so one branch. Two take 15 % more.
 */
function isNoMatch(match: usize, bytes: u64, distance: u32): bool {
  return ((load<u32>(match) ^ <u32>bytes) | ((distance - 1) & ~(MAX_DISTANCE - 1))) != 0;
}

/** Most are few, and 16 are copied as fast as one: 10 %. */
function copyLiterals(to: usize, from: usize, count: u32): void {
  v128.store(to, v128.load(from));
  if (count > 16) memory.copy(to + 16, from + 16, count - 16);
}

/**
 * Multiplies the lower six bytes by a large odd number (2⁴⁸ divided by the golden ratio) and takes the upper bits. With four bytes what is
 * found is shorter: 4 % slower, and 5 % larger.
 */
function hash(bytes: u64): u32 {
  return <u32>(((bytes << 16) * 0x9e3779b97f4b) >> (64 - HASH_BITS));
}

function note(base: usize, at: usize): void {
  last[hash(load<u64>(at))] = <u32>(at - base);
}

/**
 * How many bytes from two places on are equal, the first four known to be, at most `most`. The first 32 are compared at once, since
 * most matches end there: 11 % against eight at a time from the beginning.
 */
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

/** How many bytes before two places are equal, at most `most` and 8. Bodies are 2.2 % smaller for it. */
function equalBytesBefore(one: usize, other: usize, most: u32): u32 {
  const difference = load<u64>(one - 8) ^ load<u64>(other - 8);
  return min(<u32>(clz(difference) >> 3), most);
}
