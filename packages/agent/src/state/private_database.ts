import { chmodSync, closeSync, constants, fstatSync, lstatSync, openSync, readdirSync } from "node:fs";
import { isStateFile } from "./state_names.ts";

/** The state cannot be used: what was attempted, on what, and what to do about it. */
export class StateError extends Error {
  override readonly name = "StateError";
  /** What is wrong may pass by itself, or when somebody frees space: another attempt later can succeed. */
  readonly passes: boolean;

  constructor(
    message: string,
    { cause, passes = false }: { readonly cause?: unknown; readonly passes?: boolean } = {},
  ) {
    super(message, { cause });
    this.passes = passes;
  }
}

/**
 * Takes other users' rights off the database, and off its directory where that holds nothing else; refuses what someone
 * else could have planted. A directory that others use is left as it is.
 */
export function makePrivate(directory: string, path: string, made: boolean): void {
  const stat = lstatSync(directory);
  if (!stat.isDirectory())
    throw new StateError(`The state directory ${directory} is not a directory. Give another with --db-path.`);
  const uid = process.geteuid?.() ?? stat.uid;
  if (stat.uid !== uid)
    throw new StateError(
      `The state directory ${directory} belongs to user ${stat.uid}, not to user ${uid} that the agent runs as: what it holds cannot be trusted. Change its owner or give another with --db-path.`,
    );
  if ((stat.mode & 0o077) !== 0) {
    if (made || readdirSync(directory).every((name) => isStateFile(name))) chmodSync(directory, 0o700);
    else if ((stat.mode & 0o022) !== 0)
      throw new StateError(
        `The state directory ${directory} holds other files and others may write to it, so what it holds cannot be trusted. Give a directory of its own with --db-path.`,
      );
  }
  for (const name of [path, `${path}-wal`, `${path}-journal`]) {
    // O_NOFOLLOW: a link that was planted here before the first start must not lead the writes elsewhere.
    const flags = constants.O_RDWR | constants.O_NOFOLLOW | (name === path ? constants.O_CREAT : 0);
    let fd: number;
    try {
      fd = openSync(name, flags, 0o600);
    } catch (error) {
      if (name !== path && codeOf(error) === "ENOENT") continue;
      throw error;
    }
    try {
      const file = fstatSync(fd);
      if (!file.isFile() || file.nlink !== 1 || file.uid !== uid)
        throw new StateError(
          `${name} is not a regular file with one name that belongs to user ${uid}: remove it and start again.`,
        );
      if ((file.mode & 0o077) !== 0) chmodSync(name, 0o600);
    } finally {
      closeSync(fd);
    }
  }
}

/** Why the database could not be opened, and what to do about it. */
export function openingError(path: string, error: unknown): StateError {
  return new StateError(explainOpening(path, error), { cause: error, passes: isFull(error) });
}

/** Whether there is no room left for a write, of the system or of SQLite. */
export function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT" || (error instanceof Error && error.message.includes("disk is full"));
}

function explainOpening(path: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  if (message.includes("database is locked"))
    return `Another agent is using the state in ${path}. Stop it first, or give this one another directory with --db-path.`;
  if (code === "ELOOP") return `${path} is a symbolic link, which is not followed: remove it and start again.`;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return `Cannot write the state in ${path}: ${message}. Give a directory that the agent may write with --db-path.`;
  if (isFull(error))
    return `Cannot write the state in ${path}: the disk is full. Free some space, or give a directory elsewhere with --db-path.`;
  if (message.includes("not a database") || message.includes("malformed"))
    return `The state in ${path} is damaged (${message}). Move it away and start again: files are then treated as unknown (see --lookback). Leave the files spool-* where they are: what they hold of deleted files is sent.`;
  return `Cannot open the state in ${path}: ${message}.`;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
