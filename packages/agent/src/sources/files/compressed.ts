import { Buffer } from "node:buffer";
import { closeSync, createReadStream, type ReadStream, statSync, write } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline, type Readable, type Transform } from "node:stream";
import { promisify } from "node:util";
import { crc32, createGunzip, createZstdDecompress } from "node:zlib";
import type { Checkpoint } from "../../state/state_store.ts";
import { looksRotatedFrom, namesIn } from "./copies.ts";
import { openLog } from "./open_log.ts";
import type { Head } from "./tailed_file.ts";

const writeAsync = promisify(write);

/** A log whose bytes are gone from where they were: what it was called, and how far it was read. */
export interface GoneLog {
  readonly paths: Iterable<string>;
  readonly head: Head;
  readonly position: Checkpoint;
}

/** What was found of a log that is gone. */
export interface Restored {
  readonly path: string;
  /** When the form was modified last, in nanoseconds since the epoch: a compressor gives it the time of the log. */
  readonly mtimeNs: bigint;
  /** Bytes of the log up to the end of what was written, counted from its beginning. */
  readonly size: number;
}

/** Decompressors that Node has; rotation with others (xz, bzip2) leaves what was not read before out of reach. */
const DECOMPRESSORS: Readonly<Record<string, () => Transform>> = {
  ".gz": createGunzip,
  ".zst": createZstdDecompress,
};
/** Forms of one log that are looked into, the newest first: rotation makes one at a time. */
const MAX_TRIED = 3;
/** Directories whose names are remembered. */
const MAX_DIRECTORIES = 1000;

/**
 * Finds the compressed form of a log that was rotated and compressed before it was read to its end. A form is
 * recognised by its content: the log's first bytes, and the bytes right before the position that reading had come to.
 */
export class CompressedForms {
  readonly #roots: readonly string[];
  /** Compressed names of directories, valid while the directory has not changed: many files may vanish at once. */
  readonly #names = new Map<string, { readonly changed: bigint; readonly names: readonly string[] }>();

  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  /** Whether there are names that look like compressed, rotated forms of the log. */
  mayExist(log: GoneLog): boolean {
    return log.head.length > 0 && this.#pathsOf(log).length > 0;
  }

  /**
   * Writes what a form of the log holds behind its position to an open file, at the same offsets; what lies before is left
   * as a hole.
   * @param into descriptor of an empty file, open for writing.
   * @returns undefined when no form holds more than was read.
   * @throws a system error of writing, or the reason of the signal.
   */
  async restore(log: GoneLog, into: number, maxBytes: number, signal: AbortSignal): Promise<Restored | undefined> {
    const opened = this.#pathsOf(log).flatMap((path) => {
      const log = openLog(path, this.#roots);
      return "fd" in log ? [{ path, ...log }] : [];
    });
    opened.sort((a, b) => (a.stat.ctimeNs > b.stat.ctimeNs ? -1 : 1));
    let restored: Restored | undefined;
    for (const [n, { path, fd, stat }] of opened.entries()) {
      if (restored !== undefined || n >= MAX_TRIED || signal.aborted) closeSync(fd);
      else {
        const size = await copyRest(path, fd, log, into, maxBytes, signal);
        if (size !== undefined) restored = { path, size, mtimeNs: stat.mtimeNs };
      }
    }
    return restored;
  }

  #pathsOf(log: GoneLog): string[] {
    const paths = new Set<string>();
    for (const logPath of log.paths) {
      const directory = dirname(logPath);
      for (const name of this.#compressedIn(directory)) {
        const stem = name.slice(0, -(extensionOf(name)?.length ?? 0));
        if (looksRotatedFrom(stem, basename(logPath))) paths.add(join(directory, name));
      }
    }
    return [...paths];
  }

  #compressedIn(directory: string): readonly string[] {
    const changed = changedAt(directory);
    const known = this.#names.get(directory);
    if (known?.changed === changed) return known.names;
    const names = namesIn(directory).filter((name) => extensionOf(name) !== undefined);
    if (this.#names.size >= MAX_DIRECTORIES) this.#names.clear();
    this.#names.set(directory, { changed, names });
    return names;
  }
}

function extensionOf(name: string): string | undefined {
  return Object.keys(DECOMPRESSORS).find((extension) => name.endsWith(extension));
}

/**
 * @param fd the compressed file, which is closed here.
 * @returns the offset behind what was written; undefined when the file is no form of the log, or holds nothing new.
 */
async function copyRest(
  path: string,
  fd: number,
  log: GoneLog,
  into: number,
  maxBytes: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { offset, anchor } = log.position;
  const keepFrom = offset - anchor.length;
  let head = Buffer.alloc(0);
  let before = Buffer.alloc(0);
  let at = 0;
  const bytes = decompress(createReadStream("", { fd }), DECOMPRESSORS[extensionOf(path) ?? ".gz"] ?? createGunzip);
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      if (head.length < log.head.length) {
        head = Buffer.concat([head, chunk.subarray(0, log.head.length - head.length)]);
        if (head.length === log.head.length && crc32(head) !== log.head.crc) return undefined;
      }
      const end = at + chunk.length;
      if (before.length < anchor.length && end > keepFrom) {
        const from = Math.max(0, keepFrom - at);
        before = Buffer.concat([before, chunk.subarray(from, from + anchor.length - before.length)]);
        if (before.length === anchor.length && !before.equals(anchor)) return undefined;
      }
      if (end > keepFrom) {
        const from = Math.max(0, keepFrom - at);
        await writeAsync(into, chunk, from, chunk.length - from, at + from);
        if (end - keepFrom > maxBytes) return end;
      }
      at = end;
    }
  } catch (error) {
    // Broken, or still being written: not what is looked for. What was written on the way is written over or cut off.
    if (isZlibError(error)) return undefined;
    throw error;
  } finally {
    bytes.destroy();
  }
  const isForm = head.length === log.head.length && before.length === anchor.length;
  return isForm && at > offset ? at : undefined;
}

function decompress(source: ReadStream, create: () => Transform): Readable {
  const decompressor = create();
  // The error reaches whoever reads; the callback only keeps it from being thrown.
  pipeline(source, decompressor, () => undefined);
  return decompressor;
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(Z_|ZSTD_|ERR_ZSTD)/.test(String(error.code));
}

/** When a directory's entries last changed; 0 where that cannot be told. */
function changedAt(directory: string): bigint {
  try {
    return statSync(directory, { bigint: true }).mtimeNs;
  } catch {
    return 0n;
  }
}
