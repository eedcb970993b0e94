import { join, resolve } from "node:path";
import {
  buildPolicy,
  type Confinement,
  canLeaveRoot,
  confine,
  mayReadAll,
  needsCapability,
  nodePermissions,
  type Policy,
  type PolicyInputs,
  privateMountsOf,
  trustedPath,
} from "@logdna-agent/confinement";
import { type Config, loadConfig } from "../config/mod.ts";
import { isSecretVariable } from "../config/secret_variables.ts";
import { readSmallFile } from "../config/small_file.ts";
import { connectNotifySocket, NOTIFY_FD } from "../notify/notify_socket.ts";
import { createPathRules, type PathRules } from "../rules/path_rules.ts";
import { realRoots } from "../rules/real_root.ts";
import { STATE_FILES, STATE_MARKS } from "../state/state_names.ts";
import { VERSION } from "../version.ts";
import { metLately, readRestarts } from "./restart_record.ts";

/** What starts the program: its flags and its environment. */
export interface Start {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const KEY_FLAG = /^(?:-k|--key(?:=|$)|--proxy(?:=|$))/;
/** What could change what the new image executes. NODE_NAME, the host's name in Kubernetes, is no variable of Node. */
const LOADING = /^(?:LD_|NODE_(?!NAME$)|GLIBC_TUNABLES$)/;
/** The name under which flags that hold the key are handed over. */
const FLAGS = "flags";

/** Files that are read for the configuration beyond those that options name (see the guide to the configuration). */
const CONFIGURATION = ["/etc/logdna-hostname"];

/** What the program consists of and may be read at any time: of a checkout, where sources run directly, or of a bundle of it. */
const PROGRAM = import.meta.filename.endsWith(".ts")
  ? ["packages", "node_modules", "package.json"].map((name) => join(import.meta.dirname, "../../../..", name))
  : [import.meta.dirname, join(import.meta.dirname, "../package.json")];

const MOUNTS_KEPT =
  "the mounts that the logs are on are not shared (mount --make-shared), so in a namespace of its own the agent would not see what is mounted later";

/** Which files a configuration has shipped. */
export function pathRulesOf(config: Config): PathRules {
  const { dirs, namesOf } = realRoots(config.logDirs);
  const { includeGlobs: include, includeRegexes: includeRegex } = config;
  const { excludeGlobs: exclude, excludeRegexes: excludeRegex } = config;
  return createPathRules({ dirs, include, includeRegex, exclude, excludeRegex }, namesOf);
}

/**
 * What an agent with this configuration may do.
 * @param files what the configuration was read from.
 */
export function policyOf(config: Config, files: Iterable<string>): Policy {
  const rules = pathRulesOf(config);
  const inputs: PolicyInputs = {
    program: "logdna-agent",
    stateFlag: "--db-path",
    mode: config.confinement,
    roots: rules.roots,
    isWatched: rules.includes,
    stateDirectory: config.dbPath,
    stateFiles: STATE_FILES,
    stateMarks: STATE_MARKS,
    programPaths: PROGRAM,
    configPaths: [...new Set([...CONFIGURATION, ...files])],
    caPaths: tlsPathsOf(config),
    executable: process.execPath,
    connectPorts: [connectPortOf(config)],
    bindPorts: config.metricsPort === undefined ? [] : [config.metricsPort],
    noCapability: config.noCap,
  };
  const wanted = buildPolicy(inputs);
  // A root without the capabilities for it, as in some containers, reads as root or not at all.
  const stays = wanted.fromRoot && !canLeaveRoot(wanted.keepCapability);
  const fitting = stays ? buildPolicy({ ...inputs, user: { uid: 0, gid: 0 } }) : wanted;
  const policy = stays || !wanted.fromRoot ? asGiven(fitting, config.noCap) : fitting;
  // One that comes and goes, as whoever may write to a log directory can make it, costs one start and no more.
  const met =
    policy.fromRoot && !config.noCap && !policy.keepCapability && metLately(readRestarts(config.dbPath), Date.now());
  // Rather a layer less than logs that are never seen, on a disk that is mounted later.
  const keeping = met ? { keepCapability: true, capabilityFor: ["files that were met before"] } : {};
  const unshared = privateMountsOf([...policy.logs, ...policy.listable]).length > 0;
  return {
    ...policy,
    ...keeping,
    readOnlyMounts: !unshared,
    ...(unshared ? { mountsKept: MOUNTS_KEPT } : {}),
  };
}

/**
 * The same for who cannot leave its user: what it was given, it was given to read logs with, needed at the start or not; and what
 * it was not given, no new start brings.
 */
function asGiven(policy: Policy, noCap: boolean): Policy {
  if (noCap || !mayReadAll()) return { ...policy, fromRoot: false };
  const { capabilityFor } = policy;
  return {
    ...policy,
    keepCapability: true,
    capabilityFor: capabilityFor.length > 0 ? capabilityFor : ["files to come"],
  };
}

/**
 * Gives away what the agent does not need, if the configuration does not say otherwise, by starting it anew.
 * @returns why that was not done; undefined when it is not wanted, or there is no valid configuration to do it with.
 * @throws {ConfinementError} when it is required and cannot be done.
 */
export function confineAgent({ argv, env }: Start): string | undefined {
  // What is read now is what is read again on SIGHUP.
  const files = new Set<string>();
  const readFile = (path: string): string => {
    files.add(path);
    return readSmallFile(path);
  };
  const loaded = loadConfig({ argv, env, version: VERSION, readFile });
  if (loaded.kind !== "run" || loaded.config.confinement === "off") return undefined;
  const secrets: Record<string, string> = {};
  const visible: Record<string, string> = {};
  for (const [name, value = ""] of Object.entries(env)) {
    if (isSecretVariable(name)) secrets[name] = value;
    else if (!LOADING.test(name)) visible[name] = value;
  }
  const secretFlags = argv.some((flag) => KEY_FLAG.test(flag));
  if (secretFlags) secrets[FLAGS] = JSON.stringify(argv);
  const main = process.argv[1] ?? "";
  const socket = connectNotifySocket(env);
  if (socket !== undefined) secrets[NOTIFY_FD] = String(socket);
  const sockets = socket === undefined ? [] : [socket];
  const policy = { ...policyOf(loaded.config, files), writeOnlySockets: sockets };
  // Under the name that it is opened by, too: Node compares names.
  const writable = [...new Set([policy.stateDirectory, resolve(loaded.config.dbPath)])];
  const flags = ["--disable-sigusr1", ...nodePermissions(writable, { children: policy.programs.length > 0 })];
  return confine(policy, {
    file: process.execPath,
    argv: [process.execPath, ...process.execArgv, ...flags, main, ...(secretFlags ? [] : argv)],
    env: visible,
    secrets,
    descriptors: sockets,
  });
}

/** How the program was started, as it was before the key was taken out of what others can see. */
export function startOf(confinement: Confinement | undefined, argv: readonly string[], env: NodeJS.ProcessEnv): Start {
  if (confinement === undefined) return { argv, env };
  const { [FLAGS]: flags, [NOTIFY_FD]: _, ...variables } = confinement.secrets;
  return { argv: flags === undefined ? argv : (JSON.parse(flags) as string[]), env: { ...env, ...variables } };
}

/** Why a process with this policy cannot go on with another configuration; undefined when it can. */
export function beyond(config: Config, policy: Policy): string | undefined {
  const port = connectPortOf(config);
  const missing = [
    ...rootsOf(config).filter((root) => !isGranted(root, policy)),
    ...tlsPathsOf(config).filter((path) => !isGranted(resolve(path), policy)),
    ...(realPath(resolve(config.dbPath)) === policy.stateDirectory ? [] : [config.dbPath]),
    ...(policy.connectPorts.includes(port) ? [] : [`port ${port}`]),
    ...(config.metricsPort === undefined || policy.bindPorts.includes(config.metricsPort)
      ? []
      : [`METRICS_PORT ${config.metricsPort}`]),
  ];
  return missing.length === 0 ? undefined : missing.join(", ");
}

/** The one port that is connected to: behind a proxy the server's is not. */
function connectPortOf({ proxy, port }: Config): number {
  return proxy?.port ?? port;
}

/** Files and directories of certificates and of the key to one. */
function tlsPathsOf({ caFile, caDir, clientCertFile, clientKeyFile }: Config): string[] {
  return [caFile, caDir, clientCertFile, clientKeyFile].filter((path) => path !== undefined);
}

/** The real paths of what a configuration has watched. */
export function rootsOf(config: Config): string[] {
  return createPathRules({ ...NO_RULES, dirs: config.logDirs }).roots.map(realPath);
}

const NO_RULES = { include: [], includeRegex: [], exclude: [], excludeRegex: [] };

/** Whether an agent with this policy, started anew, would keep the capability that this path takes and this one lacks. */
export function wouldBeReadable(path: string, { fromRoot, keepCapability, uid, gid }: Policy): boolean {
  return fromRoot && !keepCapability && needsCapability([path], uid, gid);
}

/**
 * Whether a file that an agent with this policy must not read could be read by one that is started anew.
 * @param noCap it would keep no capability either.
 * @param replaced the granted files that are other ones now.
 */
export function readableAnew(path: string, policy: Policy, noCap: boolean, replaced: readonly string[]): boolean {
  const real = realPath(path);
  const { fromRoot, keepCapability, uid, gid } = policy;
  if (!keepCapability && needsCapability([path, real], uid, gid)) return fromRoot && !noCap;
  return !isGranted(path, policy) || replaced.includes(real);
}

/** Whether a path may be read under a policy. */
function isGranted(path: string, { logs, readable }: Policy): boolean {
  const real = realPath(path);
  return [...logs, ...readable].some(
    (granted) => real === granted || real.startsWith(granted === "/" ? "/" : `${granted}/`),
  );
}

function realPath(path: string): string {
  return trustedPath(path).path;
}
