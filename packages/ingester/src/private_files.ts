import { randomBytes } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/**
 * Makes a directory that only its owner may enter. One that is there and open to others is closed to them only when it is
 * empty or holds the file `mark` of an earlier run: it could be one that the host needs, such as /tmp.
 * @throws {Error} that says what to do when it cannot be used; nothing is changed then.
 */
export function makePrivateDirectory(path: string, mark: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const stat = lstatSync(path);
    if (!stat.isDirectory()) throw new Error("it is not a directory");
    if ((stat.mode & 0o077) === 0) return;
    if (!isOwn(stat) || (readdirSync(path).length > 0 && !holdsOwn(join(path, mark))))
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

function isOwn(stat: Stats): boolean {
  return process.getuid === undefined || stat.uid === process.getuid();
}

/** True for a file that this user made: anybody can put one into a directory such as /tmp. */
function holdsOwn(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && isOwn(stat);
}

/** Writes a file that only its owner may read, whole or not at all. */
export function writePrivate(path: string, content: string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, content, { mode: 0o600, flush: true });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}

/** The content of a file; undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
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
