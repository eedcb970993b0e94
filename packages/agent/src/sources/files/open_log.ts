import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync } from "node:fs";
import { isOnOwnMount } from "../../watch/own_mounts.ts";
import { isPlanted } from "./planted_links.ts";

/** A log file that was opened, and what it is. */
export interface OpenedLog {
  readonly fd: number;
  readonly stat: BigIntStats;
}

/** Why a name was not opened. `code` is the system's (errno name). */
export type OpenRefusal =
  | { readonly kind: "missing" }
  | { readonly kind: "unreadable"; readonly code: string }
  | { readonly kind: "not_regular"; readonly type: string }
  | { readonly kind: "outside"; readonly realPath: string }
  /** A hard link to a file that whoever made the link may not read: see `isPlanted`. */
  | { readonly kind: "planted" };

/** Places outside of the roots at which there are logs: a path counts there only if nothing on the way to it is a link. */
interface ExactPlaces {
  isLog(path: string): boolean;
}

/** Real paths of the directories (or files) that may be read, and places of single logs. */
export type LogRoots = readonly (string | ExactPlaces)[];

/** libuv adds `O_CLOEXEC` to every open. */
const BASE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Opens a log for reading only and proves, on the open descriptor, that it may be read: a regular file whose real path is
 * inside one of the roots, on a mount that the agent sees, and which is no hard link that was planted. Nothing is decided on the name before opening, so there is no moment at which a swapped link
 * could count.
 *
 * - `O_NOFOLLOW`: a link as the last component is refused; links in the middle show in the real path.
 * - `O_NONBLOCK`: a FIFO without a writer does not hang the agent (open(2)).
 * - `O_NOATIME` where the kernel grants it, which is to the owner of the file and to `CAP_FOWNER` (open(2)).
 *
 * @param roots what may be read.
 */
export function openLog(path: string, roots: LogRoots): OpenedLog | OpenRefusal {
  const opened = openReadOnly(path);
  if (typeof opened !== "number") return opened;
  try {
    const stat = fstatSync(opened, { bigint: true });
    if (!stat.isFile()) {
      closeSync(opened);
      return { kind: "not_regular", type: typeName(stat) };
    }
    const realPath = realPathOf(opened, path);
    const refusal: OpenRefusal | undefined =
      !mayBeRead(realPath, path, roots) || !isOnOwnMount(opened)
        ? { kind: "outside", realPath }
        : isPlanted(realPath, stat)
          ? { kind: "planted" }
          : undefined;
    if (refusal === undefined) return { fd: opened, stat };
    closeSync(opened);
    return refusal;
  } catch (error) {
    closeSync(opened);
    return { kind: "unreadable", code: errnoName(error) };
  }
}

/** True when a real path is one of the roots or beneath one. */
export function isInside(realPath: string, roots: LogRoots): boolean {
  return roots.some(
    (root) =>
      typeof root === "string" && (realPath === root || realPath.startsWith(root.endsWith("/") ? root : `${root}/`)),
  );
}

function mayBeRead(realPath: string, path: string, roots: LogRoots): boolean {
  if (isInside(realPath, roots)) return true;
  return realPath === path && roots.some((root) => typeof root !== "string" && root.isLog(path));
}

/** The kind of a thing that is not a regular file, in words. */
export function typeName(stat: BigIntStats): string {
  if (stat.isDirectory()) return "directory";
  if (stat.isFIFO()) return "FIFO";
  if (stat.isSocket()) return "socket";
  if (stat.isCharacterDevice()) return "character device";
  if (stat.isBlockDevice()) return "block device";
  return stat.isSymbolicLink() ? "symbolic link" : "special file";
}

/** The errno name of a system error, `UNKNOWN` for anything else. */
export function errnoName(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
}

function openReadOnly(path: string): number | OpenRefusal {
  try {
    return openSync(path, BASE_FLAGS | (constants.O_NOATIME ?? 0));
  } catch (error) {
    if (errnoName(error) !== "EPERM") return refusal(error, path);
  }
  try {
    return openSync(path, BASE_FLAGS);
  } catch (error) {
    return refusal(error, path);
  }
}

function refusal(error: unknown, path: string): OpenRefusal {
  const code = errnoName(error);
  if (code === "ENOENT" || code === "ENOTDIR") return { kind: "missing" };
  if (code === "ELOOP") return { kind: "outside", realPath: path };
  // A socket, or a device without a driver, cannot be opened at all (open(2)).
  if (code === "ENXIO") return { kind: "not_regular", type: "socket or device" };
  return { kind: "unreadable", code };
}

/** The path that a descriptor refers to now, as the kernel gives it (proc(5)); elsewhere the name it was opened by. */
function realPathOf(fd: number, path: string): string {
  if (process.platform !== "linux") return path;
  return readlinkSync(`/proc/self/fd/${fd}`);
}
