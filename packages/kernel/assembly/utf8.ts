/**
 * What stands at an address, which begins with a byte of 0x80 or more: a well-formed UTF-8 sequence (Unicode, table 3-7), or
 * something that is not and becomes one U+FFFD. How much one U+FFFD stands for is as the WHATWG's decoder has it, and so
 * `Buffer.toString` and `TextDecoder`: the longest beginning of a well-formed sequence, or else one byte.
 * @returns bytes of the sequence, 2 to 4; or bytes that are ill-formed, -1 to -3.
 */
export function sequenceAt(at: usize): i32 {
  const lead: u32 = load<u8>(at);
  if (lead < 0xc2 || lead > 0xf4) return -1;
  // After these four the second byte is narrowed: against longer forms than needed, surrogates, and beyond U+10FFFF.
  const low: u32 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const high: u32 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  const second: u32 = load<u8>(at, 1);
  if (second < low || second > high) return -1;
  if (lead < 0xe0) return 2;
  if (!isContinuation(load<u8>(at, 2))) return -2;
  if (lead < 0xf0) return 3;
  return isContinuation(load<u8>(at, 3)) ? 4 : -3;
}

function isContinuation(byte: u32): bool {
  return (byte & 0xc0) == 0x80;
}
