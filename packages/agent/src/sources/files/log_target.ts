import { type BigIntStats, lstatSync, realpathSync } from "node:fs";
import { errnoName, isInside, type LogRoots, type OpenRefusal, typeName } from "./open_log.ts";

/** The regular file that a name leads to. */
export interface LogTarget {
  readonly realPath: string;
  readonly stat: BigIntStats;
}

/**
 * The regular file behind a name, which may be a link, or why there is none to follow. It tells what is worth opening and
 * no more: what may be read is decided on the open descriptor (`openLog`).
 *
 * @param roots real paths of the directories (or files) that may be read.
 * @returns undefined for a directory: what is in it is found under its own name.
 */
export function targetOf(path: string, roots: LogRoots): LogTarget | OpenRefusal | undefined {
  try {
    const stat = lstatSync(path, { bigint: true });
    if (!stat.isSymbolicLink()) return regular(path, stat);
    const realPath = realpathSync(path);
    if (!isInside(realPath, roots)) return { kind: "outside", realPath };
    return regular(realPath, lstatSync(realPath, { bigint: true }));
  } catch (error) {
    const code = errnoName(error);
    return code === "ENOENT" || code === "ENOTDIR" ? { kind: "missing" } : { kind: "unreadable", code };
  }
}

function regular(realPath: string, stat: BigIntStats): LogTarget | OpenRefusal | undefined {
  if (stat.isFile()) return { realPath, stat };
  return stat.isDirectory() ? undefined : { kind: "not_regular", type: typeName(stat) };
}
