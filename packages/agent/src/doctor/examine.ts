import { accessSync, constants, lstatSync, realpathSync } from "node:fs";
import { hostname, release } from "node:os";
import { canLeaveRoot, type Policy } from "@logdna-agent/confinement";
import { pathRulesOf, policyOf } from "../commands/agent_policy.ts";
import type { Config } from "../config/mod.ts";
import { VERSION } from "../version.ts";
import { Accounts } from "./accounts.ts";
import { destinationOf } from "./destination.ts";
import { networkPolicy, nftables } from "./firewall.ts";
import { lessPower } from "./less_power.ts";
import { needsOf } from "./needs.ts";
import type { DoctorReport } from "./report.ts";
import { type AttemptResult, nearestParent, runAttempt } from "./run_attempt.ts";
import { verdictOf } from "./verdict.ts";
import { barrier, type WatchedFiles, watchedFiles } from "./watched_files.ts";

/** What an auditor would try to read first. */
const SECRET = "/etc/shadow";

/** Looks at this host with a configuration: what the agent would need, keep and be refused. Changes nothing. */
export async function examine(config: Config, configFiles: Iterable<string>): Promise<DoctorReport> {
  const accounts = new Accounts();
  const policy = policyOf(config, configFiles);
  const confined = config.confinement !== "off";
  const { rules, missing, found } = lookAtRoots(config);
  const all = found.files.map(({ path }) => path);
  const input = {
    reads: all,
    log: all.at(0),
    secret: isOutside(SECRET, policy) ? SECRET : undefined,
    otherPort: otherPort(policy),
  };
  const destination = destinationOf(config);
  const tried: AttemptResult = confined ? await runAttempt(policy, input) : { notTried: "confinement is off" };
  // What the user could read without the capability is seen by trying, which knows more than mode bits.
  const bare =
    policy.keepCapability && confined ? await runAttempt({ ...policy, keepCapability: false }, input) : tried;
  const report = "notTried" in tried ? undefined : tried;
  const unreadableBare = "notTried" in bare ? undefined : new Set(bare.unreadable.map(({ path }) => path));
  // A process that is no root keeps its groups.
  const user = { uid: policy.uid, gids: [policy.gid, ...(policy.fromRoot ? [] : (process.getgroups?.() ?? []))] };
  const unreadable = unreadableOf(found, policy, confined, tried);
  const findings = {
    policy: confined ? policy : undefined,
    hasKey: config.output === "otlp" || config.key.reveal() !== "",
    noCapability: config.noCap,
    unreadable,
    closed: found.closed,
    missingRoots: missing,
    stateProblem: stateProblemOf(policy),
    destination: await destination,
    outcomes: report?.outcomes ?? [],
    excesses: report?.excesses ?? [],
    refusals: report?.refusals ?? [],
    notTried: "notTried" in tried && confined ? tried.notTried : undefined,
  };
  const { refusals, outcomes, excesses, notTried } = findings;
  const startedAs = process.geteuid?.() ?? 0;
  return {
    version: VERSION,
    host: {
      hostname: hostname(),
      kernel: release(),
      node: process.version,
      landlockAbi: report?.facts.landlockAbi,
      startedAs: { uid: startedAs, user: accounts.user(startedAs) },
      becomes: confined
        ? { uid: policy.uid, user: accounts.user(policy.uid) }
        : { uid: startedAs, user: accounts.user(startedAs) },
    },
    destination: findings.destination,
    files: {
      roots: rules.roots,
      missing,
      count: found.files.length,
      bytes: found.files.reduce((sum, { size }) => sum + size, 0),
      more: found.more,
      needs: needsOf(found.files, user, accounts, (path) => unreadableBare?.has(path) === false),
      unreadable,
      closed: found.closed,
    },
    policy: findings.policy,
    layers: { outcomes, excesses, refusals, notTried },
    lessPower: lessPower({
      ...{
        files: found.files,
        accounts,
        user: { uid: UNKNOWN_USER, gids: [] },
        podUser: policy.uid,
        roots: policy.logs,
      },
      ...{ stateDirectory: policy.stateDirectory, noCapability: config.noCap },
    }),
    firewall: {
      nftables: nftables(findings.destination, confined ? policy.uid : startedAs),
      networkPolicy: networkPolicy(findings.destination),
    },
    verdict: verdictOf(findings),
  };
}

/** An ordinary user that owns nothing. */
const UNKNOWN_USER = -1;

function lookAtRoots(config: Config) {
  const rules = pathRulesOf(config);
  const real = (root: string): string | undefined => {
    try {
      return realpathSync(root);
    } catch {
      return undefined;
    }
  };
  const missing = rules.roots.filter((root) => real(root) === undefined);
  const roots = [...new Set(rules.roots.flatMap((root) => real(root) ?? []))];
  return { rules, missing, found: watchedFiles(roots, rules) };
}

/** The files that the agent, started like this, could not read. */
function unreadableOf({ files }: WatchedFiles, policy: Policy, confined: boolean, tried: AttemptResult): string[] {
  if (!("notTried" in tried)) return tried.unreadable.filter(({ code }) => code !== "ENOENT").map(({ path }) => path);
  const isRoot = process.geteuid?.() === 0;
  if (!confined && isRoot && canLeaveRoot(true)) return [];
  if (confined && policy.keepCapability && isRoot) return [];
  const reader = { uid: process.geteuid?.() ?? 0, gids: [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])] };
  return files.filter((file) => barrier(file, reader) !== undefined).map(({ path }) => path);
}

/** Why the state directory could not be used as it is; undefined when it can, or is to be made. */
function stateProblemOf({ stateDirectory, uid }: Policy): string | undefined {
  try {
    const stat = lstatSync(stateDirectory);
    if (!stat.isDirectory())
      return `the state directory ${stateDirectory} is not a directory: give another with --db-path`;
    const own = [uid, process.geteuid?.() ?? 0].includes(stat.uid);
    return own
      ? undefined
      : `the state directory ${stateDirectory} belongs to user ${stat.uid}: give another with --db-path`;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return cannotBeMade(stateDirectory);
    return `the state directory ${stateDirectory} cannot be looked at: ${String(code)}`;
  }
}

function cannotBeMade(stateDirectory: string): string | undefined {
  const parent = nearestParent(stateDirectory);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
    return undefined;
  } catch {
    return `the state directory ${stateDirectory} cannot be made: this user cannot write to ${parent}. Make it for the user, or give another with --db-path`;
  }
}

function isOutside(path: string, { logs, readable }: Policy): boolean {
  return ![...logs, ...readable].some(
    (granted) => path === granted || path.startsWith(granted === "/" ? "/" : `${granted}/`),
  );
}

/** A port that is not to be connected to: that of "discard", RFC 863, or the next. */
function otherPort({ connectPorts }: Policy): number {
  let port = 9;
  while (connectPorts.includes(port)) port++;
  return port;
}
