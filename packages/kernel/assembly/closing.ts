/**
 * What stands behind each line of a run, from its closing quote to the opening quote of the next one: up to three parts, which
 * are the same for all lines. Between them stands where the line begins in its file, for bodies whose lines tell that.
 */
import { Words } from "./memory";

const MAX_PARTS: u32 = 3;
/** The largest power of ten that decimal digits are written below at once. */
const EIGHT_DIGITS: u64 = 100_000_000;

/** Bytes of each part. The parts stand behind one another. */
const partLength = changetype<Words>(memory.data(MAX_PARTS * 4, 4));

export abstract class Closing {
  /** Where the first part is, readable in blocks of 16. */
  static parts: usize = 0;
  static count: u32 = 0;
  /** Bytes of all parts together. */
  static fixed: u32 = 0;
  /** Where the address of each line's second part goes; 0 where nobody asks for it. */
  static places: usize = 0;
  /** Digits of the line's beginning, and ten to the power of that. Lines come in order: this only grows within a run. */
  static digits: u32 = 1;
  static power: u64 = 10;

  /** Begins a run. */
  static begin(parts: usize, first: u32, second: u32, third: u32, places: usize): void {
    Closing.parts = parts;
    partLength[0] = first;
    partLength[1] = second;
    partLength[2] = third;
    Closing.count = third > 0 ? 3 : second > 0 ? 2 : 1;
    Closing.fixed = first + second + third;
    Closing.places = places;
    Closing.digits = 1;
    Closing.power = 10;
  }

  /** Bytes behind a line that begins there. */
  @inline
  static size(start: u64): u32 {
    if (Closing.count == 1) return Closing.fixed;
    while (start >= Closing.power) {
      Closing.power *= 10;
      Closing.digits++;
    }
    return Closing.fixed + (Closing.count - 1) * Closing.digits;
  }

  /** Writes them; `size` was asked for the same line before. */
  @inline
  static write(to: usize, start: u64): usize {
    let part = Closing.parts;
    to = copyPart(to, part, partLength[0]);
    for (let index: u32 = 1; index < Closing.count; index++) {
      part += partLength[index - 1];
      writeNumber(to, start, Closing.digits);
      to += Closing.digits;
      if (index == 1 && Closing.places != 0) {
        store<u32>(Closing.places, <u32>to);
        Closing.places += 4;
      }
      to = copyPart(to, part, partLength[index]);
    }
    return to;
  }
}

/**
 * Writes the same bytes at many places: the id of a body, which is not known before its end.
 * @param places addresses, as `Closing.places` got them.
 * @param within how many bytes behind each.
 */
export function putAtPlaces(places: usize, count: u32, within: u32, text: usize, length: u32): void {
  for (let index: u32 = 0; index < count; index++)
    memory.copy(load<u32>(places + ((<usize>index) << 2)) + within, text, length);
}

/** Up to 15 bytes too many; what comes next is written over them. */
function copyPart(to: usize, part: usize, length: u32): usize {
  for (let at: u32 = 0; at < length; at += 16) v128.store(to + at, v128.load(part + at));
  return to + length;
}

/** Writes a number below 10¹⁶ in decimal. */
function writeNumber(to: usize, value: u64, digits: u32): void {
  if (digits <= 8) return writeDigits(to, <u32>value, digits);
  writeDigits(to, <u32>(value / EIGHT_DIGITS), digits - 8);
  writeDigits(to + (digits - 8), <u32>(value % EIGHT_DIGITS), 8);
}

function writeDigits(to: usize, value: u32, digits: u32): void {
  for (let at = to + digits; at > to; value /= 10) store<u8>(--at, 0x30 + (value % 10));
}
