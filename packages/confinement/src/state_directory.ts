import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Stats,
} from "node:fs";
import { dirname } from "node:path";
import { ConfinementError } from "./confinement_error.ts";
import type { Policy } from "./policy.ts";

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Makes the state directory, if it is missing, private to the policy's user, and hands it over with the files that are in it.
 * Everything goes through descriptors, and links are not followed: whoever had the directory before decides nothing.
 * @throws {ConfinementError} when it is not a directory of the program's own, with what to do.
 */
export function handOverStateDirectory({
  stateDirectory,
  stateFlag,
  uid,
  gid,
}: Pick<Policy, "stateDirectory" | "stateFlag" | "uid" | "gid">): void {
  const refuse = (why: string): never => {
    throw new ConfinementError(
      `The state directory ${stateDirectory} cannot be handed over to user ${uid}: ${why}. Give a directory of its own with ${stateFlag}.`,
    );
  };
  // The directories on the way are for the user to pass through.
  const umask = process.umask(0o022);
  try {
    mkdirSync(dirname(stateDirectory), { recursive: true, mode: 0o755 });
    mkdirSync(stateDirectory, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") refuse(`making it failed with ${codeOf(error)}`);
  } finally {
    process.umask(umask);
  }
  const running = process.geteuid?.() ?? 0;
  const mayOwn = (stat: Stats): boolean => stat.uid === running || stat.uid === uid;
  try {
    const directory = openSync(stateDirectory, DIRECTORY);
    try {
      if (!mayOwn(fstatSync(directory))) refuse(`it belongs to user ${fstatSync(directory).uid}`);
      // Through the descriptor, so that it is this directory's files whatever happens to its name.
      const here = `/proc/self/fd/${directory}`;
      for (const name of readdirSync(here)) handOverFile(`${here}/${name}`, name);
      give(directory, fstatSync(directory), 0o700);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    if (error instanceof ConfinementError) throw error;
    const code = codeOf(error);
    refuse(code === "ENOTDIR" ? "it is not a directory" : `looking into it failed with ${code}`);
  }

  function handOverFile(path: string, name: string): void {
    const file = openFile(path, name);
    try {
      const stat = fstatSync(file);
      // A second name would hand over a file of somewhere else.
      if (!stat.isFile() || stat.nlink !== 1 || !mayOwn(stat)) refuse(`${name} in it is not a file of its alone`);
      give(file, stat, 0o600);
    } finally {
      closeSync(file);
    }
  }

  function openFile(path: string, name: string): number {
    try {
      return openSync(path, FILE);
    } catch (error) {
      if (codeOf(error) !== "ELOOP") throw error;
      return refuse(`${name} is a symbolic link, which is not followed: remove it and start again`);
    }
  }

  function give(fd: number, stat: Stats, mode: number): void {
    if (stat.uid !== uid || stat.gid !== gid) fchownSync(fd, uid, gid);
    if ((stat.mode & 0o7777) !== mode) fchmodSync(fd, mode);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
