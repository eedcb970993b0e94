/** Huffman codes whose codes are no longer than a limit, numbered as RFC 1951, section 3.2.2 has it. */

import { LITERAL_SYMBOLS } from "./format";
import { Bytes, Halves, Words } from "./memory";

/** The longest code that the format allows. */
const MAX_CODE: u32 = 15;
/** The deepest tree that the frequencies of a portion can make, and more. */
const MAX_DEPTH: u32 = 64;
const MAX_NODES: u32 = 2 * LITERAL_SYMBOLS;

/** Symbols that occur, the rarest first. */
const sorted = changetype<Halves>(memory.data(LITERAL_SYMBOLS * 2, 4));
/** By node: leaves in the order of `sorted`, then inner nodes in the order in which they are made, the root last. */
const weight = changetype<Words>(memory.data(MAX_NODES * 4, 4));
const parent = changetype<Halves>(memory.data(MAX_NODES * 2, 4));
const depth = changetype<Bytes>(memory.data(MAX_NODES));
/** Codes by their length. */
const ofLength = changetype<Words>(memory.data((MAX_DEPTH + 1) * 4, 4));
const nextCode = changetype<Words>(memory.data((MAX_CODE + 1) * 4, 4));

/**
 * Finds how long each symbol's code is to be; 0 for one that does not occur. At least two symbols get a code, since a code of
 * one symbol alone is incomplete, and not every decoder takes that.
 * @param limit the longest length, at most 15.
 */
export function findLengths(frequencies: Words, symbols: u32, limit: u32, lengths: Bytes): void {
  for (let symbol: u32 = 0; symbol < symbols; symbol++) lengths[symbol] = 0;
  const leaves = sortByFrequency(frequencies, symbols);
  if (leaves < 2) {
    const only: u32 = leaves == 0 ? 0 : sorted[0];
    lengths[only] = 1;
    lengths[only == 0 ? 1 : 0] = 1;
    return;
  }
  for (let leaf: u32 = 0; leaf < leaves; leaf++) weight[leaf] = frequencies[sorted[leaf]];
  const root = buildTree(leaves);
  countLengths(root, leaves, limit);
  shorten(limit);
  // The rarest get the longest codes.
  let leaf: u32 = 0;
  for (let length = limit; length > 0; length--)
    for (let left = ofLength[length]; left > 0; left--) lengths[sorted[leaf++]] = length;
}

/** Gives codes to symbols by their lengths. They are mirrored, since a code's highest bit is written first. */
export function assignCodes(lengths: Bytes, symbols: u32, codes: Halves): void {
  ofLength.clear(MAX_CODE + 1);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) ofLength[lengths[symbol]] += 1;
  ofLength[0] = 0;
  let code: u32 = 0;
  for (let length: u32 = 1; length <= MAX_CODE; length++) {
    code = (code + ofLength[length - 1]) << 1;
    nextCode[length] = code;
  }
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const length = lengths[symbol];
    if (length == 0) continue;
    codes[symbol] = mirrored(nextCode[length], length);
    nextCode[length] += 1;
  }
}

/** Fills `sorted`, by Shell's method. @returns how many symbols occur. */
function sortByFrequency(frequencies: Words, symbols: u32): u32 {
  let count: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) if (frequencies[symbol] != 0) sorted[count++] = symbol;
  for (let gap = nextGap(count); gap > 0; gap = nextGap(gap)) {
    for (let index = gap; index < count; index++) {
      const symbol = sorted[index];
      const frequency = frequencies[symbol];
      let at = index;
      for (; at >= gap && frequencies[sorted[at - gap]] > frequency; at -= gap) sorted[at] = sorted[at - gap];
      sorted[at] = symbol;
    }
  }
  return count;
}

/** Gaps that are good for Shell's method (Ciura, 2001). */
function nextGap(below: u32): u32 {
  return below > 132 ? 132 : below > 57 ? 57 : below > 23 ? 23 : below > 10 ? 10 : below > 4 ? 4 : below > 1 ? 1 : 0;
}

/**
 * Builds Huffman's tree by joining the two lightest nodes again and again. Leaves are sorted and inner nodes come out
 * sorted, so the lightest is always at the head of one of these two queues.
 * @returns the root.
 */
function buildTree(leaves: u32): u32 {
  let leaf: u32 = 0;
  let inner = leaves;
  const root = leaves * 2 - 2;
  for (let node = leaves; node <= root; node++) {
    weight[node] = 0;
    for (let child: u32 = 0; child < 2; child++) {
      const isLeaf = leaf < leaves && (inner == node || weight[leaf] <= weight[inner]);
      const lightest = isLeaf ? leaf++ : inner++;
      weight[node] += weight[lightest];
      parent[lightest] = node;
    }
  }
  return root;
}

/** Counts leaves by their depth; those that are too deep as if they were as deep as the limit. */
function countLengths(root: u32, leaves: u32, limit: u32): void {
  ofLength.clear(MAX_DEPTH + 1);
  depth[root] = 0;
  for (let node = root; node-- > 0; ) {
    const deep = depth[parent[node]] + 1;
    depth[node] = deep;
    if (node < leaves) ofLength[deep < limit ? deep : limit] += 1;
  }
}

/**
 * Makes the lengths those of a code again after some were cut to the limit. A code of length n takes the 2⁻ⁿ-th part of what
 * there is to give. While more is taken than there is, a leaf above the limit becomes a node with two leaves: itself, and
 * one from the limit. Each such step gives back what one code of the longest length takes.
 */
function shorten(limit: u32): void {
  let taken: u32 = 0;
  for (let length: u32 = 1; length <= limit; length++) taken += ofLength[length] << (limit - length);
  for (; taken > (<u32>1) << limit; taken--) {
    let length = limit - 1;
    while (ofLength[length] == 0) length--;
    ofLength[length] -= 1;
    ofLength[length + 1] += 2;
    ofLength[limit] -= 1;
  }
}

function mirrored(code: u32, length: u32): u32 {
  let result: u32 = 0;
  for (; length > 0; length--) {
    result = (result << 1) | (code & 1);
    code >>= 1;
  }
  return result;
}
