import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import type { StoredSegment } from "../state/spool_records.ts";
import { decodeHeader, MAX_HEADER_BYTES, type SegmentHeader } from "./segment_header.ts";

/** Every name of the spool. Segments are `spool-ID.zst`; one that is being written ends in `.tmp`. */
export const SPOOL_NAME = /^spool-/;
export const TEMPORARY_NAME = /^spool-[\w-]+\.tmp$/;
const SEGMENT_NAME = /^spool-([1-9]\d{0,14})\.zst$/;
export const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export function nameOf({ id }: Pick<StoredSegment, "id">): string {
  return `spool-${id}.zst`;
}

/** The id in the name of a segment; undefined for another name. */
export function idIn(name: string): number | undefined {
  const id = SEGMENT_NAME.exec(name)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** What has the name of a segment and is not noted. */
type Found =
  | { readonly kind: "whole"; readonly size: number; readonly header: SegmentHeader | undefined }
  /** No agent can have put it there. */
  | { readonly kind: "planted"; readonly reason: string }
  | { readonly kind: "unreadable"; readonly reason: string };

export function lookAt(path: string): Found {
  let fd = -1;
  try {
    fd = openSync(path, READ);
    const stat = fstatSync(fd);
    const problem = stat.size === 0 && stat.isFile() ? "it is empty" : problemOf(stat, stat.size);
    if (problem !== undefined) return { kind: "planted", reason: problem };
    const beginning = Buffer.alloc(Math.min(stat.size, MAX_HEADER_BYTES));
    const length = readSync(fd, beginning, 0, beginning.length, 0);
    return { kind: "whole", size: stat.size, header: decodeHeader(beginning.subarray(0, length)) };
  } catch (error) {
    const code = codeOf(error);
    return { kind: code === "ELOOP" || code === "ENXIO" ? "planted" : "unreadable", reason: reasonOf(code) };
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/** Why a file can be none of the agent's segments, of so many bytes; undefined when it can. */
export function problemOf(stat: Stats, size: number): string | undefined {
  if (!stat.isFile()) return "it is not a regular file";
  if (stat.uid !== process.geteuid?.()) return `it belongs to user ${stat.uid}`;
  if (stat.nlink !== 1) return "it has another name";
  if ((stat.mode & 0o022) !== 0) return "others may write to it";
  return stat.size === size ? undefined : `it has ${stat.size} bytes instead of ${size}`;
}

/** Runs something that may fail; returns why it did. */
export function tryTo(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return reasonOf(codeOf(error));
  }
}

export function reasonOf(code: string): string {
  if (code === "ENOENT") return "it is missing";
  return code === "ELOOP" ? "it is a symbolic link" : code;
}

/** The system's name of an error (errno name), or what it says. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // SQLite's own words.
  if (error.message.includes("disk is full")) return "ENOSPC";
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
