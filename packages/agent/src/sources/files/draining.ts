import { fstatSync } from "node:fs";
import type { TailedFile } from "./tailed_file.ts";

/** A quiet file is closed after this time; while it is open it is polled, not waited for. */
const COLD_AFTER_MS = 2000;
/** What a rotated or deleted file holds behind its last newline is shipped when it has been quiet for this time. */
const ROTATION_GRACE_MS = 1000;
/** A deleted file is closed when it has been quiet for this time: its writer may not have noticed yet. */
export const DELETED_LINGER_MS = 10_000;

/** What is due for an open file. */
type Due =
  /** It waits to be read, which may take long: its truncation must be noticed meanwhile. */
  | "notice"
  | "read"
  /** It is quiet: closed, when a last look shows that it was read to its end. */
  | "close"
  /** It is open only because its last lines may go on: an event will wake it when they do, and otherwise they are read in time. */
  | "wait"
  /** It is open only because its last line has not ended: an event will wake it. */
  | "nothing";

export function isQuiet(file: TailedFile, now: number): boolean {
  return now - file.activeAt > COLD_AFTER_MS;
}

/** What is due for an open file: a rotated or deleted one is drained before it is closed. */
export function due(file: TailedFile, now: number): Due {
  if (file.queued || file.unpacked !== undefined) return "notice";
  if (file.presence === "deleted") return now - file.activeAt > DELETED_LINGER_MS ? "close" : "read";
  if (!isQuiet(file, now)) return "read";
  if (file.pending === 0) return "close";
  if (file.held && !isOver(file, now)) return "wait";
  return file.held || file.presence === "rotated" ? "read" : "nothing";
}

/** Whether the lines that may go on have waited for that long enough. */
export function isOver(file: TailedFile, now: number): boolean {
  return file.held && now >= file.heldUntil;
}

/** Whether nobody adds to an open file any more: what follows its last newline is a line. @throws a system error. */
export function isComplete(file: TailedFile, now: number): boolean {
  if (file.presence === "present") return false;
  if (file.unpacked !== undefined) return file.unpacked === "end";
  file.sees(Number(fstatSync(file.fd, { bigint: true }).size), now);
  return now - file.grownAt > ROTATION_GRACE_MS;
}

/**
 * The last look at an open file before it is closed.
 * @returns whether it was read to its end, but for a line that may end yet.
 * @throws a system error.
 */
export function isDrained(file: TailedFile): boolean {
  const stat = fstatSync(file.fd, { bigint: true });
  const size = Number(stat.size);
  if (size !== file.position.offset + file.pending) return false;
  // Nobody ends the line of a deleted file: it is read as it is.
  if (file.presence === "deleted" && file.pending > 0) return false;
  file.size = size;
  file.mtimeNs = stat.mtimeNs;
  return true;
}
