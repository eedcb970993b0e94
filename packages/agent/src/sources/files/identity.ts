import { type BigIntStats, closeSync } from "node:fs";
import type { KnownFile } from "../../state/state_store.ts";
import { type LogRoots, openLog } from "./open_log.ts";
import { bornApart, hasAnchor, hasHead, type TailedFile } from "./tailed_file.ts";

/** What a file is recognised by when its inode number, or a copy of it, is met. */
export type Identity = Pick<TailedFile, "born" | "head" | "position">;

export function identityOf({ born, headLength, headCrc, checkpoint }: KnownFile): Identity {
  return { born, head: { length: headLength, crc: headCrc }, position: checkpoint };
}

/**
 * Whether a name that has the inode number of a known file, which is not open, belongs to another file: one that was born
 * at another time or has a name that nobody writes to, and that does not begin as the known one did.
 * @param isItsOwn the file may have been truncated and written anew: it is called as logs are, or was born when it was.
 * @param roots real paths of the directories (or files) that may be read.
 */
export function isAnother(
  path: string,
  stat: BigIntStats,
  isItsOwn: boolean,
  known: Identity,
  roots: LogRoots,
): boolean {
  const isApart = bornApart(stat.birthtimeNs, known.born);
  if (!isApart && isItsOwn) return false;
  if (isApart && known.position.offset === 0) return true;
  if (Number(stat.size) < known.position.offset) return true;
  const opened = openLog(path, roots);
  if (!("fd" in opened)) return false;
  try {
    return !hasHead(opened.fd, known.head) || !hasAnchor(opened.fd, known.position);
  } catch {
    return false;
  } finally {
    closeSync(opened.fd);
  }
}

/** Whether an open file of `size` bytes has what was read of another one, and may hold the rest. */
export function goesOnIn(fd: number, size: number, { head, position }: Identity): boolean {
  // An empty file has a copy in every other one.
  if (head.length === 0 || size < position.offset) return false;
  try {
    return hasHead(fd, head) && hasAnchor(fd, position);
  } catch {
    return false;
  }
}
