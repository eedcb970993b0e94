import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { CAP_DAC_READ_SEARCH, capabilityNames } from "./capability_names.ts";
import { landlockAbi } from "./landlock.ts";
import type { Libc } from "./libc.ts";
import { writableMountsOf } from "./mounts.ts";
import type { Outcome } from "./outcome.ts";
import type { Policy } from "./policy.ts";

/** What the kernel says of this process. */
export interface Facts {
  readonly threads: readonly ThreadFacts[];
  /** The version of the Landlock ABI that the kernel has; 0 without Landlock. */
  readonly landlockAbi: number;
  /** Whether the directory `/`, which everyone may list and no policy grants, cannot be opened. */
  readonly filesRestricted: boolean;
  /** The mount points of logs that are not read-only. */
  readonly writableLogMounts: readonly string[];
}

/** What the kernel says of one thread: proc_pid_status(5). */
export interface ThreadFacts {
  readonly thread: number;
  /** Real, effective, saved and file system ids. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  readonly capabilities: Readonly<Record<CapabilitySet, readonly string[]>>;
  readonly noNewPrivs: boolean;
  /** 0: none, 1: strict, 2: filtered. */
  readonly seccomp: number;
}

const CAPABILITY_SETS = ["inheritable", "permitted", "effective", "bounding", "ambient"] as const;
type CapabilitySet = (typeof CAPABILITY_SETS)[number];

const FIELDS: Readonly<Record<CapabilitySet, string>> = {
  inheritable: "CapInh",
  permitted: "CapPrm",
  effective: "CapEff",
  bounding: "CapBnd",
  ambient: "CapAmb",
};

/** Looks at the process as it is now. */
export function gatherFacts(libc: Libc, policy: Policy): Facts {
  return {
    threads: threadFacts(),
    landlockAbi: landlockAbi(libc),
    filesRestricted: isRestricted(),
    writableLogMounts: writableMountsOf(policy.logs),
  };
}

function isRestricted(): boolean {
  try {
    closeSync(openSync("/", "r"));
    return false;
  } catch {
    return true;
  }
}

/** The facts of every thread of this process, in the order of their ids. */
export function threadFacts(): ThreadFacts[] {
  return readdirSync("/proc/self/task")
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((thread) => {
      try {
        return [parseStatus(thread, readFileSync(`/proc/self/task/${thread}/status`, "utf8"))];
      } catch {
        // The thread has ended meanwhile.
        return [];
      }
    });
}

/** Reads the fields out of the text of a status file. */
export function parseStatus(thread: number, text: string): ThreadFacts {
  const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
  const numbers = (name: string): number[] =>
    field(name)
      .split(/\s+/)
      .filter((part) => part !== "")
      .map(Number);
  const set = (name: string): string[] => capabilityNames(BigInt(`0x${field(name) || "0"}`));
  return {
    thread,
    uids: numbers("Uid"),
    gids: numbers("Gid"),
    groups: numbers("Groups"),
    capabilities: {
      inheritable: set(FIELDS.inheritable),
      permitted: set(FIELDS.permitted),
      effective: set(FIELDS.effective),
      bounding: set(FIELDS.bounding),
      ambient: set(FIELDS.ambient),
    },
    noNewPrivs: field("NoNewPrivs") === "1",
    seccomp: Number(field("Seccomp")),
  };
}

/** In what the process has more than its policy, and the layers that were applied, leave it; each one line. */
export function excesses(policy: Policy, outcomes: readonly Outcome[], facts: Facts): string[] {
  const applied = (layer: Outcome["layer"]): boolean =>
    outcomes.some((outcome) => outcome.layer === layer && outcome.state === "applied");
  const found = facts.threads.flatMap((thread) => threadExcesses(policy, thread));
  if (applied("landlock") && !facts.filesRestricted && ![...policy.logs, ...policy.readable].includes("/"))
    found.push("the process can list / although Landlock should keep it from that");
  if (applied("mounts") && facts.writableLogMounts.length > 0)
    found.push(`the mounts ${facts.writableLogMounts.join(", ")} are not read-only`);
  return found;
}

/** In what a thread has more than the policy leaves it; each one line. */
export function threadExcesses(
  policy: Pick<Policy, "uid" | "gid" | "keepCapability">,
  { thread, uids, gids, capabilities, noNewPrivs, seccomp }: ThreadFacts,
): string[] {
  const left = new Set(policy.keepCapability ? capabilityNames(1n << BigInt(CAP_DAC_READ_SEARCH)) : []);
  const found: string[] = [];
  if (uids.length === 0 || uids.some((uid) => uid !== policy.uid)) found.push(`has the uids ${uids.join(", ")}`);
  if (gids.length === 0 || gids.some((gid) => gid !== policy.gid)) found.push(`has the gids ${gids.join(", ")}`);
  // Without privileges to gain, the bounding set bounds nothing; a process that is no root cannot empty it.
  const bounded = noNewPrivs && !uids.includes(0);
  for (const set of CAPABILITY_SETS.filter((name) => name !== "bounding" || !bounded)) {
    const more = capabilities[set].filter((name) => !left.has(name));
    const what = more.length > 3 ? `${more.length} capabilities` : more.join(", ");
    if (more.length > 0) found.push(`has in its ${set} set ${what}`);
  }
  if (!noNewPrivs) found.push("may gain privileges by executing");
  if (seccomp !== 2) found.push("has no system call filter");
  return found.map((what) => `thread ${thread} ${what}`);
}
