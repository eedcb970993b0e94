import { lstatSync, readdirSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";

/** A user without supplementary groups, as the confined process is. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

export interface LookOptions {
  /** Whether a file matters; by default all do. Directories always do. */
  readonly isWatched?: (path: string) => boolean;
  /** Whether to look into directories; by default yes. */
  readonly deep?: boolean;
  /** Paths to find before the search ends; by default all. */
  readonly limit?: number;
}

/** Files and directories that are looked at before a tree counts as too large to know. */
const MAX_LOOKED_AT = 100_000;
/** Mode bits of the class that a user belongs to: inode(7). */
const READ = 0o4;
const SEARCH = 0o1;

/**
 * The files and directories among the given ones, in them and on the way to them, that a user cannot read by mode bits alone.
 * Access control lists are not asked: they can only give more. Links are not followed, what cannot be looked at is passed over.
 * A tree that is too large to look through is itself in the result, since something in it may be unreadable.
 */
export function unreadableFor(paths: readonly string[], user: User, options: LookOptions = {}): string[] {
  const { isWatched = () => true, deep = true, limit = Number.POSITIVE_INFINITY } = options;
  const found = new Set<string>();
  let looked = 0;
  for (const path of paths) {
    for (const parent of parentsOf(path)) {
      const stat = look(parent);
      if (stat !== undefined && !allows(stat, user, SEARCH)) found.add(parent);
    }
    const waiting = [path];
    for (let next = waiting.pop(); next !== undefined && found.size < limit; next = waiting.pop()) {
      const stat = look(next);
      if (++looked > MAX_LOOKED_AT) {
        found.add(path);
        break;
      }
      if (stat?.isDirectory()) {
        if (!allows(stat, user, READ | SEARCH)) found.add(next);
        if (deep) waiting.push(...entriesOf(next));
      } else if (stat?.isFile() && !allows(stat, user, READ) && (next === path || isWatched(next))) {
        found.add(next);
      }
    }
  }
  return [...found].slice(0, limit);
}

/** Whether some file or directory is one that the user cannot read by mode bits alone. */
export function needsCapability(
  paths: readonly string[],
  uid: number,
  gid: number,
  isWatched: (path: string) => boolean = () => true,
): boolean {
  return unreadableFor(paths, { uid, gid }, { isWatched, limit: 1 }).length > 0;
}

/** The directories from `/` to the one that a path is in that a user cannot search: what is behind them is out of reach. */
export function unsearchableFor(path: string, user: User): string[] {
  return parentsOf(path).filter((parent) => {
    const stat = look(parent);
    return stat !== undefined && !allows(stat, user, SEARCH);
  });
}

/**
 * One class alone counts: an owner whose bits are fewer than those of others has fewer rights. Root's number gives no right
 * by itself: what reads everything is its capability, which is what this is asked for.
 */
function allows(stat: Stats, { uid, gid }: User, bits: number): boolean {
  const shift = stat.uid === uid ? 6 : stat.gid === gid ? 3 : 0;
  return ((stat.mode >> shift) & bits) === bits;
}

function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) parents.unshift(dirname(at));
  return parents;
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}
