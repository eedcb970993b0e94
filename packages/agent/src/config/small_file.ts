import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Bytes; no configuration, key or salt comes near it. */
const MOST_BYTES = 1 << 20;

/** There is something under a file's name that is not read: a FIFO, a device, or a file that is too large. */
export class UnfitFileError extends Error {}

/**
 * Reads a small file as text, links followed. It never waits and never reads without an end, whatever lies there: opening a FIFO
 * would wait for who writes into it, and some devices have no end.
 * @param mostBytes the largest file that is read.
 * @throws {UnfitFileError} when it is no regular file, or a larger one.
 * @throws the system's error when it cannot be read.
 */
export function readSmallFile(path: string, mostBytes = MOST_BYTES): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    // Reading a directory is an error of the system, which says what it is.
    if (!stat.isFile() && !stat.isDirectory()) throw new UnfitFileError("it is no regular file");
    const blocks: Buffer[] = [];
    let bytes = 0;
    // Not by its size, which is 0 for files of /proc, and may be another one by now.
    for (;;) {
      const block = Buffer.allocUnsafe(65_536);
      const count = readSync(fd, block, 0, block.length, null);
      if (count === 0) return Buffer.concat(blocks, bytes).toString("utf8");
      bytes += count;
      if (bytes > mostBytes) throw new UnfitFileError(`it is larger than ${mostBytes} bytes`);
      blocks.push(block.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}
