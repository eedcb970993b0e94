import { Buffer } from "node:buffer";
import { closeSync, createReadStream, type ReadStream, statSync, write } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline, type Readable, type Transform } from "node:stream";
import { promisify } from "node:util";
import { constants, crc32, createGunzip, createZstdDecompress } from "node:zlib";
import type { Checkpoint } from "../../state/state_store.ts";
import { looksRotatedFrom, namesIn } from "./copies.ts";
import { type LogRoots, openLog } from "./open_log.ts";
import type { Head } from "./tailed_file.ts";

const writeAsync = promisify(write);

/** A log whose bytes are gone from where they were: what it was called, and how far it was read. */
export interface GoneLog {
  readonly paths: Iterable<string>;
  readonly head: Head;
  readonly position: Checkpoint;
  /** The compressed form of it, where that is known. */
  readonly form?: string | undefined;
}

/** What was found of a log that is gone. */
export interface Restored {
  readonly path: string;
  /** When the form was modified last, in nanoseconds since the epoch: a compressor gives it the time of the log. */
  readonly mtimeNs: bigint;
  /** Bytes of the log up to the end of what was written, counted from its beginning. */
  readonly size: number;
  /** It holds more, for which there was no room. */
  readonly isCut: boolean;
}

/** A form that asks for a larger window is not unpacked, in powers of two: 8 MB, which zstd's own levels up to 19 keep to. */
const MAX_ZSTD_WINDOW_LOG = 23;
/** Bytes of a form that are read for its first bytes. */
const FIRST_READ = 1024 * 1024;

/** Decompressors that Node has; rotation with others (xz, bzip2) leaves what was not read before out of reach. */
const DECOMPRESSORS: Readonly<Record<string, () => Transform>> = {
  ".gz": createGunzip,
  ".zst": () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG } }),
};
/** Forms of one log that begin as it did and are looked into, the newest first: rotation makes one at a time. */
const MAX_TRIED = 3;
/** Directories whose names are remembered. */
const MAX_DIRECTORIES = 1000;

/**
 * Finds the compressed form of a log that was rotated and compressed before it was read to its end. A form is
 * recognised by its content: the log's first bytes, and the bytes right before the position that reading had come to.
 */
export class CompressedForms {
  readonly #roots: LogRoots;
  /** Compressed names of directories, valid while the directory has not changed: many files may vanish at once. */
  readonly #names = new Map<string, { readonly changed: bigint; readonly names: readonly string[] }>();

  constructor(roots: LogRoots) {
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
   * @param room asks for so many bytes more of it.
   * @returns undefined when no form holds more than was read.
   * @throws a system error of writing, or the reason of the signal.
   */
  async restore(
    log: GoneLog,
    into: number,
    room: (bytes: number) => boolean,
    signal: AbortSignal,
  ): Promise<Restored | undefined> {
    const opened = this.#pathsOf(log).flatMap((path) => {
      const log = openLog(path, this.#roots);
      return "fd" in log ? [{ path, ...log }] : [];
    });
    // A rotation renames all of them, often within one tick of the clock of change times.
    opened.sort((a, b) => Number(b.stat.ctimeNs - a.stat.ctimeNs) || Number(b.stat.mtimeNs - a.stat.mtimeNs));
    let restored: Restored | undefined;
    let tried = 0;
    for (const { path, fd, stat } of opened) {
      if (restored !== undefined || tried >= MAX_TRIED || signal.aborted) closeSync(fd);
      else {
        const copied = await copyRest(path, fd, log, into, room, signal);
        if (typeof copied === "object") restored = { path, mtimeNs: stat.mtimeNs, ...copied };
        else if (copied !== "other") tried += 1;
      }
    }
    return restored;
  }

  /**
   * The first bytes of what a form holds, as many as there are.
   * @returns undefined when it cannot be opened, or is no compressed file.
   * @throws a system error of reading.
   */
  async firstBytes(form: string, length: number): Promise<Buffer | undefined> {
    const opened = openLog(form, this.#roots);
    if (!("fd" in opened)) return undefined;
    const bytes = unpacked(form, opened.fd, FIRST_READ);
    let first = Buffer.alloc(0);
    try {
      for await (const chunk of bytes as AsyncIterable<Buffer>) {
        first = Buffer.concat([first, chunk.subarray(0, length - first.length)]);
        if (first.length === length) break;
      }
      return first;
    } catch (error) {
      if (isZlibError(error)) return undefined;
      throw error;
    } finally {
      bytes.destroy();
    }
  }

  #pathsOf(log: GoneLog): string[] {
    if (log.form !== undefined) return [log.form];
    const paths = new Set<string>();
    for (const logPath of log.paths) {
      const directory = dirname(logPath);
      for (const name of this.#compressedIn(directory)) {
        if (looksRotatedFrom(stemOf(name) ?? name, basename(logPath))) paths.add(join(directory, name));
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

/** The name that a compressed form had before; undefined for one that is not compressed, or by what is not known here. */
export function stemOf(name: string): string | undefined {
  const extension = extensionOf(name);
  return extension && name.slice(0, -extension.length);
}

function extensionOf(name: string): string | undefined {
  return Object.keys(DECOMPRESSORS).find((extension) => name.endsWith(extension));
}

/**
 * @param fd the compressed file, which is closed here.
 * @returns the offset behind what was written, and whether there is more; "other" when the file begins in another way than the log; undefined when it
 * is no form of the log nevertheless, or holds nothing new.
 */
async function copyRest(
  path: string,
  fd: number,
  log: GoneLog,
  into: number,
  room: (bytes: number) => boolean,
  signal: AbortSignal,
): Promise<Pick<Restored, "size" | "isCut"> | "other" | undefined> {
  const { offset, anchor } = log.position;
  const keepFrom = offset - anchor.length;
  let head = Buffer.alloc(0);
  let before = Buffer.alloc(0);
  let at = 0;
  let isCut = false;
  const bytes = unpacked(path, fd);
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      if (head.length < log.head.length) {
        head = Buffer.concat([head, chunk.subarray(0, log.head.length - head.length)]);
        if (head.length === log.head.length && crc32(head) !== log.head.crc) return "other";
      }
      const end = at + chunk.length;
      if (before.length < anchor.length && end > keepFrom) {
        const from = Math.max(0, keepFrom - at);
        before = Buffer.concat([before, chunk.subarray(from, from + anchor.length - before.length)]);
        if (before.length === anchor.length && !before.equals(anchor)) return undefined;
      }
      if (end > keepFrom) {
        const from = Math.max(0, keepFrom - at);
        isCut = !room(chunk.length - from);
        if (isCut) break;
        await writeAsync(into, chunk, from, chunk.length - from, at + from);
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
  return isForm && at > offset ? { size: at, isCut } : undefined;
}

/** What a compressed file holds. @param fd it is closed in the end. @param most bytes of the file that are read. */
function unpacked(path: string, fd: number, most = Number.POSITIVE_INFINITY): Readable {
  const source = createReadStream("", { fd, start: 0, end: most });
  return decompress(source, DECOMPRESSORS[extensionOf(path) ?? ".gz"] ?? createGunzip);
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
