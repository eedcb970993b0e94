import { close, constants, type Dir, type Dirent, fstat, open, opendir, readlinkSync } from "node:fs";
import { promisify } from "node:util";
import { isOnOwnMount } from "./own_mounts.ts";

const openAsync = promisify(open);
const closeAsync = promisify(close);
const fstatAsync = promisify(fstat);

/** libuv adds `O_CLOEXEC` to every open. */
const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Entries in one slice: about a millisecond of the main thread. */
const SLICE = 512;

/** A directory, opened, that was proven to be the one at its path. */
export interface OpenDirectory {
  readonly fd: number;
  /** A path that means the opened directory whatever happens to its name: `/proc/self/fd/N`. */
  readonly handle: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/** Why a directory was not opened. `code` is the system's errno name. */
export interface DirectoryRefusal {
  /** `gone`: no directory is at this path at this moment (a link counts as none). */
  readonly kind: "gone" | "unreadable" | "failed";
  readonly code: string;
  readonly message: string;
}

/**
 * Opens a directory without following links anywhere in its path: `O_NOFOLLOW` covers the last part, and the real path of
 * the descriptor, and the mount that it is on, for the parts before. Watching and listing then go through the descriptor, so a directory that
 * is swapped for a link meanwhile cannot lead elsewhere. Everything that may wait for a server runs in the thread pool.
 */
export async function openDirectory(path: string): Promise<OpenDirectory | DirectoryRefusal> {
  let fd: number;
  try {
    fd = await openAsync(path, FLAGS);
  } catch (error) {
    return refusal(error);
  }
  try {
    const handle = handleOf(fd, path);
    if (handle === undefined) {
      await closeAsync(fd);
      return { kind: "gone", code: "ENOENT", message: `${path} is not the real path of what was opened` };
    }
    const { dev, ino } = await fstatAsync(fd, { bigint: true });
    return { fd, handle, device: dev, inode: ino };
  } catch (error) {
    await closeAsync(fd);
    return refusal(error);
  }
}

export async function closeDirectory(directory: OpenDirectory): Promise<void> {
  await closeAsync(directory.fd);
}

/** The path through which the descriptor is used; undefined when it is not what the path means. */
function handleOf(fd: number, path: string): string | undefined {
  // Only Linux names the descriptors of directories; elsewhere O_NOFOLLOW on the last part is what there is.
  if (process.platform !== "linux") return path;
  const handle = `/proc/self/fd/${fd}`;
  return readlinkSync(handle) === path && isOnOwnMount(fd) ? handle : undefined;
}

/**
 * Lists an opened directory in slices: `each` gets the raw name (latin1) and whether it is a directory. Between slices the
 * event loop turns. `each` returns false to stop.
 */
export async function listDirectory(
  directory: OpenDirectory,
  each: (rawName: string, isDirectory: boolean) => boolean,
): Promise<void> {
  const dir = await openListing(directory.handle);
  try {
    for (;;) {
      // The first read of a slice fills the buffer in the thread pool, the others only take from it.
      let entry: Dirent<string> | null = await dir.read();
      for (let i = 1; entry !== null; i++) {
        if (!each(entry.name, entry.isDirectory())) return;
        if (i === SLICE) break;
        entry = dir.readSync();
      }
      if (entry === null) return;
    }
  } finally {
    await dir.close();
  }
}

function openListing(path: string): Promise<Dir> {
  return new Promise((resolve, reject) => {
    // latin1 carries every byte of a name unchanged.
    opendir(path, { encoding: "latin1", bufferSize: SLICE }, (error, dir) =>
      error === null ? resolve(dir) : reject(error),
    );
  });
}

function refusal(error: unknown): DirectoryRefusal {
  const code = errorCode(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return { kind: "gone", code, message };
  if (code === "EACCES" || code === "EPERM") return { kind: "unreadable", code, message };
  return { kind: "failed", code, message };
}

/** The errno name of an error; "UNKNOWN" when it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
}
