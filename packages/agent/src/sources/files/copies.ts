import { type BigIntStats, closeSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type LogRoots, openLog } from "./open_log.ts";
import { compareHead, hasAnchor, inodeKey, type TailedFile } from "./tailed_file.ts";

/** An open file that is a copy of another one. */
export interface FoundCopy {
  readonly fd: number;
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: number;
  /** When its status last changed, in nanoseconds since the epoch. */
  readonly changed: bigint;
  /** It has the other's bytes up to its position at least; otherwise it ends before, and holds nothing that was not read. */
  readonly reaches: boolean;
}

const COMPRESSED = /\.(?:gz|xz|bz2|zst|lz4|Z)$/;

/** True when a name looks like a rotated form of another name in the same directory: `app.log.1`, `app.log-20260102`. */
export function looksRotatedFrom(name: string, original: string): boolean {
  if (name.length <= original.length || COMPRESSED.test(name)) return false;
  return name.startsWith(original) || isRotationOf(name, original);
}

/**
 * The names that a name may be a rotated form of: itself, cut before each `.`, `-` and `_` from the right; or without
 * what rotation has put in front of its extension (`app-20260102.log`).
 */
export function rotatedFrom(name: string): string[] {
  if (COMPRESSED.test(name)) return [];
  const names: string[] = [];
  const inner = ROTATED_BEFORE_EXTENSION.exec(name);
  if (inner !== null) names.push(`${inner[1]}${inner[2]}`);
  for (let at = name.length - 1; at > 0; at -= 1) {
    const separator = name[at];
    if (separator === "." || separator === "-" || separator === "_") names.push(name.slice(0, at));
  }
  return names;
}

/**
 * What rotation puts behind a name: a number, or a date with what follows it (logrotate(8): `dateext`, `dateformat`). Digits are taken
 * one at a time: with several at once, a name of many that ends otherwise would be tried in as many ways as they can be grouped.
 * A log that its program has made anew before logrotate did, which happens with `create`, is moved to a date with `.backup`.
 */
const SUFFIX = String.raw`(?:\.\d{1,5}|[.-]\d{4}-?\d{2}-?\d{2}(?:[-_.T]?\d)*(?:\.backup)?)`;
const NUMBER = /^\.\d{1,5}$/;
const ROTATED_BEHIND = new RegExp(`^${SUFFIX}$`);
const ROTATED_BEFORE_EXTENSION = new RegExp(`^(.+?)${SUFFIX}(\\.[a-z]+)$`, "i");

/** True when a name is, by a number or a date, a rotated form of the other. */
export function isRotationOf(name: string, original: string): boolean {
  return rotationOf(name, original) !== undefined;
}

/** What every rotated form of a name begins with: it may have the number or the date before its extension. */
export function withoutExtension(original: string): string {
  return original.replace(/\.[a-z]+$/i, "");
}

/**
 * Compares two names by what rotation has put into them: less than 0 when the first is of an older form, 0 when that cannot be
 * told. Numbers grow with each rotation, dates are those of rotations.
 */
export function compareForms(one: string, other: string, original: string): number {
  const first = rotationOf(one, original);
  const second = rotationOf(other, original);
  if (first === undefined || second === undefined) return 0;
  if (NUMBER.test(first) !== NUMBER.test(second)) return 0;
  if (NUMBER.test(first)) return Number(second.slice(1)) - Number(first.slice(1));
  return first < second ? -1 : first > second ? 1 : 0;
}

/** The number or the date in a name that makes it a rotated form of the other, with its separator; undefined for no such form. */
function rotationOf(name: string, original: string): string | undefined {
  if (name.startsWith(original)) {
    const suffix = name.slice(original.length);
    return ROTATED_BEHIND.test(suffix) ? suffix : undefined;
  }
  const [, before = "", extension = ""] = ROTATED_BEFORE_EXTENSION.exec(name) ?? [];
  if (extension === "" || `${before}${extension}` !== original) return undefined;
  return name.slice(before.length, -extension.length);
}

/**
 * Looks beside a file that was truncated for the copy that a "copy and truncate" rotation made of it: it begins with
 * the same bytes and, where it is as long, has the same bytes before the position that reading had come to. What the agent
 * had not read yet when the file was truncated is read from there.
 *
 * @param isKnown whether an open file is followed already, or held: such a one is no new copy.
 */
export function findCopy(
  file: TailedFile,
  roots: LogRoots,
  isKnown: (fd: number, stat: BigIntStats) => boolean,
): FoundCopy | undefined {
  if (file.head.length === 0) return undefined;
  const directories = new Set([...file.names, file.path].map(dirname));
  let best: FoundCopy | undefined;
  for (const directory of directories) {
    for (const name of namesIn(directory)) {
      if (!looksRotatedFrom(name, basename(file.path))) continue;
      const path = join(directory, name);
      const opened = openLog(path, roots);
      if (!("fd" in opened)) continue;
      const { fd, stat } = opened;
      const { dev, ino, ctimeNs: changed } = stat;
      const key = inodeKey(dev, ino);
      const size = Number(stat.size);
      const reach = key === file.key || isKnown(fd, stat) ? undefined : reachOfCopy(fd, size, file);
      const found = reach && { fd, path, dev, ino, size, reaches: reach === "beyond", changed };
      if (found !== undefined && isBetter(found, best)) {
        if (best !== undefined) closeSync(best.fd);
        best = found;
      } else closeSync(fd);
    }
  }
  return best;
}

/** Whether a copy is to be preferred: it has what was not read, has more of it, or was made later. */
export function isBetter(found: FoundCopy, best: FoundCopy | undefined): boolean {
  if (best === undefined) return true;
  if (found.reaches !== best.reaches) return found.reaches;
  return found.size === best.size ? found.changed > best.changed : found.size > best.size;
}

/**
 * How far an open file of `size` bytes is a copy of `file`: beyond the position of that, short of it, or not at all.
 */
export function reachOfCopy(fd: number, size: number, file: TailedFile): "beyond" | "short" | undefined {
  try {
    // An empty file is a copy of every file, and of use for none.
    if (size === 0 || compareHead(fd, size, file.head) !== "same") return undefined;
    if (size < file.position.offset) return "short";
    return hasAnchor(fd, file.position) ? "beyond" : undefined;
  } catch {
    return undefined;
  }
}

/** Names in a directory; none when it cannot be listed. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
