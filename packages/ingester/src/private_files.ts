import { randomBytes } from "node:crypto";
import {
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { unprivilegedUser } from "@logdna-agent/confinement";

/** Files that the server keeps its secrets in, beneath the data directory. */
export const SECRET_FILES = { key: "ingestion-key", token: "read-token" } as const;

/** Files of the private authority and of what it issued, beneath the data directory. */
export const TLS_FILES = { ca: "ca.pem", caKey: "ca-key.pem", cert: "server.pem", key: "server-key.pem" } as const;

/** The directory of the embedded engine, beneath the data directory. */
export const STORE_DIRECTORY = "store";

/**
 * Makes a directory that only its owner may enter. One that is there and open to others is closed to them only when it is
 * empty or holds the file `mark` of an earlier run: it could be one that the host needs, such as /tmp.
 * @param owners the users whose directory it may be.
 * @throws {Error} that says what to do when it cannot be used; nothing is changed then.
 */
export function makePrivateDirectory(path: string, mark: string, owners = ownUser()): void {
  const isOwn = (stat: Stats): boolean => owners.length === 0 || owners.includes(stat.uid);
  try {
    makeDirectory(path);
    const stat = lstatSync(path);
    if (!stat.isDirectory()) throw new Error("it is not a directory");
    if (!isOwn(stat)) throw new Error(`it belongs to user ${stat.uid}, who could have put anything there`);
    if ((stat.mode & 0o077) === 0) return;
    if (readdirSync(path).length > 0 && !holds(join(path, mark), isOwn))
      throw new Error(
        `others can enter it, and what it holds is not this server's. If it is for this server alone, run chmod 700 ${path}`,
      );
    chmodSync(path, 0o700);
  } catch (error) {
    throw new Error(
      `Cannot use the data directory ${path}: ${error instanceof Error ? error.message : error}. Give another with --data-dir.`,
    );
  }
}

/** This user, and as root the one that a confined server is; nobody where the system has no such users. */
function ownUser(): readonly number[] {
  const uid = process.getuid?.();
  if (uid === undefined) return [];
  return uid === 0 ? [uid, unprivilegedUser("logdna-ingester").uid] : [uid];
}

function makeDirectory(path: string): void {
  // The directories on the way are to be passed through, by the user that the server becomes.
  const umask = process.umask(0o022);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } finally {
    process.umask(umask);
  }
}

/** True for a file that one of its owners made: anybody can put one into a directory such as /tmp. */
function holds(path: string, isOwn: (stat: Stats) => boolean): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && isOwn(stat);
}

/** Writes a file that only its owner may read, whole or not at all. */
export function writePrivate(path: string, content: string): void {
  const temporary = `${path}.new`;
  // Made anew, with its mode: what an earlier run left may have another, and changing modes is refused to the confined server.
  rmSync(temporary, { force: true });
  writeFileSync(temporary, content, { mode: 0o600, flush: true, flag: "wx" });
  renameSync(temporary, path);
}

/** The content of a file; undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  return read(path, constants.O_RDONLY);
}

/** The same, of a file that must not be a symbolic link. */
export function readWithoutLink(path: string): string | undefined {
  return read(path, constants.O_RDONLY | constants.O_NOFOLLOW);
}

function read(path: string, flag: number): string | undefined {
  try {
    return readFileSync(path, { encoding: "utf8", flag });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A secret that is kept in a file, made when there is none. */
export function keptSecret(path: string): string {
  const kept = readIfThere(path)?.trim();
  if (kept !== undefined && kept !== "") return kept;
  const secret = randomBytes(24).toString("base64url");
  writePrivate(path, `${secret}\n`);
  return secret;
}
