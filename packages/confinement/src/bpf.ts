/**
 * Classic BPF as seccomp(2) runs it: `struct sock_filter` of `<linux/filter.h>` over `struct seccomp_data` of
 * `<linux/seccomp.h>`. Every rule is complete in itself, so no jump is longer than its rule.
 */
export interface Instruction {
  readonly code: number;
  /** Instructions to skip where a comparison holds, and where it does not. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Operation codes, `<linux/bpf_common.h>`: class, size and mode or source put together. */
export const LOAD_WORD = 0x20;
export const AND = 0x54;
export const JUMP_EQUAL = 0x15;
export const JUMP_GREATER_OR_EQUAL = 0x35;
export const JUMP_ANY_BIT = 0x45;
export const RETURN = 0x06;

/** What a filter answers, `<linux/seccomp.h>`; an errno goes into the lower half. */
export const RET_KILL_PROCESS = 0x8000_0000;
export const RET_ERRNO = 0x0005_0000;
export const RET_ALLOW = 0x7fff_0000;

/** Places in `struct seccomp_data`; an argument's lower half comes first, both architectures being little-endian. */
export const AT_NUMBER = 0;
export const AT_ARCHITECTURE = 4;
export const atArgument = (index: number): number => 16 + 8 * index;

export const load = (at: number): Instruction => ({ code: LOAD_WORD, jt: 0, jf: 0, k: at });
export const answer = (value: number): Instruction => ({ code: RETURN, jt: 0, jf: 0, k: value });
export const and = (mask: number): Instruction => ({ code: AND, jt: 0, jf: 0, k: mask });

/** Skips `jt` instructions where the accumulator equals `k`, else `jf`. */
export const ifEqual = (k: number, jt: number, jf: number): Instruction => ({ code: JUMP_EQUAL, jt, jf, k });
/** The same where it is, without sign, not below `k`. */
export const ifAtLeast = (k: number, jt: number, jf: number): Instruction => ({
  code: JUMP_GREATER_OR_EQUAL,
  jt,
  jf,
  k,
});
/** The same where it has a bit of `k`. */
export const ifAnyBit = (k: number, jt: number, jf: number): Instruction => ({ code: JUMP_ANY_BIT, jt, jf, k });

/** Bytes of a `struct sock_filter`. */
const INSTRUCTION_BYTES = 8;

/** The program as the kernel reads it. */
export function encodeProgram(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES);
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    const at = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(jt, at + 2);
    bytes.writeUInt8(jf, at + 3);
    bytes.writeUInt32LE(k >>> 0, at + 4);
  }
  return bytes;
}
