import { readFileSync } from "node:fs";
import {
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_SETGID,
  CAP_SETPCAP,
  CAP_SETUID,
  capabilityNames,
  hasCapability,
} from "./capability_names.ts";
import type { Libc } from "./libc.ts";
import { type Outcome, outcomesOf } from "./outcome.ts";
import type { Policy } from "./policy.ts";

/** prctl(2), `<linux/prctl.h>`. */
const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_SECUREBITS = 28;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** capset(2), `<linux/capability.h>`: sets of 64 bits, in two halves. */
const LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;
/** capabilities(7), "The securebits flags", `<linux/securebits.h>`; each flag's lock is the bit above it. */
const SECBIT_NOROOT = 1 << 0;
const SECBIT_NO_SETUID_FIXUP = 1 << 2;
const SECBIT_KEEP_CAPS = 1 << 4;
const SECBIT_NO_CAP_AMBIENT_RAISE = 1 << 6;
const SECUREBITS =
  SECBIT_NOROOT |
  SECBIT_NO_SETUID_FIXUP |
  SECBIT_NO_CAP_AMBIENT_RAISE |
  ((SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS | SECBIT_NO_CAP_AMBIENT_RAISE) << 1);

const { applied, unavailable, failed } = outcomesOf("capabilities");

/**
 * Makes the process the policy's user, with the one capability that the policy keeps, or none, in every set; and bars every
 * way back: the bounding set holds no more than that, and the securebits are locked so that uid 0 would mean nothing and no
 * ambient capability can be raised. A process that is no root keeps its user and its groups, which it was given to read logs.
 */
export function giveUpCapabilities(libc: Libc, policy: Policy): Outcome {
  const before = permittedSet();
  const reading = policy.keepCapability ? readingCapability(before) : undefined;
  const kept = reading === undefined ? 0n : 1n << BigInt(reading);
  const gaps: string[] = [];
  if (reading === CAP_DAC_OVERRIDE)
    gaps.push(
      "CAP_DAC_READ_SEARCH is not there to be kept, so CAP_DAC_OVERRIDE is: it also overrides what modes say of writing, which other layers refuse",
    );
  else if (policy.keepCapability && reading === undefined)
    gaps.push("CAP_DAC_READ_SEARCH is not there to be kept: files that this user cannot read are not read");

  const mayTrim = hasCapability(before, CAP_SETPCAP);
  if (mayTrim) {
    const left = emptyBoundingSet(libc, kept);
    if (left !== undefined) return failed(left);
  } else if (before !== 0n) {
    gaps.push("without CAP_SETPCAP the bounding set and the securebits stay; no_new_privs makes them meaningless");
  }

  const user = becomeUser(libc, policy, before, kept, gaps);
  if ("problem" in user) return failed(user.problem);

  const trimming = mayTrim ? 1n << BigInt(CAP_SETPCAP) : 0n;
  const sets = setCapabilities(libc, kept | trimming, kept);
  if ("code" in sets) return failed(`reducing the capabilities: ${sets.code}`);
  const cleared = libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  // EINVAL is a kernel before 4.3, which has no ambient set to clear.
  if ("code" in cleared && cleared.code !== "EINVAL") return failed(`clearing the ambient set: ${cleared.code}`);
  if (reading !== undefined) {
    const raised = libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, reading);
    if ("code" in raised) return failed(`carrying ${capabilityNames(kept)} over to the new image: ${raised.code}`);
  }
  if (mayTrim) {
    const secured = libc.prctl(PR_SET_SECUREBITS, SECUREBITS);
    if ("code" in secured) return failed(`locking the securebits: ${secured.code}`);
  }
  const last = setCapabilities(libc, kept, kept);
  if ("code" in last) return failed(`giving up CAP_SETPCAP: ${last.code}`);

  const what = `uid ${policy.uid}, gid ${policy.gid}, ${kept === 0n ? "no capability" : `${capabilityNames(kept)} alone`}`;
  if (user.became) return applied(what, gaps);
  const why = "the process stays uid 0: it has neither CAP_SETUID nor CAP_SETGID";
  if (policy.uid !== 0) return unavailable(`${why}; ${what} was wanted`);
  // Where the policy is for that, as in a container, no capability is left that would make the number a power.
  return applied(`${what}; ${why}`, [
    ...gaps,
    "as the owner of root's files it may read them, and write to them, where no other layer and no mount refuses it",
  ]);
}

/** Whether a root can become another user without losing what it reads as the owner of root's files. */
export function canLeaveRoot(needsToRead: boolean): boolean {
  const permitted = permittedSet();
  const changes = hasCapability(permitted, CAP_SETUID) && hasCapability(permitted, CAP_SETGID);
  return changes && (!needsToRead || mayReadAll());
}

/** Whether it has a capability, effective or not, that lets it read what modes forbid. */
export function mayReadAll(): boolean {
  return readingCapability(permittedSet()) !== undefined;
}

/** The capability that lets it read what modes forbid: the one that is for that alone, or else the wider one. */
function readingCapability(permitted: bigint): number | undefined {
  return [CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE].find((number) => hasCapability(permitted, number));
}

function isRoot(): boolean {
  return process.geteuid?.() === 0 || process.getuid?.() === 0;
}

/** Reads the permitted set of this thread, the most that it could make effective. */
function permittedSet(): bigint {
  const text = readFileSync("/proc/thread-self/status", "utf8");
  return BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(text)?.[1] ?? "0"}`);
}

function emptyBoundingSet(libc: Libc, kept: bigint): string | undefined {
  for (let number = 0; number < 64; number++) {
    if (hasCapability(kept, number)) continue;
    const there = libc.prctl(PR_CAPBSET_READ, number);
    // EINVAL: this kernel knows no capability of that number, and so none above.
    if ("code" in there) return undefined;
    if (there.value === 0) continue;
    const dropped = libc.prctl(PR_CAPBSET_DROP, number);
    if ("code" in dropped) return `dropping capability ${number} from the bounding set: ${dropped.code}`;
  }
  return undefined;
}

/** Changes user and groups; a root without the capabilities for it stays what it is. */
function becomeUser(
  libc: Libc,
  policy: Policy,
  before: bigint,
  kept: bigint,
  gaps: string[],
): { readonly became: boolean } | { readonly problem: string } {
  const { uid, gid } = policy;
  if (!isRoot()) return { became: true };
  if (!hasCapability(before, CAP_SETUID) || !hasCapability(before, CAP_SETGID)) {
    gaps.push("the supplementary groups stay");
    return { became: false };
  }
  const cleared = libc.clearGroups();
  if ("code" in cleared) return { problem: `leaving the supplementary groups: ${cleared.code}` };
  const keeping = libc.prctl(PR_SET_KEEPCAPS, 1);
  if ("code" in keeping) return { problem: `keeping capabilities over the change of user: ${keeping.code}` };
  // The saved one is for `hideOverExec`. Without it, as where this number means nothing, the new image is only hidden later.
  const other = kept === 0n ? libc.setresgid(gid, gid, otherThan(gid)) : undefined;
  const group = other !== undefined && "value" in other ? other : libc.setresgid(gid, gid, gid);
  if ("code" in group) return { problem: `becoming gid ${gid}: ${group.code}` };
  const user = libc.setresuid(uid, uid, uid);
  if ("code" in user) return { problem: `becoming uid ${uid}: ${user.code}` };
  return { became: true };
}

/**
 * Keeps processes of the same user out of the new image from its first moment: with an effective group that is not the real one,
 * and no_new_privs, execve(2) makes the real one effective and the image not dumpable (`begin_new_exec` in the kernel's fs/exec.c,
 * `cap_bprm_creds_from_file` in security/commoncap.c). It would lose an ambient capability by that; with one, it is out of
 * their reach anyway, since they lack it: ptrace(2), "Ptrace access mode checking". To be called after no_new_privs is set.
 */
export function hideOverExec(libc: Libc, { gid, keepCapability }: Pick<Policy, "gid" | "keepCapability">): void {
  if (keepCapability && permittedSet() !== 0n) return;
  // Refused where the saved group is not that one; then nothing changes.
  libc.setresgid(UNCHANGED, otherThan(gid), UNCHANGED);
}

/** setresgid(2): leaves an id as it is. */
const UNCHANGED = 0xffff_ffff;

/** A group that gives no right to anything. */
function otherThan(gid: number): number {
  return gid === NOGROUP ? NOGROUP - 1 : NOGROUP;
}
/** The kernel's overflow group id: proc_sys_kernel(5). */
const NOGROUP = 65_534;

function setCapabilities(libc: Libc, permitted: bigint, inheritable: bigint) {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3, 0);
  const data = Buffer.alloc(24);
  for (const half of [0, 1]) {
    const part = (set: bigint): number => Number((set >> BigInt(32 * half)) & 0xffff_ffffn);
    data.writeUInt32LE(part(permitted), 12 * half);
    data.writeUInt32LE(part(permitted), 12 * half + 4);
    data.writeUInt32LE(part(inheritable), 12 * half + 8);
  }
  return libc.syscall("capset", header, data);
}
