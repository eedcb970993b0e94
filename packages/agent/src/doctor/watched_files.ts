import { lstatSync, readdirSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import type { PathRules } from "../rules/path_rules.ts";

/** Who may do what with a file or directory: inode(7). */
export interface Access {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  /** The permission bits. */
  readonly mode: number;
}

/** A file that would be followed. */
export interface WatchedFile extends Access {
  readonly size: number;
  /** The directories from `/` to the one that it is in. */
  readonly parents: readonly Access[];
}

/** Who reads. The capability `CAP_DAC_READ_SEARCH` is not a matter of this. */
export interface Reader {
  readonly uid: number;
  readonly gids: readonly number[];
}

export interface WatchedFiles {
  readonly files: readonly WatchedFile[];
  /** Directories that could not be looked into; what is in them is unknown. */
  readonly closed: readonly string[];
  /** Whether there were more files than are looked at. */
  readonly more: boolean;
}

/** Files and directories that are looked at. */
const MAX_LOOKED_AT = 200_000;

const READ = 0o4;
const SEARCH = 0o1;

/** The regular files in some directories that rules have shipped. Links are not followed: what they lead to is in another place. */
export function watchedFiles(roots: readonly string[], rules: Pick<PathRules, "includes" | "prunes">): WatchedFiles {
  const accesses = new Map<string, Access | undefined>();
  const accessOf = (path: string): Access | undefined => {
    if (!accesses.has(path)) accesses.set(path, access(path, look(path)));
    return accesses.get(path);
  };
  const parentsOf = (path: string): Access[] => {
    const parents: Access[] = [];
    for (let at = path; at !== dirname(at); at = dirname(at)) {
      const parent = accessOf(dirname(at));
      if (parent !== undefined) parents.unshift(parent);
    }
    return parents;
  };
  const files: WatchedFile[] = [];
  const closed: string[] = [];
  const waiting = [...roots];
  let looked = 0;
  for (let path = waiting.pop(); path !== undefined && looked < MAX_LOOKED_AT; path = waiting.pop(), looked++) {
    const stat = look(path);
    const found = access(path, stat);
    if (stat === undefined || found === undefined) continue;
    if (stat.isDirectory()) {
      if (rules.prunes(path)) continue;
      const names = entriesOf(path);
      if (names === undefined) closed.push(path);
      for (const name of names ?? []) waiting.push(join(path, name));
    } else if (stat.isFile() && rules.includes(path)) {
      files.push({ ...found, size: stat.size, parents: parentsOf(path) });
    }
  }
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), closed, more: looked === MAX_LOOKED_AT };
}

/** What keeps a reader from a file, by mode bits: the file, or a directory on the way to it; undefined when nothing does. */
export function barrier(file: WatchedFile, reader: Reader): Access | undefined {
  return (
    file.parents.find((parent) => !allows(parent, reader, SEARCH)) ?? (allows(file, reader, READ) ? undefined : file)
  );
}

/** The groups, one for each barrier, that a reader would have to be in to read a file; undefined when no group is enough. */
export function groupsFor(file: WatchedFile, reader: Reader): number[] | undefined {
  const groups: number[] = [];
  for (const [at, bits] of [...file.parents.map((parent) => [parent, SEARCH] as const), [file, READ] as const]) {
    if (allows(at, { uid: reader.uid, gids: [...reader.gids, ...groups] }, bits)) continue;
    // An owner has the owner's bits alone, whatever groups it is in.
    if (at.uid === reader.uid || ((at.mode >> 3) & bits) !== bits) return undefined;
    groups.push(at.gid);
  }
  return groups;
}

/** One class alone counts: an owner whose bits are fewer than those of others has fewer rights. */
function allows({ uid, gid, mode }: Access, reader: Reader, bits: number): boolean {
  const shift = uid === reader.uid ? 6 : reader.gids.includes(gid) ? 3 : 0;
  return ((mode >> shift) & bits) === bits;
}

function access(path: string, stat: Stats | undefined): Access | undefined {
  return stat && { path, uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 };
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function entriesOf(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch {
    return undefined;
  }
}
