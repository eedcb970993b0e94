import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { ReadAt } from "../sources/files/chunk_reader.ts";
import { errnoName, typeName } from "../sources/files/open_log.ts";

/** Something whose lines are previewed. */
export interface LogSource {
  readonly fd: number;
  /** Reads at a place; of a stream not further back than it was made for. */
  readonly readAt: ReadAt;
  /** Whether there is nothing behind a place. Waits until that is known. */
  endsBefore(place: number): boolean;
  close(): void;
}

const WAIT_MS = 20;
/** Bytes of one read of a stream. */
const STREAM_BYTES = 64 * 1024;

/**
 * Opens a file for reading only, and changes nothing of it, where that is possible not even its time of access (`O_NOATIME`, open(2)).
 * @throws {Error} with a reason for people.
 */
export function openedFile(path: string): LogSource {
  const fd = open(path);
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isFile()) {
    closeSync(fd);
    throw new Error(`it is a ${typeName(stat)}, not a regular file`);
  }
  // What is written meanwhile is left out: else a log that grows fast would have no end.
  const size = Number(stat.size);
  return {
    fd,
    endsBefore: () => true,
    readAt: (_file, buffer, length, position) =>
      position >= size ? 0 : readSync(fd, buffer, 0, Math.min(length, size - position), position),
    close: () => closeSync(fd),
  };
}

/** Without waiting for whoever may write into a FIFO (`O_NONBLOCK`). */
function open(path: string): number {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  try {
    return openSync(path, flags | (constants.O_NOATIME ?? 0));
  } catch (error) {
    if (errnoName(error) !== "EPERM") throw reasonOf(error);
  }
  try {
    return openSync(path, flags);
  } catch (error) {
    throw reasonOf(error);
  }
}

function reasonOf(error: unknown): Error {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "this user may not read it",
    ENXIO: "it is a socket or a device, not a regular file",
    EMFILE: "too many files are open",
  };
  const code = errnoName(error);
  return new Error(reasons[code] ?? `it cannot be opened (${code})`, { cause: error });
}

/**
 * Reads what can be read once only, such as a pipe, as if it were a file.
 * @param behind bytes that are kept of what was read, so that they can be read again.
 */
export function streamed(fd: number, behind: number): LogSource {
  let kept = Buffer.allocUnsafeSlow(2 * behind + STREAM_BYTES);
  /** Bytes in it, and where the first of them stands in the stream. */
  let size = 0;
  let start = 0;
  let ended = false;
  const fill = (): void => {
    if (kept.length - size < STREAM_BYTES) {
      const larger = Buffer.allocUnsafeSlow(2 * kept.length);
      kept.copy(larger, 0, 0, size);
      kept = larger;
    }
    const read = readWaiting(fd, kept.subarray(size, size + STREAM_BYTES));
    if (read === 0) ended = true;
    size += read;
  };
  return {
    fd,
    endsBefore: (place) => {
      while (!ended && start + size <= place) fill();
      return ended && start + size <= place;
    },
    readAt: (_file, buffer, length, position) => {
      const surplus = Math.min(position - behind - start, size);
      if (surplus >= behind) {
        kept.copyWithin(0, surplus, size);
        start += surplus;
        size -= surplus;
      }
      if (position < start) throw new Error(`what stands at ${position} is not kept any more`);
      while (!ended && start + size - position < length) fill();
      return kept.copy(buffer, 0, Math.min(size, position - start), Math.min(size, position - start + length));
    },
    close: () => undefined,
  };
}

/** Reads from a descriptor that may not wait by itself (EAGAIN), as a terminal or a socket. */
function readWaiting(fd: number, buffer: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, buffer, 0, buffer.length, null);
    } catch (error) {
      const code = errnoName(error);
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
    }
  }
}
