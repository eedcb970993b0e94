import { resolve } from "node:path";
import {
  buildPolicy,
  canLeaveRoot,
  mayReadAll,
  needsCapability,
  type Policy,
  type PolicyInputs,
  privateMountsOf,
  trustedPath,
} from "@logdna-agent/confinement";
import type { Config } from "../config/mod.ts";
import { ContainerDirs } from "../containers/container_dirs.ts";
import { type ContainerWatch, containerWatch } from "../containers/container_watch.ts";
import { PROGRAM } from "../own_program.ts";
import { createPathRules, type PathRules } from "../rules/path_rules.ts";
import { realRoots } from "../rules/real_root.ts";
import { STATE_FILES, STATE_MARKS } from "../state/state_names.ts";
import { metLately, readRestarts } from "./restart_record.ts";

/** Files that are read for the configuration beyond those that options name (see the guide to the configuration). */
const CONFIGURATION = ["/etc/logdna-hostname"];

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
  const containers = containersOf(config, rules);
  const inputs: PolicyInputs = {
    program: "logdna-agent",
    stateFlag: "--db-path",
    mode: config.confinement,
    roots: [...rules.roots, ...containers.roots],
    isWatched: (path) => rules.includes(path) || containers.mayShip(path),
    stateDirectory: config.dbPath,
    stateFiles: STATE_FILES,
    stateMarks: STATE_MARKS,
    programPaths: PROGRAM,
    configPaths: [...new Set([...CONFIGURATION, ...files, ...serviceAccountOf(config)])],
    caPaths: tlsPathsOf(config),
    executable: process.execPath,
    connectPorts: connectPortsOf(config),
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

/** Why a process with this policy cannot go on with another configuration; undefined when it can. */
export function beyond(config: Config, policy: Policy): string | undefined {
  const missing = [
    ...rootsOf(config).filter((root) => !isGranted(root, policy)),
    ...tlsPathsOf(config).filter((path) => !isGranted(resolve(path), policy)),
    ...(realPath(resolve(config.dbPath)) === policy.stateDirectory ? [] : [config.dbPath]),
    ...serviceAccountOf(config).filter((path) => !isGranted(resolve(path), policy)),
    ...connectPortsOf(config).flatMap((port) => (policy.connectPorts.includes(port) ? [] : [`port ${port}`])),
    ...(config.metricsPort === undefined || policy.bindPorts.includes(config.metricsPort)
      ? []
      : [`METRICS_PORT ${config.metricsPort}`]),
  ];
  return missing.length === 0 ? undefined : missing.join(", ");
}

/** The ports that are connected to: the server's, or behind a proxy that, and in a cluster its API server's. */
function connectPortsOf({ proxy, port, kubernetes }: Config): number[] {
  return [proxy?.port ?? port, ...(kubernetes === undefined ? [] : [kubernetes.port])];
}

/** Where the token for the API server is; the kubelet renews it, in a directory of its own each time. */
function serviceAccountOf({ kubernetes }: Config): string[] {
  return kubernetes === undefined ? [] : [kubernetes.serviceAccountDirectory];
}

/** Files and directories of certificates and of the key to one. */
function tlsPathsOf({ caFile, caDir, clientCertFile, clientKeyFile }: Config): string[] {
  return [caFile, caDir, clientCertFile, clientKeyFile].filter((path) => path !== undefined);
}

/** The real paths of what a configuration has watched. */
export function rootsOf(config: Config): string[] {
  const { roots } = createPathRules({ ...NO_RULES, dirs: config.logDirs });
  return [...roots, ...containersOf(config, pathRulesOf(config)).roots].map(realPath);
}

function containersOf(config: Config, rules: PathRules): ContainerWatch {
  return containerWatch(new ContainerDirs(config.containerDirs), rules);
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
