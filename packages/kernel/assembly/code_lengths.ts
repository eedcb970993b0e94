/**
 * How a block tells its codes (RFC 1951, section 3.2.7): the lengths of all codes in one list, with runs in short, themselves in
 * a Huffman code, whose lengths stand before them as they are.
 */
import { Output } from "./bits";
import { distanceLength, literalLength } from "./code";
import { DISTANCE_SYMBOLS, FIRST_LENGTH, LITERAL_SYMBOLS } from "./format";
import { assignCodes, findLengths } from "./huffman";
import { Bytes, Halves, Words } from "./memory";

/** 0 to 15 are lengths. */
const SYMBOLS: u32 = 19;
/** The length before it again, 3 to 6 times. */
const REPEAT: u32 = 16;
/** Length 0, 3 to 10 times. */
const ZEROS: u32 = 17;
/** Length 0, 11 to 138 times. */
const MANY_ZEROS: u32 = 18;

const LONGEST: u32 = 7;

/** The order in which the lengths of these symbols stand: those that are often missing come last, and are left out. */
const order = changetype<Bytes>(memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]));

const frequency = changetype<Words>(memory.data(SYMBOLS * 4, 4));
const codeLength = changetype<Bytes>(memory.data(SYMBOLS));
const code = changetype<Halves>(memory.data(SYMBOLS * 2, 4));

/** The list, a symbol each, and how many times less the fewest (its extra bits). */
const listed = changetype<Bytes>(memory.data(LITERAL_SYMBOLS + DISTANCE_SYMBOLS));
const listedExtra = changetype<Bytes>(memory.data(LITERAL_SYMBOLS + DISTANCE_SYMBOLS));
let listedCount: u32 = 0;

/** Symbols of each code that are told; those behind them have no code. */
let literals: u32 = 0;
let distances: u32 = 0;
/** Lengths of the code of lengths that are told, in `order`; those behind them are 0. */
let toldLengths: u32 = 0;

/** Makes the list of the codes at hand. @returns the bits that it takes. */
export function prepareCodeLengths(): u64 {
  literals = LITERAL_SYMBOLS;
  while (literals > FIRST_LENGTH && literalLength[literals - 1] == 0) literals--;
  distances = DISTANCE_SYMBOLS;
  while (distances > 1 && distanceLength[distances - 1] == 0) distances--;

  frequency.clear(SYMBOLS);
  listedCount = 0;
  const count = literals + distances;
  for (let at: u32 = 0; at < count; ) {
    const length = lengthAt(at);
    let end = at + 1;
    while (end < count && lengthAt(end) == length) end++;
    listRun(length, end - at);
    at = end;
  }
  findLengths(frequency, SYMBOLS, LONGEST, codeLength);
  assignCodes(codeLength, SYMBOLS, code);
  toldLengths = SYMBOLS;
  while (toldLengths > 4 && codeLength[order[toldLengths - 1]] == 0) toldLengths--;

  let bits: u64 = 5 + 5 + 4 + 3 * toldLengths;
  for (let symbol: u32 = 0; symbol < SYMBOLS; symbol++)
    bits += frequency[symbol] * (codeLength[symbol] + extraBits(symbol));
  return bits;
}

/** Writes it: what the RFC calls HLIT, HDIST and HCLEN, the lengths of the code of lengths, and the list in that code. */
export function writeCodeLengths(): void {
  Output.put(literals - FIRST_LENGTH, 5);
  Output.put(distances - 1, 5);
  Output.put(toldLengths - 4, 4);
  for (let index: u32 = 0; index < toldLengths; index++) Output.put(codeLength[order[index]], 3);
  for (let index: u32 = 0; index < listedCount; index++) {
    const symbol = listed[index];
    Output.put(code[symbol], codeLength[symbol]);
    Output.put(listedExtra[index], extraBits(symbol));
  }
}

/** The lengths of both codes, one behind the other. */
function lengthAt(index: u32): u32 {
  return index < literals ? literalLength[index] : distanceLength[index - literals];
}

function listRun(length: u32, count: u32): void {
  let left = count;
  if (length == 0) {
    for (; left >= 11; left -= min(left, 138)) list(MANY_ZEROS, min(left, 138) - 11);
    if (left >= 3) {
      list(ZEROS, left - 3);
      left = 0;
    }
  } else {
    list(length, 0);
    left--;
    for (; left >= 3; left -= min(left, 6)) list(REPEAT, min(left, 6) - 3);
  }
  for (; left > 0; left--) list(length, 0);
}

function list(symbol: u32, extra: u32): void {
  listed[listedCount] = symbol;
  listedExtra[listedCount] = extra;
  listedCount++;
  frequency[symbol] += 1;
}

function extraBits(symbol: u32): u32 {
  return symbol == REPEAT ? 2 : symbol == ZEROS ? 3 : symbol == MANY_ZEROS ? 7 : 0;
}
