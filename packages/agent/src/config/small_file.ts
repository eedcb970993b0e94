import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { devNull } from "node:os";

/** Bytes; no configuration, key or salt comes near it. */
const MOST_BYTES = 1 << 20;

/** There is something under a file's name that is not read: a FIFO, a device, or a file that is too large. */
export class UnfitFileError extends Error {}

/** A pipe could be read in a bounded time, but the agent reads its files again: once it has given away its power, and at SIGHUP. */
const PIPE = "it is a pipe, which can be read only once; give a file instead";

/**
 * Reads a small file as text, links followed; `/dev/null` is an empty one. It never waits and never reads without an end, whatever lies there: opening a FIFO
 * would wait for who writes into it, and some devices have no end.
 * @param mostBytes the largest file that is read.
 * @throws {UnfitFileError} when it is neither a regular file nor `/dev/null`, or a larger one.
 * @throws the system's error when it cannot be read.
 */
export function readSmallFile(path: string, mostBytes = MOST_BYTES): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (stat.isFIFO()) throw new UnfitFileError(PIPE);
    // Reading a directory is an error of the system, which says what it is.
    if (!stat.isFile() && !stat.isDirectory() && !isNull(stat)) throw new UnfitFileError("it is no regular file");
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

/** Whether it is the device that holds nothing, under whatever name. */
function isNull(stat: Stats): boolean {
  const known = statSync(devNull, { throwIfNoEntry: false });
  return stat.isCharacterDevice() && known?.isCharacterDevice() === true && stat.rdev === known.rdev;
}
