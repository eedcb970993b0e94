/**
 * Whether a line is in a share of all lines. The answer is the same whenever it is asked: what is sent again after a crash
 * is what was sent before.
 * @param file the file's id in the state.
 * @param offset where in the file the line begins, in bytes.
 * @param share above 0 and at most 1.
 */
export function isSampled(file: number, offset: number, share: number): boolean {
  return (
    mixed(mixed(file ^ 0x9e3779b9) ^ mixed(offset % 0x1_0000_0000) ^ Math.floor(offset / 0x1_0000_0000)) <
    share * 0x1_0000_0000
  );
}

/** 32 bits of which each depends on all of those given (the finalizer of MurmurHash3, A. Appleby). */
function mixed(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
