import { Buffer } from "node:buffer";
import { randomBytes, randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Secret } from "../../config/secret.ts";
import { StateError } from "../../state/private_database.ts";

const NAME = "redaction.salt";
const BYTES = 32;
/** Writing waits for the disk, data and attributes (O_SYNC of open(2)): under Node's permissions fsync(2) is not to be had. */
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_SYNC;

/**
 * The key of the hashes that take the place of redacted values: the given one, or else a random one that is kept in the state
 * directory, so that equal values have equal hashes over restarts. It is made when it is first asked for; of several processes that do so
 * at once all get the same.
 * @throws {StateError} when it cannot be kept, or what is there is no salt, with what to do.
 */
export function redactionSalt(directory: string, given?: Secret): Buffer {
  if (given !== undefined) return Buffer.from(given.reveal());
  const path = join(directory, NAME);
  try {
    return read(path) ?? make(path) ?? refuse(path);
  } catch (error) {
    if (error instanceof StateError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StateError(
      `The salt of redacted values cannot be kept in ${path}: ${reason}. Give one with REDACT_SALT, or make room and let the agent write there.`,
      { cause: error },
    );
  }
}

/**
 * The given salt, or the one that is kept, of whichever user's agent; none is made.
 * @returns undefined where there is none that can be read.
 */
export function keptSalt(directory: string, given?: Secret): Buffer | undefined {
  if (given !== undefined) return Buffer.from(given.reveal());
  try {
    return read(join(directory, NAME), statSync(directory).uid);
  } catch {
    return undefined;
  }
}

/**
 * The salt that is kept; undefined where there is none yet. A link that was planted here is not followed, nor is a FIFO waited for.
 * @param owner the user whose it must be.
 */
function read(path: string, owner = process.geteuid?.()): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (codeOf(error) === "ELOOP") return refuse(path);
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    const isOwn = stat.isFile() && stat.uid === (owner ?? stat.uid);
    if (!isOwn || stat.size !== BYTES) return refuse(path);
    const salt = Buffer.alloc(BYTES);
    if (readSync(fd, salt, 0, BYTES, 0) !== BYTES) return refuse(path);
    return salt;
  } finally {
    closeSync(fd);
  }
}

/** Makes a whole file under another name and gives it the right one only if nothing has that: no other process sees half of it. */
function make(path: string): Buffer | undefined {
  const whole = `${path}.${randomUUID()}`;
  const salt = randomBytes(BYTES);
  const fd = openSync(whole, WRITE, 0o600);
  try {
    writeSync(fd, salt, 0, BYTES, 0);
    linkSync(whole, path);
    // Once more, so that the name is on the disk as well: with the file's attributes its journal has to be written.
    writeSync(fd, salt, 0, BYTES, 0);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    closeSync(fd);
    unlinkSync(whole);
  }
  return read(path);
}

function refuse(path: string): never {
  throw new StateError(
    `${path} is not the salt of redacted values that the agent made. Remove it, and hashes of values differ from those until now; or give a salt with REDACT_SALT.`,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
