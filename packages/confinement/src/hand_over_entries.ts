import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
} from "node:fs";

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Something in the state directory is not what it should be; the message says what, and what is wrong with it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** It belongs to somebody else. */
  readonly isOfOthers: boolean;

  constructor(message: string, isOfOthers = false) {
    super(message);
    this.isOfOthers = isOfOthers;
  }
}

export interface HandingOver {
  /** Who they are given to. */
  readonly uid: number;
  readonly gid: number;
  /** Whose they may be now; anyone else's are refused. */
  readonly owners: readonly number[];
  /** Whether directories are handed over with all that is in them; otherwise they are refused. */
  readonly deep: boolean;
}

/**
 * Gives entries of a directory to a user: directories become 0700, files 0600.
 *
 * Only directories and regular files are given. A file must have no name outside of what is given: a hard link to somebody
 * else's file, which is all that one could have planted who may write here, has one, and would be given away with it.
 * Symbolic links are not followed. Among entries that are directories they are passed over, since they are nobody's to read
 * through and the user follows them with its own rights alone; otherwise they are refused.
 *
 * Everything is looked at before anything is given, and looked at again on the open descriptor that it is given by. What
 * already is the user's is not opened.
 * @param directory a path that is safe to use, such as that of an open descriptor in /proc.
 * @throws {Refusal}
 * @throws the system's error when something cannot be looked at.
 */
export function handOverEntries(directory: string, names: readonly string[], how: HandingOver): void {
  const seen: SeveralNames = new Map();
  for (const name of names) check(`${directory}/${name}`, name, how, seen);
  for (const { shown, links, found } of seen.values()) if (links !== found) throw namedElsewhere(shown, links);
  for (const name of names) give(`${directory}/${name}`, name, how, seen);
}

/** Whether all of it is the user's already, as after every run but the first; what is just being removed does not count. */
export function areGiven(directory: string, names: readonly string[], how: HandingOver): boolean {
  return names.every((name) => {
    const path = `${directory}/${name}`;
    try {
      const stat = lstatSync(path, { bigint: true });
      if (stat.isSymbolicLink()) return true;
      if (!stat.isDirectory()) return stat.isFile() && isGiven(stat, FILE_MODE, how);
      return isGiven(stat, DIRECTORY_MODE, how) && areGiven(path, readdirSync(path), how);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return true;
      throw error;
    }
  });
}

/** Files that have several names, by inode, with how many of these were found. */
type SeveralNames = Map<string, { readonly shown: string; readonly links: bigint; found: bigint }>;

function check(path: string, shown: string, how: HandingOver, seen: SeveralNames): void {
  const stat = lstatSync(path, { bigint: true });
  if (stat.isSymbolicLink()) {
    if (how.deep) return;
    throw new Refusal(`${shown} is a symbolic link, which is not followed: remove it and start again`);
  }
  checkOwner(stat, shown, how);
  if (stat.isDirectory() && how.deep)
    return inDirectory(path, (here) => {
      for (const name of readdirSync(here)) check(`${here}/${name}`, `${shown}/${name}`, how, seen);
    });
  if (!stat.isFile()) throw new Refusal(`${shown} in it is not a file of its alone`);
  if (stat.nlink === 1n || isLeftAlone(stat, how)) return;
  const known = seen.get(inodeOf(stat));
  if (known === undefined) seen.set(inodeOf(stat), { shown, links: stat.nlink, found: 1n });
  else known.found += 1n;
}

function give(path: string, shown: string, how: HandingOver, seen: SeveralNames): void {
  const stat = lstatSync(path, { bigint: true });
  if (stat.isSymbolicLink()) return;
  if (stat.isDirectory())
    return inDirectory(path, (here, fd) => {
      for (const name of readdirSync(here)) give(`${here}/${name}`, `${shown}/${name}`, how, seen);
      giveDescriptor(fd, shown, DIRECTORY_MODE, how);
    });
  if (isLeftAlone(stat, how)) return;
  const fd = openSync(path, FILE);
  try {
    const now = fstatSync(fd, { bigint: true });
    if (!now.isFile()) throw new Refusal(`${shown} in it is not a file of its alone`);
    if (now.nlink > 1n && now.nlink !== seen.get(inodeOf(now))?.found) throw namedElsewhere(shown, now.nlink);
    giveDescriptor(fd, shown, FILE_MODE, how);
  } finally {
    closeSync(fd);
  }
}

function giveDescriptor(fd: number, shown: string, mode: number, how: HandingOver): void {
  const stat = fstatSync(fd, { bigint: true });
  checkOwner(stat, shown, how);
  if (isGiven(stat, mode, how)) return;
  fchownSync(fd, how.uid, how.gid);
  fchmodSync(fd, mode);
}

function isGiven(stat: BigIntStats, mode: number, { uid, gid }: HandingOver): boolean {
  return Number(stat.uid) === uid && Number(stat.gid) === gid && Number(stat.mode & 0o7777n) === mode;
}

/** The user's already. A further name of it, as a backup may have made one, then gives nothing away. */
function isLeftAlone(stat: BigIntStats, how: HandingOver): boolean {
  return isGiven(stat, FILE_MODE, how) && (how.deep || stat.nlink === 1n);
}

function namedElsewhere(shown: string, links: bigint): Refusal {
  return new Refusal(`${shown} in it is not a file of its alone: it has ${links} names, some of them elsewhere`);
}

function checkOwner(stat: BigIntStats, shown: string, { owners }: HandingOver): void {
  if (!owners.includes(Number(stat.uid))) throw new Refusal(`${shown} in it belongs to user ${stat.uid}`, true);
}

function inDirectory(path: string, act: (here: string, fd: number) => void): void {
  const fd = openSync(path, DIRECTORY);
  try {
    act(`/proc/self/fd/${fd}`, fd);
  } finally {
    closeSync(fd);
  }
}

function inodeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
