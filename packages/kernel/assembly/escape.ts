/**
 * From lines of a file to the strings of a JSON array: splits at newlines, escapes (RFC 8259, section 7), repairs what is not
 * UTF-8, and leaves empty lines out. Behind each line stands what `Closing` says, which the caller sets before.
 *
 * Sixteen bytes are looked at and written at a time. Most need nothing; a quote or a backslash only needs a backslash before
 * it; whatever else needs care (a control character, an ill-formed sequence) is dealt with alone.
 */
import { Closing } from "./closing";
import { Bytes } from "./memory";
import { sequenceAt } from "./utf8";

/** The run is one line: newlines within stay, as `\n`. */
export const SINGLE: u32 = 1;
/** The run has bytes that are not UTF-8. */
export const REPAIR: u32 = 2;

/** Bytes that may be written beyond the limit before it is noticed: two blocks and an escaped character. */
export const ESCAPE_SLACK: u32 = 64;

const TAB: u32 = 0x09;
const NEWLINE: u32 = 0x0a;
const RETURN: u32 = 0x0d;
const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;

/** Lines that the last call has written, and the bytes of the empty ones that it has left out, line ends included. */
export let lines: u32 = 0;
export let emptyBytes: u32 = 0;

/**
 * For each set of bytes among eight that need a backslash, which bytes stand where in what is written: an index of the eight,
 * or 8 for a backslash.
 */
const spread = memory.data(256 * 16, 16);
/** How many bytes that are. */
const spreadLength = changetype<Bytes>(memory.data(256));
/** The letter behind the backslash, for control characters that have one. */
const shortEscape = changetype<Bytes>(memory.data(32));
const hexDigits = changetype<Bytes>(
  memory.data<u8>([48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102]),
);

/** Fills the tables; to be called once. */
export function prepareEscape(): void {
  for (let set: u32 = 0; set < 256; set++) {
    const row = changetype<Bytes>(spread + ((<usize>set) << 4));
    let length: u32 = 0;
    for (let byte: u32 = 0; byte < 8; byte++) {
      if ((set >> byte) & 1) row[length++] = 8;
      row[length++] = byte;
    }
    spreadLength[set] = length;
  }
  shortEscape[0x08] = 0x62; // b
  shortEscape[TAB] = 0x74; // t
  shortEscape[NEWLINE] = 0x6e; // n
  shortEscape[0x0c] = 0x66; // f
  shortEscape[RETURN] = 0x72; // r
}

/**
 * Writes the lines of a run.
 * @param source the run, with a byte of 0 behind it (which stops at its end whatever is looked at), and 16 more to read.
 * @param target behind the opening quote of the first line.
 * @param limit where what is written must end, `ESCAPE_SLACK` bytes before the end of what may be written to.
 * @param offset where the run begins in its file, below 2⁵³.
 * @param flags `SINGLE`, `REPAIR`.
 * @returns where the last line ends, or 0 where they do not fit: then what was written means nothing.
 */
export function escape(source: usize, length: u32, target: usize, limit: usize, offset: f64, flags: u32): usize {
  const end = source + length;
  const single = (flags & SINGLE) != 0;
  const repair = (flags & REPAIR) != 0;
  const runStart = <u64>offset;
  let from = source;
  let to = target;
  let lineFrom = from;
  let lineTo = to;
  lines = 0;
  emptyBytes = 0;

  for (;;) {
    const block = v128.load(from);
    let quotes: u32 = i8x16.bitmask(
      v128.or(i8x16.eq(block, i8x16.splat(<i8>QUOTE)), i8x16.eq(block, i8x16.splat(<i8>BACKSLASH))),
    );
    let stops: u32 = i8x16.bitmask(i8x16.lt_u(block, i8x16.splat(0x20)));
    // The highest bits: those of bytes that are not ASCII.
    if (repair) stops |= i8x16.bitmask(block);

    const plain: u32 = stops == 0 ? 16 : ctz(stops);
    quotes &= (1 << plain) - 1;
    if (quotes == 0) {
      v128.store(to, block);
      to += plain;
    } else {
      writeSpread(to, block, quotes);
      to += plain + <u32>popcnt(quotes);
    }
    from += plain;
    if (to > limit) return 0;
    if (stops == 0) continue;

    let byte: u32 = load<u8>(from);
    if (byte >= 0x80) {
      // One after the other: text that is not ASCII is rarely one character of it.
      do {
        const size = sequenceAt(from);
        to = size > 0 ? copySequence(from, to, size) : writeReplacement(to);
        from += abs(size);
        if (to > limit) return 0;
        byte = load<u8>(from);
      } while (byte >= 0x80);
      continue;
    }
    if (from >= end) break;
    // Of CR LF the LF stays.
    if (byte == RETURN && load<u8>(from, 1) == NEWLINE) {
      from++;
      byte = NEWLINE;
    }
    from++;
    if (byte != NEWLINE || single) {
      to = writeControl(to, byte);
    } else if (to == lineTo) {
      emptyBytes += <u32>(from - lineFrom);
      lineFrom = from;
    } else {
      to = lineTo = close(to, limit, runStart + <u64>(lineFrom - source));
      if (to == 0) return 0;
      lineFrom = from;
    }
  }

  // The last line has no newline.
  return to == lineTo ? to : close(to, limit, runStart + <u64>(lineFrom - source));
}

/** Ends a line that begins at `start` in its file. @returns where the next begins, or 0 where it does not fit. */
function close(to: usize, limit: usize, start: u64): usize {
  if (to + Closing.size(start) > limit) return 0;
  lines++;
  return Closing.write(to, start);
}

/**
 * Writes 16 bytes with a backslash before each one of a set. Each half is spread by one shuffle, whatever is in the set: 5 % of the whole
 * on logs with JSON, against dealing with each quote alone.
 */
function writeSpread(to: usize, block: v128, set: u32): void {
  const backslashes = i8x16.splat(<i8>BACKSLASH);
  const low: u32 = set & 0xff;
  const high: u32 = set >> 8;
  // The eight bytes of the half, then backslashes: index 8 of the table is one of these.
  const first = i64x2.shuffle(block, backslashes, 0, 2);
  const second = i64x2.shuffle(block, backslashes, 1, 2);
  v128.store(to, i8x16.swizzle(first, v128.load(spread + ((<usize>low) << 4))));
  v128.store(to + spreadLength[low], i8x16.swizzle(second, v128.load(spread + ((<usize>high) << 4))));
}

function copySequence(from: usize, to: usize, size: u32): usize {
  // Up to three bytes too many; what comes next is written over them.
  store<u32>(to, load<u32>(from));
  return to + size;
}

/** U+FFFD. */
function writeReplacement(to: usize): usize {
  store<u32>(to, 0xbdbfef);
  return to + 3;
}

/** Escapes a control character. */
function writeControl(to: usize, byte: u32): usize {
  store<u8>(to, BACKSLASH);
  const letter = shortEscape[byte];
  if (letter != 0) {
    store<u8>(to, letter, 1);
    return to + 2;
  }
  store<u8>(to, 0x75, 1); // u
  store<u16>(to, 0x3030, 2); // 00
  store<u8>(to, hexDigits[byte >> 4], 4);
  store<u8>(to, hexDigits[byte & 15], 5);
  return to + 6;
}
