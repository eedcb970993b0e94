import { type BigIntStats, statSync } from "node:fs";
import { dirname } from "node:path";
import { inodeKey } from "./tailed_file.ts";

const READ_BY_OTHERS = 0o004n;
const READ_BY_GROUP = 0o040n;
const WRITE_BY_OTHERS = 0o002n;
const WRITE_BY_GROUP = 0o020n;
const ROOT = 0n;
/** Names that are remembered; more than that of them are an attack on memory. */
const MAX_REMEMBERED = 10_000;

/** Planted links by name, with the inode that each was found with. */
const found = new Map<string, string>();

/**
 * Whether a file may be a hard link that was planted: it has another name, not everybody may read it, and someone may write
 * to the directory of this name who may not read the file. `fs.protected_hardlinks` (proc_sys_fs(5)) keeps users from making such
 * links, where it is switched on. A link whose other name goes later stays refused while this name has the file.
 */
export function isPlanted(path: string, stat: BigIntStats): boolean {
  const inode = inodeKey(stat.dev, stat.ino);
  if (
    stat.nlink > 1n &&
    (stat.mode & READ_BY_OTHERS) === 0n &&
    othersMayLink(statSync(dirname(path), { bigint: true }), stat)
  ) {
    if (found.size < MAX_REMEMBERED) found.set(path, inode);
    return true;
  }
  if (found.get(path) === inode) return stat.nlink === 1n;
  found.delete(path);
  return false;
}

/** Whether someone other than root and those who may read a file may make names in a directory. */
function othersMayLink(directory: BigIntStats, file: BigIntStats): boolean {
  if (directory.uid !== ROOT && directory.uid !== file.uid) return true;
  if ((directory.mode & WRITE_BY_OTHERS) !== 0n) return true;
  if ((directory.mode & WRITE_BY_GROUP) === 0n || directory.gid === ROOT) return false;
  return directory.gid !== file.gid || (file.mode & READ_BY_GROUP) === 0n;
}
