import { randomUUID } from "node:crypto";
import { readdirSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { SpoolRecords } from "../state/spool_records.ts";
import { idIn, lookAt, nameOf, SPOOL_NAME, TEMPORARY_NAME, tryTo } from "./segment_file.ts";
import type { SegmentHeader } from "./segment_header.ts";

/** A whole segment that the state does not know. */
export interface Orphan {
  /** The number in its name, which is free in the state. */
  readonly id: number;
  readonly header: SegmentHeader;
  /** Bytes on disk. */
  readonly size: number;
}

/** Something in the directory that has the name of a segment and is none. */
export interface Stray {
  readonly path: string;
  readonly reason: string;
}

/**
 * Looks for what is in the spool and not noted. Temporary files are removed, and so are segments that were done with, and what
 * no agent can have put there; what says nothing of itself is set aside. Links are never followed.
 * @returns the segments that say what they hold, and what else was found.
 * @throws a system error when the directory cannot be listed, or an error of SQLite.
 */
export function findOrphans(directory: string, records: SpoolRecords): { orphans: Orphan[]; strays: Stray[] } {
  const orphans: Orphan[] = [];
  const strays: Stray[] = [];
  const noted = new Set(records.segments().map(nameOf));
  for (const name of readdirSync(directory)) {
    if (!SPOOL_NAME.test(name) || noted.has(name)) continue;
    const path = join(directory, name);
    const found = TEMPORARY_NAME.test(name) ? undefined : lookAt(path);
    const id = idIn(name);
    if (found === undefined) {
      const failed = tryTo(() => unlinkSync(path));
      if (failed !== undefined) strays.push({ path, reason: failed });
    } else if (found.kind === "unreadable") strays.push({ path, reason: found.reason });
    else if (found.kind === "planted") {
      const failed = tryTo(() => unlinkSync(path));
      strays.push({
        path,
        reason: `${found.reason}${failed === undefined ? "" : `, and cannot be removed (${failed})`}`,
      });
    } else if (found.header === undefined || id === undefined)
      strays.push(putAside(directory, name, "it does not say what it is of"));
    else if (!isDone(records, id, found.header)) orphans.push({ id, header: found.header, size: found.size });
    else tryTo(() => unlinkSync(path));
  }
  return { orphans, strays };
}

/** Keeps a segment that cannot be noted under a name that is none of a segment's. */
export function setAside(directory: string, { id }: Orphan, reason: string): Stray {
  return putAside(directory, nameOf({ id }), reason);
}

function putAside(directory: string, name: string, reason: string): Stray {
  const path = join(directory, name);
  const aside = join(directory, `aside-${randomUUID()}-${name}`);
  const failed = tryTo(() => renameSync(path, aside));
  return { path, reason: failed === undefined ? `${reason}; it is kept as ${aside}` : `${reason} (${failed})` };
}

/** Whether this very state has known a segment and let it go: a power loss can bring such a one back. */
function isDone(records: SpoolRecords, id: number, { state }: SegmentHeader): boolean {
  return state === records.identity() && id <= records.lastId();
}
