import { closeSync, openSync, readSync } from "node:fs";

/** elf(5), `<elf.h>`: the places of the fields that are needed, in a 64-bit little-endian file. */
const MAGIC = "\x7fELF\x02\x01";
const E_PHOFF = 32;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const P_OFFSET = 8;
const P_FILESZ = 32;
const PT_INTERP = 3;
const HEADER_BYTES = 64;
const MAX_PATH = 4096;

/**
 * The dynamic loader that an executable names, which the kernel executes in its place; undefined where it names none, or the
 * file is no such executable or cannot be read.
 */
export function elfInterpreter(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch {
    return undefined;
  }
  try {
    const header = read(fd, 0, HEADER_BYTES);
    if (header.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
    const size = header.readUInt16LE(E_PHENTSIZE);
    const table = read(fd, Number(header.readBigUInt64LE(E_PHOFF)), size * header.readUInt16LE(E_PHNUM));
    for (let at = 0; at < table.length; at += size) {
      if (table.readUInt32LE(at) !== PT_INTERP) continue;
      const length = Number(table.readBigUInt64LE(at + P_FILESZ));
      if (length < 2 || length > MAX_PATH) return undefined;
      // The path ends with a NUL.
      return read(fd, Number(table.readBigUInt64LE(at + P_OFFSET)), length - 1).toString("utf8");
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function read(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (readSync(fd, bytes, 0, length, position) !== length) throw new RangeError("the file ends too early");
  return bytes;
}
