/** Where compressed bytes are written, bit by bit, the lowest bit of a byte first (RFC 1951, section 3.1.1). */

/** Bytes that a writer may store beyond what it has written: bits go out eight bytes at a time. */
export const BIT_SLACK: u32 = 8;

/** The one stream that is being written. Between two calls fewer than 8 bits are pending. */
export abstract class Output {
  /** Where the next whole byte goes. */
  static at: usize = 0;
  /** Where the last one must end, `BIT_SLACK` bytes before the end of what may be written to. */
  static limit: usize = 0;
  /** Bits that are not written yet, the first the lowest. */
  static pending: u64 = 0;
  /** How many. */
  static count: u64 = 0;

  static begin(at: usize, limit: usize): void {
    Output.at = at;
    Output.limit = limit;
    Output.pending = 0;
    Output.count = 0;
  }

  /** Whether so many bits more can be written. */
  static hasRoom(bits: u64): bool {
    return <u64>Output.at + ((Output.count + bits + 7) >> 3) <= <u64>Output.limit;
  }

  /** Writes up to 32 bits. */
  static put(value: u32, bits: u32): void {
    Output.pending |= (<u64>value) << Output.count;
    Output.count += bits;
    store<u64>(Output.at, Output.pending);
    Output.at += <usize>(Output.count >> 3);
    Output.pending >>= Output.count & ~7;
    Output.count &= 7;
  }

  /** Fills up a byte that has begun. */
  static align(): void {
    if (Output.count > 0) Output.put(0, 8 - <u32>Output.count);
  }

  /** Writes bytes as they are, at the beginning of a byte. */
  static copy(from: usize, length: u32): void {
    memory.copy(Output.at, from, length);
    Output.at += length;
  }
}
