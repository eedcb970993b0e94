import { readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ConfinementError } from "./confinement_error.ts";
import { elfInterpreter } from "./elf_interpreter.ts";
import { type User, unreadableFor, unsearchableFor } from "./needs_capability.ts";
import type { ConfinementMode, Policy } from "./policy.ts";
import { CERTIFICATES, KERNEL, libraries, RESOLVER, TIME, USERS } from "./system_paths.ts";
import { trustedPath } from "./trusted_path.ts";
import { unprivilegedUser } from "./unprivileged_user.ts";

/** What a policy is computed from. Paths may be relative and have links in them. */
export interface PolicyInputs {
  /** The program's name; a root process becomes the user of that name, where there is one. */
  readonly program: string;
  /** The flag that names the state directory, for what to do when it cannot be used. */
  readonly stateFlag: string;
  readonly mode: ConfinementMode;
  /** Directories and files to watch; they may be missing. */
  readonly roots: readonly string[];
  /** Whether a file in a root ships; only such a file is a reason to keep the capability. By default all are. */
  readonly isWatched?: (path: string) => boolean;
  readonly stateDirectory: string;
  /** See `Policy`. */
  readonly stateEntries?: readonly string[];
  /** Names of files in the state directory, and of what an earlier program left there: see `Policy`. */
  readonly stateFiles?: readonly string[];
  readonly stateMarks?: readonly string[];
  readonly ignoredCalls?: Policy["ignoredCalls"];
  /** Directories and files that the program consists of. */
  readonly programPaths: readonly string[];
  /** Files and directories that the configuration is read from, now and when it is read again. */
  readonly configPaths: readonly string[];
  /** Files and directories of further certificate authorities. */
  readonly caPaths: readonly string[];
  /** The executable of the new image: Node. */
  readonly executable: string;
  /** Programs that run as children later on. */
  readonly programs?: readonly string[];
  /** TCP ports of everything that is connected to; where there is any, that of DNS, for long answers, is added. */
  readonly connectPorts: readonly number[];
  readonly bindPorts: readonly number[];
  readonly localSockets?: boolean;
  /** The capability is not wanted, needed or not. */
  readonly noCapability?: boolean;
  /** The user that the process runs as now; by default it is asked. */
  readonly running?: User;
  /** The user that a root becomes; by default the system is asked. */
  readonly user?: User;
}

const DNS = 53;
/** Reasons that are kept. */
const MAX_REASONS = 100;

/** Directories that are not granted for the sake of one file in them. */
const NEVER_WHOLE = new Set([
  ...[
    "/",
    "/boot",
    "/dev",
    "/etc",
    "/etc/ssl",
    "/etc/ssl/private",
    "/etc/pki/tls/private",
    "/home",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
  ],
  ...["/var", "/var/lib", "/var/run", "/var/spool", "/var/tmp"],
]);
const HOME = /^\/home\/[^/]+$/;

/** Computes what a program may still do with its configuration. Looks at the file system, changes nothing. */
export function buildPolicy(inputs: PolicyInputs): Policy {
  const running = inputs.running ?? { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const user = running.uid === 0 ? (inputs.user ?? unprivilegedUser(inputs.program)) : running;
  const { path: stateDirectory, planted } = trustedPath(inputs.stateDirectory);
  if (planted !== undefined)
    throw new ConfinementError(
      `The state directory ${inputs.stateDirectory} is reached by the link ${planted}, which somebody else made and which leads to what is not theirs. Remove it, or give another directory with ${inputs.stateFlag}.`,
    );
  // One that is not followed stays a link, at which nothing is granted.
  const roots = inputs.roots.map((root) => trustedPath(root).path);
  const given = [...inputs.configPaths, ...inputs.caPaths].map(ownName);
  const sources = inputs.programPaths.map((path) => realPath(resolve(path)));
  const executables = withInterpreters([inputs.executable]);
  const programs = withInterpreters(inputs.programs ?? []);
  const system = [libraries(), RESOLVER, CERTIFICATES, TIME, KERNEL, USERS].flat().map(realPath);

  const mayGrant = (directory: string, isExpected: (path: string) => boolean): boolean =>
    inputs.noCapability === true || holdsNoSecretBut(directory, isExpected, user);
  const logs = outermost(
    roots.flatMap((root) => grantForRoot(root, (parent) => mayGrant(parent, isLikeLog))).filter(exists),
  );
  const missing = roots.filter((root) => kindOf(root) === undefined);
  const reasons = [
    ...unreadableFor([...roots, ...given, ...given.map(realPath)], user, {
      limit: MAX_REASONS,
      ...watched(inputs.isWatched),
    }),
    ...unreadableFor([...sources, ...executables], user, { deep: false }),
    // What is missing is waited for in the nearest directory that is there.
    ...unreadableFor(missing.map(nearestParent), user, { deep: false }),
    ...unsearchableFor(stateDirectory, user),
  ];
  return {
    program: inputs.program,
    stateFlag: inputs.stateFlag,
    mode: inputs.mode,
    fromRoot: running.uid === 0,
    uid: user.uid,
    gid: user.gid,
    keepCapability: inputs.noCapability !== true && reasons.length > 0,
    capabilityFor: [...new Set(reasons)].slice(0, MAX_REASONS),
    logs,
    readable: outermost(
      [
        ...given.flatMap((path) =>
          grantForConfiguration(path, (parent) => mayGrant(parent, (other) => given.includes(other))),
        ),
        ...sources,
        ...system,
      ].filter(exists),
    ).filter((path) => !logs.some((log) => path === log || isBeneath(path, log))),
    // Listing is granted for everything beneath: for / that would be every name there is.
    listable: outermost(missing.map(nearestParent).filter((path) => path !== "/")),
    stateDirectory,
    executables,
    programs,
    connectPorts: ascending(inputs.connectPorts.length === 0 ? [] : [...inputs.connectPorts, DNS]),
    bindPorts: ascending(inputs.bindPorts),
    localSockets: inputs.localSockets ?? false,
    readOnlyMounts: true,
    ...(inputs.stateEntries !== undefined && { stateEntries: inputs.stateEntries }),
    ...(inputs.stateFiles !== undefined && { stateFiles: inputs.stateFiles }),
    ...(inputs.stateMarks !== undefined && { stateMarks: inputs.stateMarks }),
    ...(inputs.ignoredCalls !== undefined && { ignoredCalls: inputs.ignoredCalls }),
  };
}

function watched(isWatched: PolicyInputs["isWatched"]) {
  return isWatched === undefined ? {} : { isWatched };
}

/**
 * A directory itself; of a file the directory, too, so that what replaces it by a rename, as log rotation does, can be read:
 * a rule on the file alone would hold for the old inode only. Not where other things than logs are that the user could not
 * read: of a log beside a database, the file is granted alone, and a rotation takes a new start.
 */
function grantForRoot(path: string, isHarmless: (directory: string) => boolean): string[] {
  const parent = dirname(path);
  const whole = kindOf(path) === "other" && !NEVER_WHOLE.has(parent) && !HOME.test(parent) && isHarmless(parent);
  return [whole ? parent : path];
}

/**
 * The same for what is configured, which may appear later; but a directory with directories in it is for more than one file's
 * sake.
 */
function grantForConfiguration(path: string, isHarmless: (directory: string) => boolean): string[] {
  const parent = dirname(path);
  const whole =
    kindOf(path) !== "directory" &&
    !NEVER_WHOLE.has(parent) &&
    !HOME.test(parent) &&
    isFlat(parent) &&
    isHarmless(parent);
  return [realPath(path), ...(whole ? [parent] : [])];
}

/** Holds files alone. Mounted secrets keep them in directories whose names begin with two dots. */
function isFlat(directory: string): boolean {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.every((entry) => !entry.isDirectory() || entry.name.startsWith(".."));
  } catch {
    return false;
  }
}

/** Whether the user could read everything else in it without the capability, so that granting all of it shows nothing of others. */
function holdsNoSecretBut(directory: string, isExpected: (path: string) => boolean, user: User): boolean {
  const others = readdirSync(directory).map((name) => join(directory, name));
  const found = unreadableFor(
    others.filter((path) => !isExpected(path)),
    user,
  );
  // What is on the way, the directory itself included, does not matter: whoever made that private may have done it for its logs.
  return !found.some((path) => isBeneath(path, directory));
}

/** A log, or a rotated form of one, by its name. */
function isLikeLog(path: string): boolean {
  return /\.(?:log|out|err|gz|zst|xz|bz2|\d+)(?:\W|$)/.test(basename(path)) && kindOf(path) === "other";
}

/** The path without links on the way; the file itself may be one, and lead elsewhere tomorrow. */
function ownName(path: string): string {
  return join(realPath(dirname(resolve(path))), basename(path));
}

function withInterpreters(files: readonly string[]): string[] {
  const found = files.flatMap((file) => [realPath(resolve(file)), elfInterpreter(file)]);
  return [...new Set(found.filter((path) => path !== undefined).map(realPath))];
}

function nearestParent(path: string): string {
  const parent = dirname(path);
  return parent === path || kindOf(parent) === "directory" ? parent : nearestParent(parent);
}

/** The real path; of one that does not exist, the real path of its nearest existing parent with the rest appended. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

function kindOf(path: string): "directory" | "other" | undefined {
  try {
    return statSync(path).isDirectory() ? "directory" : "other";
  } catch {
    return undefined;
  }
}

function exists(path: string): boolean {
  return kindOf(path) !== undefined;
}

/** Without those that are in others. */
function outermost(paths: readonly string[]): string[] {
  const all = [...new Set(paths)].sort();
  return all.filter((path) => !all.some((other) => isBeneath(path, other)));
}

function isBeneath(path: string, directory: string): boolean {
  return path !== directory && path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

function ascending(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}
