/** What stands in a source file, and what stands there without a trick. */
type Replacements = readonly (readonly [from: string | RegExp, to: string])[];

/** How a trick of the kernel is turned off. */
export interface TrickOff {
  /** By source file. */
  readonly changes: Readonly<Record<string, Replacements>>;
  /** The whole text is compressed when it is complete. */
  readonly isLate?: boolean;
}

const PUT_ONE = `const one = literal[load<u8>(at++)];
      pending |= (<u64>(one & CODE_MASK)) << size;
      size += one >> SIZE_SHIFT;`;
const WRITE = `store<u64>(to, pending);
      to += <usize>(size >> 3);
      pending >>= size & ~7;
      size &= 7;`;

/** By what is without it. */
export const TRICKS_OFF: Readonly<Record<string, TrickOff>> = {
  "the next position (GOOD = 0)": { changes: { "matcher.ts": [["const GOOD: u32 = 32", "const GOOD: u32 = 0"]] } },
  "a limit to that (GOOD = 258)": { changes: { "matcher.ts": [["const GOOD: u32 = 32", "const GOOD: u32 = 258"]] } },
  "six bytes (four are hashed)": { changes: { "matcher.ts": [["((bytes << 16)", "((bytes << 32)"]] } },
  "16,384 places (8,192)": { changes: { "matcher.ts": [["HASH_BITS: u32 = 14", "HASH_BITS: u32 = 13"]] } },
  "16,384 places (32,768)": { changes: { "matcher.ts": [["HASH_BITS: u32 = 14", "HASH_BITS: u32 = 15"]] } },
  "two notes at each edge (one)": {
    changes: {
      "matcher.ts": [
        ["note(base, at + 2);", ""],
        ["note(base, next - 2);", ""],
      ],
    },
  },
  "notes at the edges (none)": { changes: { "matcher.ts": [[/note\(base, (?:at \+|next -) [12]\);/g, ""]] } },
  "one branch for bytes and distance": {
    changes: {
      "matcher.ts": [
        [
          "return ((load<u32>(match) ^ <u32>bytes) | ((distance - 1) & ~(MAX_DISTANCE - 1))) != 0;",
          "if (distance - 1 >= MAX_DISTANCE) return true;\n  return load<u32>(match) != <u32>bytes;",
        ],
      ],
    },
  },
  "32 bytes compared at once": {
    changes: { "matcher.ts": [[/const differ = ~\([\s\S]*?let length: u32 = 32;/, "let length: u32 = 0;"]] },
  },
  "bytes before a match": {
    changes: { "matcher.ts": [[/const back = equalBytesBefore\([^;]*;/, "const back: u32 = 0;"]] },
  },
  "16 literals copied at once": {
    changes: {
      "matcher.ts": [["copyLiterals(literal, literalsFrom, before);", "memory.copy(literal, literalsFrom, before);"]],
    },
  },
  "literals counted where they stand together": {
    changes: {
      "matcher.ts": [
        [
          'import { Halves, Words } from "./memory";',
          'import { literalFrequency } from "./code";\nimport { Halves, Words } from "./memory";',
        ],
        ["  lengthCount.clear(", "  literalFrequency.clear(286);\n  lengthCount.clear("],
        [
          "    literal += before;",
          "    for (let n: u32 = 0; n < before; n++) literalFrequency[load<u8>(literalsFrom + n)] += 1;\n    literal += before;",
        ],
        [
          "    literal += rest.literals;",
          "    for (let n: u32 = 0; n < rest.literals; n++) literalFrequency[load<u8>(literalsFrom + n)] += 1;\n    literal += rest.literals;",
        ],
      ],
      "code.ts": [
        ["  literalFrequency.clear(LITERAL_SYMBOLS);\n", ""],
        ["  for (let at = literalBytes; at < end; at++) literalFrequency[load<u8>(at)] += 1;\n", ""],
      ],
    },
  },
  "matches counted as they are found": {
    changes: {
      "matcher.ts": [
        ["    lengthCount[length] += 1;\n    distanceCount[symbol] += 1;\n", ""],
        [
          "  literalCount = <u32>(literal - literalBytes);",
          "  for (let at = sequences; at < sequence; at += SEQUENCE_SIZE) {\n    const found = changetype<Sequence>(at);\n    if (found.length == 0) continue;\n    lengthCount[found.length] += 1;\n    distanceCount[found.symbol] += 1;\n  }\n  literalCount = <u32>(literal - literalBytes);",
        ],
      ],
    },
  },
  "four literals at a time": {
    changes: {
      "sequences.ts": [
        [
          "while (literals > 4) {",
          `for (; literals > 4; literals--) {\n      ${PUT_ONE}\n      ${WRITE}\n    }\n    while (literals > 4) {`,
        ],
      ],
    },
  },
  "the last four without a branch": {
    changes: {
      "sequences.ts": [
        [
          /\/\/ The rest, in the same way[\s\S]*?at \+= literals;/,
          `for (; literals > 0; literals--) {\n      ${PUT_ONE}\n    }\n    ${WRITE}`,
        ],
      ],
    },
  },
  "a code and its size as one number": {
    changes: {
      "sequences.ts": [
        [/literal\[(four[^\]]*)\]/g, "codeOf($1)"],
        [
          "/** By length: its code",
          "function codeOf(byte: u32): u32 {\n  return literalCode[byte] | (literalLength[byte] << SIZE_SHIFT);\n}\n\n/** By length: its code",
        ],
      ],
    },
  },
  "quotes escaped by one shuffle": {
    changes: {
      "escape.ts": [
        ["    const plain: u32 =", "    stops |= quotes;\n    const plain: u32 ="],
        [
          "    if (from >= end) break;",
          "    if (byte == QUOTE || byte == BACKSLASH) {\n      store<u8>(to, BACKSLASH);\n      store<u8>(to, byte, 1);\n      to += 2;\n      from++;\n      continue;\n    }\n    if (from >= end) break;",
        ],
      ],
    },
  },
  "portions of 128 KiB (32 KiB)": {
    changes: { "matcher.ts": [["PORTION: u32 = 128 * 1024", "PORTION: u32 = 32 * 1024"]] },
  },
  "portions of 128 KiB (64 KiB)": {
    changes: { "matcher.ts": [["PORTION: u32 = 128 * 1024", "PORTION: u32 = 64 * 1024"]] },
  },
  "portions of 128 KiB (256 KiB)": {
    changes: { "matcher.ts": [["PORTION: u32 = 128 * 1024", "PORTION: u32 = 256 * 1024"]] },
  },
  "compression while a body grows": { changes: {}, isLate: true },
};

/** A source without a trick. @throws {Error} that names what is not there to be replaced. */
export function replaced(source: string, replacements: Replacements): string {
  return replacements.reduce((text, [from, to]) => {
    const next = text.replace(from, to);
    if (next === text) throw new Error(`There is no ${from}`);
    return next;
  }, source);
}
