import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  type Stats,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { ConfinementError } from "./confinement_error.ts";
import { areGiven, handOverEntries, Refusal } from "./hand_over_entries.ts";
import type { Policy } from "./policy.ts";

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Made by the file system itself at the top of a disk: mke2fs(8). */
const OF_THE_DISK = "lost+found";

/**
 * Makes the state directory, if it is missing, private to the policy's user, and hands it over with what is in it: with all of
 * it, which must be files alone; or with the files that the policy names; or with the entries that it names and all that is
 * beneath them. Anything else in it then stays what it is.
 *
 * - It must belong to the user that this process runs as, or to the policy's. With named files or entries it must hold one of
 *   them or be empty: a directory that root keeps for something else, such as its home, is not taken for the program's.
 * - Directories in it that may hold links are made where they are missing, since no right can be given beneath them otherwise.
 * - Where all of it is the user's already, nothing is touched. Otherwise it is closed to everyone else before it is looked into, and everything is looked at before anything in it is given. What
 *   is not as it should be then is refused, and nothing in it was changed.
 * - What the entries must be: see `handOverEntries`.
 *
 * Everything goes through descriptors, and links are not followed: whoever had the directory before decides nothing.
 * @throws {ConfinementError} when it is not a directory of the program's own, with what to do.
 */
export function handOverStateDirectory({
  stateDirectory,
  stateFlag,
  stateEntries,
  stateFiles,
  stateMarks = [],
  linkable = [],
  uid,
  gid,
}: Pick<
  Policy,
  "stateDirectory" | "stateFlag" | "stateEntries" | "stateFiles" | "stateMarks" | "linkable" | "uid" | "gid"
>): void {
  const refuse = (why: string): never => {
    throw new ConfinementError(
      `The state directory ${stateDirectory} cannot be handed over to user ${uid}: ${why}. Give a directory of its own with ${stateFlag}.`,
    );
  };
  makeDirectory(stateDirectory, refuse);
  const running = process.geteuid?.() ?? 0;
  const owners = [running, uid];
  // As after a change of the program's user: then somebody who knows has to say whose it is.
  const remedy = (): string => ` (if it is this program's, run chown -Rh ${running} ${stateDirectory} first)`;
  try {
    const directory = openSync(stateDirectory, DIRECTORY);
    try {
      if (readlinkSync(`/proc/self/fd/${directory}`) !== stateDirectory)
        refuse("a directory on the way to it has become a link");
      const before = fstatSync(directory);
      if (!owners.includes(before.uid)) refuse(`it belongs to user ${before.uid}${remedy()}`);
      // Through the descriptor, so that it is this directory's files whatever happens to its name.
      const here = `/proc/self/fd/${directory}`;
      const names = readdirSync(here);
      const own = stateEntries ?? stateFiles;
      const handed = own === undefined ? names : names.filter((name) => own.some((one) => isNamed(name, one)));
      const isMarked = handed.length > 0 || names.some((name) => stateMarks.includes(name));
      const other = names.find((name) => name !== OF_THE_DISK);
      if (running !== uid && !isMarked && other !== undefined) refuse(`it holds ${other} and nothing of this program`);
      const deep = stateEntries !== undefined;
      const how = { uid, gid, owners, deep };
      const links = linkable.map((path) => relative(stateDirectory, path));
      const isGiven = before.uid === uid && before.gid === gid && (before.mode & 0o7777) === 0o700;
      // Another process may be working in it, which must not be kept out for the time of a second look.
      if (deep && isGiven && links.every((name) => names.includes(name)) && areGiven(here, handed, how)) return;
      if (deep) close(directory, before, running);
      try {
        for (const name of links) handed.push(...made(here, name));
        handOverEntries(here, handed, how);
      } catch (error) {
        if (deep) fchownSync(directory, before.uid, before.gid);
        throw error;
      }
      const now = fstatSync(directory);
      if (now.uid !== uid || now.gid !== gid) fchownSync(directory, uid, gid);
      if ((now.mode & 0o7777) !== 0o700) fchmodSync(directory, 0o700);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    if (error instanceof ConfinementError) throw error;
    if (error instanceof Refusal) refuse(`${error.message}${error.isOfOthers ? remedy() : ""}`);
    const code = codeOf(error);
    refuse(code === "ENOTDIR" ? "it is not a directory" : `looking into it failed with ${code}`);
  }
}

/** A star at the end of a pattern stands for anything. */
function isNamed(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** Keeps everyone else out, the user that it is given to included: nobody is to change what is looked at. */
function close(directory: number, { uid, mode }: Stats, running: number): void {
  if (uid !== running) fchownSync(directory, running, -1);
  if ((mode & 0o7777) !== 0o700) fchmodSync(directory, 0o700);
}

/** Makes a directory in another. @returns its name, if it was not there. */
function made(parent: string, name: string): string[] {
  try {
    mkdirSync(join(parent, name), { mode: 0o700 });
    return [name];
  } catch (error) {
    if (codeOf(error) === "EEXIST") return [];
    throw error;
  }
}

function makeDirectory(path: string, refuse: (why: string) => never): void {
  // The directories on the way are for the user to pass through.
  const umask = process.umask(0o022);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") refuse(`making it failed with ${codeOf(error)}`);
  } finally {
    process.umask(umask);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
