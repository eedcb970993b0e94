/**
 * Reads the lines of a body as agents write it: `{"lines":[{"line":TEXT,"timestamp":NUMBER,…},…]}`, where the rest of most lines is the
 * same. Called by `src/receive/scan_lines.ts`, which leaves every body that this does not take to `JSON.parse`.
 *
 * It has no input but the numbers that it is given and its own memory, and calls nothing outside. What is read is well-formed UTF-8,
 * and has 64 bytes of 0 behind it, at which every loop ends: none is plain in a text, a digit, or part of a word.
 */
import { levelOf, prepareLevels } from "./levels.ts";

/** The body is none that is read here. */
const UNUSUAL: i32 = -1;

const QUOTE: u32 = 0x22;
const COMMA: u32 = 0x2c;
const BACKSLASH: u32 = 0x5c;
const OPEN: u32 = 0x7b;
const CLOSE: u32 = 0x7d;
const OPEN_LIST: u32 = 0x5b;
const CLOSE_LIST: u32 = 0x5d;

/** Digits of a number that is certainly a safe integer. */
const MAX_DIGITS: u32 = 15;

/** Bytes of a row: its time (f64; -1 where none is said), the number of its fields (u32), its level (u32). */
const ROW: usize = 16;
/** For each number of fields, where they stand in the body, how long they are, and their hash: three u32. */
const FIELDS: usize = 12;
const MAX_FIELDS: u32 = 8192;
const SLOTS: u32 = 32768;

const fields = memory.data(8192 * 12, 16);
/** Numbers of fields, plus one, by hash. */
const slots = memory.data(32768 * 4, 16);

/** What the last call has found, beside its rows. */
export let textsEnd: usize = 0;
export let fieldCount: u32 = 0;

/** The first byte of memory that is the caller's. */
export function freeFrom(): usize {
  return __heap_base;
}

export function fieldsAt(): usize {
  return fields;
}

/**
 * Reads a body.
 * @param texts where each text is put behind its length as a varint: never more bytes than the body has, and 64 that may be written to.
 * @param rows where 16 bytes are put for each line.
 * @param maxRows lines for which there is room.
 * @returns how many lines there are, or -1 for a body that is not read here.
 */
export function scan(body: usize, length: u32, texts: usize, rows: usize, maxRows: u32): i32 {
  memory.fill(slots, 0, SLOTS << 2);
  fieldCount = 0;
  const end = body + length;
  let to = texts;
  let at = body;
  // {"lines":[
  if (!startsLines(at)) return UNUSUAL;
  at += 10;
  let row: u32 = 0;
  for (;;) {
    if (row == maxRows) return UNUSUAL;
    // {"line":"
    if (load<u64>(at) != LINE || load<u8>(at, 8) != QUOTE) return UNUSUAL;
    at += 9;
    // The text. Its length is not known yet: most are of two bytes, for which room is left.
    const start = to + 2;
    let put = start;
    for (;;) {
      // Sixteen bytes at a time, until one of them ends the text or stands for something else.
      const block = v128.load(at);
      v128.store(put, block);
      const special = i8x16.bitmask(
        v128.or(
          v128.or(i8x16.eq(block, i8x16.splat(0x22)), i8x16.eq(block, i8x16.splat(0x5c))),
          i8x16.lt_u(block, i8x16.splat(0x20)),
        ),
      );
      if (special == 0) {
        at += 16;
        put += 16;
        continue;
      }
      const plain = ctz(special);
      at += plain;
      put += plain;
      const byte: u32 = load<u8>(at);
      if (byte == QUOTE) break;
      if (byte != BACKSLASH || at >= end) return UNUSUAL;
      const escaped: u32 = load<u8>(at, 1);
      if (escaped == 0x75) {
        const unit = unitAt(at + 2);
        // Halves of characters are left to those who know them.
        if (unit < 0 || (unit >= 0xd800 && unit < 0xe000)) return UNUSUAL;
        put = putCharacter(put, unit);
        at += 6;
      } else {
        const character = unescaped(escaped);
        if (character == 0) return UNUSUAL;
        store<u8>(put, character);
        put++;
        at += 2;
      }
    }
    if (at >= end) return UNUSUAL;
    at++;
    const size = <u32>(put - start);
    let text = start;
    if (size < 0x80) {
      text = to + 1;
      memory.copy(text, start, size);
      store<u8>(to, size);
    } else if (size < 0x4000) {
      store<u8>(to, (size & 0x7f) | 0x80);
      store<u8>(to, size >> 7, 1);
    } else {
      text = to + (size < 0x20_0000 ? 3 : 4);
      memory.copy(text, start, size);
      let left = size;
      let width = to;
      for (; left > 0x7f; left >>= 7) store<u8>(width++, (left & 0x7f) | 0x80);
      store<u8>(width, left);
    }
    to = text + size;
    // The time.
    let time: f64 = -1;
    let hash: u32 = 0;
    // ,"timestamp":
    if (load<u64>(at) == TIME && load<u32>(at, 8) == STAMP && load<u8>(at, 12) == 0x3a) {
      at += 13;
      const first = at;
      let number: u64 = 0;
      for (let digit: u32 = <u32>load<u8>(at) - 0x30; digit <= 9; digit = <u32>load<u8>(at) - 0x30) {
        number = number * 10 + digit;
        at++;
      }
      const digits = <u32>(at - first);
      if (digits == 0 || digits > MAX_DIGITS || (digits > 1 && load<u8>(first) == 0x30)) return UNUSUAL;
      const next: u32 = load<u8>(at);
      if (next != COMMA && next != CLOSE) return UNUSUAL;
      time = <f64>number;
      hash = 1;
    }
    // The rest, to the brace that closes the object.
    const rest = at;
    let depth: u32 = 0;
    for (; ; at++) {
      const byte: u32 = load<u8>(at);
      hash = hash * 31 + byte;
      if (byte == QUOTE) {
        for (at++; ; at++) {
          const inner: u32 = load<u8>(at);
          hash = hash * 31 + inner;
          if (inner == QUOTE) break;
          if (inner == BACKSLASH) at++;
          else if (inner < 0x20) return UNUSUAL;
          if (at >= end) return UNUSUAL;
        }
      } else if (byte == OPEN || byte == OPEN_LIST) depth++;
      else if (byte == CLOSE || byte == CLOSE_LIST) {
        if (depth == 0) {
          if (byte != CLOSE) return UNUSUAL;
          break;
        }
        depth--;
      } else if (at >= end) return UNUSUAL;
    }
    const number = fieldsNumber(body, rest, <u32>(at - rest), hash);
    if (number < 0) return UNUSUAL;
    const place = rows + <usize>row * ROW;
    store<f64>(place, time);
    store<u32>(place, number, 8);
    store<u32>(place, levelOf(text, size), 12);
    row++;
    const next: u32 = load<u8>(at, 1);
    at += 2;
    if (next == CLOSE_LIST) break;
    if (next != COMMA) return UNUSUAL;
  }
  if (load<u8>(at) != CLOSE || at + 1 != end) return UNUSUAL;
  textsEnd = to;
  return row;
}

/** `{"line":` and `,"timest`, `amp"`, as numbers. */
const LINE: u64 = 0x3a22656e696c227b;
const TIME: u64 = 0x7473656d6974222c;
const STAMP: u32 = 0x22706d61;

function startsLines(at: usize): bool {
  // {"lines" and :[
  return load<u64>(at) == 0x2273656e696c227b && load<u16>(at, 8) == 0x5b3a;
}

/** The number of fields that stand in the body, which is a new one for new fields; -1 when there are too many. */
function fieldsNumber(body: usize, at: usize, length: u32, hash: u32): i32 {
  let slot = (hash ^ (hash >> 15)) & (SLOTS - 1);
  for (;;) {
    const number = load<u32>(slots + ((<usize>slot) << 2));
    if (number == 0) break;
    const known = fields + <usize>(number - 1) * FIELDS;
    if (load<u32>(known, 8) == hash && load<u32>(known, 4) == length) {
      if (memory.compare(body + load<u32>(known), at, length) == 0) return number - 1;
    }
    slot = (slot + 1) & (SLOTS - 1);
  }
  if (fieldCount == MAX_FIELDS) return -1;
  const place = fields + <usize>fieldCount * FIELDS;
  store<u32>(place, <u32>(at - body));
  store<u32>(place, length, 4);
  store<u32>(place, hash, 8);
  fieldCount++;
  store<u32>(slots + ((<usize>slot) << 2), fieldCount);
  return fieldCount - 1;
}

/** The UTF-16 unit of four hexadecimal digits; -1 for others. */
function unitAt(at: usize): i32 {
  let unit: u32 = 0;
  for (let n: usize = 0; n < 4; n++) {
    const byte: u32 = load<u8>(at + n);
    const letter = (byte | 0x20) - 0x61;
    const digit = byte - 0x30 <= 9 ? byte - 0x30 : letter <= 5 ? letter + 10 : 16;
    if (digit == 16) return -1;
    unit = (unit << 4) | digit;
  }
  return unit;
}

/** Writes a character below U+10000 as UTF-8. */
function putCharacter(put: usize, unit: u32): usize {
  if (unit < 0x80) {
    store<u8>(put, unit);
    return put + 1;
  }
  if (unit < 0x800) {
    store<u8>(put, 0xc0 | (unit >> 6));
    store<u8>(put, 0x80 | (unit & 0x3f), 1);
    return put + 2;
  }
  store<u8>(put, 0xe0 | (unit >> 12));
  store<u8>(put, 0x80 | ((unit >> 6) & 0x3f), 1);
  store<u8>(put, 0x80 | (unit & 0x3f), 2);
  return put + 3;
}

/** What a letter behind a backslash stands for; 0 for one that may not stand there. */
function unescaped(letter: u32): u32 {
  switch (letter) {
    case 0x22:
    case 0x2f:
    case 0x5c:
      return letter;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return 0;
  }
}

prepareLevels();
