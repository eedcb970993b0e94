/** The level that a text tells, as `src/receive/level.ts` finds it, for texts in which that is simple; it is asked about the others. */

/** Numbers of levels; `LEVEL_NAMES` in `src/receive/scan_lines.ts` has their names. */
const NONE: u32 = 0;
const TRACE: u32 = 1;
const DEBUG: u32 = 2;
const INFO: u32 = 3;
const WARN: u32 = 4;
const ERROR: u32 = 5;
const FATAL: u32 = 6;
/** `levelIn` is to be asked. */
const ASK: u32 = 255;

/** Where a name is one of a level: behind a key, in capitals, in small letters within brackets. */
const KEYED: u32 = 0x100;
const CAPITALS: u32 = 0x200;
const BRACKETED: u32 = 0x400;
/** Is the name of a key. */
const KEY: u32 = 0x800;

/** Bytes that are looked at. */
const LOOKED_AT: u32 = 256;

const SLOTS: u32 = 128;
/** Names in small letters, of at most eight bytes, as numbers, and what they are. */
const names = memory.data(128 * 16, 16);
/** 1 for letters, digits and the underscore. */
const word = memory.data(256);

export function prepareLevels(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    const letter = (byte | 0x20) - 0x61 < 26;
    if (letter || byte - 0x30 < 10 || byte == 0x5f) store<u8>(word + byte, 1);
  }
  const all = KEYED | CAPITALS | BRACKETED;
  add("trace", TRACE | all);
  add("trc", TRACE | KEYED);
  add("verbose", DEBUG | KEYED);
  add("debug", DEBUG | all);
  add("dbg", DEBUG | KEYED);
  add("info", INFO | all);
  add("notice", INFO | all);
  add("warn", WARN | all);
  add("warning", WARN | all);
  add("error", ERROR | all);
  add("err", ERROR | all);
  add("severe", ERROR | KEYED | CAPITALS);
  add("fatal", FATAL | all);
  add("critical", FATAL | all);
  add("crit", FATAL | all);
  add("alert", FATAL | all);
  add("emerg", FATAL | all);
  add("panic", FATAL | KEYED | CAPITALS);
  add("level", KEY);
  add("lvl", KEY);
  add("severity", KEY);
  add("loglevel", KEY);
}

function add(name: string, what: u32): void {
  let packed: u64 = 0;
  for (let n = name.length - 1; n >= 0; n--) packed = (packed << 8) | name.charCodeAt(n);
  let slot = slotOf(packed);
  while (load<u64>(names + ((<usize>slot) << 4)) != 0) slot = (slot + 1) & (SLOTS - 1);
  store<u64>(names + ((<usize>slot) << 4), packed);
  store<u32>(names + ((<usize>slot) << 4), what, 8);
}

function slotOf(packed: u64): u32 {
  return <u32>((packed * 0x9e3779b97f4a7c15) >> 57);
}

/** What the word of at most eight bytes is whose letters are given as a number, in small letters; 0 for any other. */
function whatIs(packed: u64): u32 {
  let slot = slotOf(packed);
  let known = load<u64>(names + ((<usize>slot) << 4));
  while (known != packed && known != 0) {
    slot = (slot + 1) & (SLOTS - 1);
    known = load<u64>(names + ((<usize>slot) << 4));
  }
  return known == 0 ? 0 : load<u32>(names + ((<usize>slot) << 4), 8);
}

function isSpace(byte: u32): bool {
  return byte == 0x20 || byte - 9 < 5;
}

/** @returns the number of a level, or `ASK`. There are 64 bytes behind the text that may be read. */
export function levelOf(text: usize, length: u32): u32 {
  const size = min(length, LOOKED_AT);
  const end = text + size;
  const first: u32 = load<u8>(text);
  if (size == 0) return NONE;
  // A priority of syslog.
  if (first == 0x3c) return ASK;
  // Klog's, at the beginning or behind what a container's runtime has put there.
  if (isKlog(text) && size > 4) return ASK;
  let capitals: u32 = 0;
  let bracketed: u32 = 0;
  let keySeen = false;
  let ask = false;
  let at = text;
  while (at < end) {
    const byte: u32 = load<u8>(at);
    if (load<u8>(word + byte) == 0) {
      // Colours, and characters of more than a byte.
      if (byte >= 0x80 || byte == 0x1b) return ASK;
      at++;
      continue;
    }
    const from = at;
    do at++;
    while (at < end && load<u8>(word + <u32>load<u8>(at)) != 0);
    const width = <u32>(at - from);
    if (width < 3) continue;
    const next: u32 = at < end ? load<u8>(at) : 0;
    if (width > 8) {
      // Named after an error, as in `TypeError: `.
      if (next == 0x3a && endsAsError(at)) ask = true;
      continue;
    }
    const raw = load<u64>(from) & (<u64>-1 >> ((8 - width) << 3));
    const small = raw | (0x2020202020202020 & (<u64>-1 >> ((8 - width) << 3)));
    const what = whatIs(small);
    if (next == 0x3a && endsAsError(at)) ask = true;
    if (what == 0) {
      if (width <= 7 && isKlog(from)) ask = true;
      continue;
    }
    if (what & KEY) {
      if (!keySeen) {
        const found = valueOf(at, end);
        if (found == ASK) return ASK;
        // What stands first decides.
        if (found != NONE && found != UNKNOWN) return found;
        keySeen = found == UNKNOWN;
      }
      // Perhaps a number.
      if (next == QUOTE) ask = true;
      continue;
    }
    const before: u32 = from > text ? load<u8>(from - 1) : 0;
    // Capitals have none of the bits that make small letters.
    if (what & CAPITALS) {
      if (capitals == 0 && (raw & 0x2020202020202020) == 0 && before != 0x2f && next != 0x2d) capitals = what & 0xff;
    }
    if (what & BRACKETED) {
      if (bracketed == 0 && raw == small && before == 0x5b && next == 0x5d) bracketed = what & 0xff;
    }
  }
  if (ask) return ASK;
  if (capitals != 0) return capitals;
  return bracketed;
}

const QUOTE: u32 = 0x22;
/** A value that is no name of a level. */
const UNKNOWN: u32 = 254;

/** The level that is the value behind a key; 0 where there is none. */
function valueOf(behind: usize, end: usize): u32 {
  let at = behind;
  if (at < end && load<u8>(at) == QUOTE) at++;
  for (let n = 0; n < 2 && at < end && isSpace(load<u8>(at)); n++) at++;
  if (at >= end) return NONE;
  const sign: u32 = load<u8>(at);
  if (sign != 0x3d && sign != 0x3a) return NONE;
  at++;
  for (let n = 0; n < 2 && at < end && isSpace(load<u8>(at)); n++) at++;
  if (at < end && load<u8>(at) == QUOTE) at++;
  const from = at;
  while (at < end && (<u32>load<u8>(at) | 0x20) - 0x61 < 26) at++;
  const width = <u32>(at - from);
  if (width < 3 || width > 11 || (at < end && load<u8>(word + <u32>load<u8>(at)) != 0)) return NONE;
  // Two names are longer than eight bytes; and what a colour is taken out of may go on.
  if (width > 8 || (at < end && load<u8>(at) == 0x1b)) return ASK;
  const mask = <u64>-1 >> ((8 - width) << 3);
  const what = whatIs((load<u64>(from) | 0x2020202020202020) & mask);
  return what & KEYED ? what & 0xff : UNKNOWN;
}

/** Whether what ends here ends as the name of an error does. There are more bytes before the text. */
function endsAsError(at: usize): bool {
  const last = load<u32>(at - 4);
  // rror, tion
  return last == 0x726f7272 || last == 0x6e6f6974;
}

/** Whether a letter for a severity and four digits stand here. */
function isKlog(at: usize): bool {
  const letter: u32 = load<u8>(at);
  if (letter != 0x49 && letter != 0x57 && letter != 0x45 && letter != 0x46) return false;
  for (let n: usize = 1; n < 5; n++) if (<u32>load<u8>(at + n) - 0x30 > 9) return false;
  return true;
}
