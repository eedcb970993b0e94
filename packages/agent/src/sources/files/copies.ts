import { closeSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { openLog } from "./open_log.ts";
import { hasAnchor, hasHead, inodeKey, type TailedFile } from "./tailed_file.ts";

/** An open file that holds, up to a position and beyond, the same bytes as another one. */
export interface FoundCopy {
  readonly fd: number;
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: number;
}

const COMPRESSED = /\.(?:gz|xz|bz2|zst|lz4|Z)$/;

/** True when a name looks like a rotated form of another name in the same directory: `app.log.1`, `app.log-20260102`. */
export function looksRotatedFrom(name: string, original: string): boolean {
  return name.length > original.length && name.startsWith(original) && !COMPRESSED.test(name);
}

/**
 * The names that a name may be a rotated form of: itself, cut before each `.`, `-` and `_` from the right.
 */
export function rotatedFrom(name: string): string[] {
  if (COMPRESSED.test(name)) return [];
  const names: string[] = [];
  for (let at = name.length - 1; at > 0; at -= 1) {
    const separator = name[at];
    if (separator === "." || separator === "-" || separator === "_") names.push(name.slice(0, at));
  }
  return names;
}

/**
 * Looks beside a file that was truncated for the copy that a "copy and truncate" rotation made of it: it begins with
 * the same bytes, has the same bytes before the position that reading had come to, and reaches beyond it.
 * What the agent had not read yet when the file was truncated is read from there.
 */
export function findCopy(file: TailedFile, roots: readonly string[]): FoundCopy | undefined {
  if (file.head.length === 0) return undefined;
  const directories = new Set([...file.names, file.path].map(dirname));
  let newest: (FoundCopy & { readonly changed: bigint }) | undefined;
  for (const directory of directories) {
    for (const name of namesIn(directory)) {
      if (!looksRotatedFrom(name, basename(file.path))) continue;
      const path = join(directory, name);
      const opened = openLog(path, roots);
      if (!("fd" in opened)) continue;
      const { fd, stat } = opened;
      const better = newest === undefined || stat.ctimeNs > newest.changed;
      if (better && inodeKey(stat.dev, stat.ino) !== file.key && isCopyOf(fd, Number(stat.size), file)) {
        if (newest !== undefined) closeSync(newest.fd);
        newest = { fd, path, dev: stat.dev, ino: stat.ino, size: Number(stat.size), changed: stat.ctimeNs };
      } else closeSync(fd);
    }
  }
  return newest;
}

/** True when an open file of `size` bytes holds what `file` held up to its position. */
export function isCopyOf(fd: number, size: number, file: TailedFile): boolean {
  try {
    return size >= file.position.offset && hasHead(fd, file.head) && hasAnchor(fd, file.position);
  } catch {
    return false;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
