import { closeSync, fstatSync, readlinkSync } from "node:fs";
import { ACCESS_FS, ACCESS_NET, gapsOf, type Handled, handledBy } from "./landlock_abi.ts";
import type { CallResult, Libc } from "./libc.ts";
import { type Outcome, outcomesOf } from "./outcome.ts";
import type { Policy } from "./policy.ts";

/** landlock_create_ruleset(2), landlock_add_rule(2), `<linux/landlock.h>`. */
const CREATE_RULESET_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const RULE_NET_PORT = 2;
/** open(2), `<bits/fcntl-linux.h>`: 010000000 on both architectures. */
const O_PATH = 0o1000_0000;
const O_CLOEXEC = 0o200_0000;
/** openat2(2), `<linux/openat2.h>`. */
const RESOLVE_NO_SYMLINKS = 0x04;
/** openat(2), `<linux/fcntl.h>`. */
const AT_FDCWD = -100;
/** Devices that may be read; random numbers come from getrandom(2), but libraries fall back to the device. */
const DEVICES = ["/dev/null", "/dev/urandom"];

const READ = ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR;
/** Only what is needed to keep a database: files and directories, no links, no devices, nothing to execute. */
const WRITE =
  ACCESS_FS.WRITE_FILE |
  ACCESS_FS.TRUNCATE |
  ACCESS_FS.MAKE_REG |
  ACCESS_FS.MAKE_DIR |
  ACCESS_FS.MAKE_SOCK |
  ACCESS_FS.REMOVE_FILE |
  ACCESS_FS.REMOVE_DIR |
  ACCESS_FS.REFER;
/** What a rule on something other than a directory may hold: `ACCESS_FILE` in the kernel's `security/landlock/fs.c`. */
const ON_FILES =
  ACCESS_FS.EXECUTE | ACCESS_FS.WRITE_FILE | ACCESS_FS.READ_FILE | ACCESS_FS.TRUNCATE | ACCESS_FS.IOCTL_DEV;

const { applied, unavailable, failed } = outcomesOf("landlock");

/** The version of the Landlock ABI that the kernel has; 0 when it has none, or it is not switched on. */
export function landlockAbi(libc: Libc): number {
  const version = libc.syscall("landlock_create_ruleset", 0, 0, CREATE_RULESET_VERSION);
  return "value" in version ? version.value : 0;
}

/**
 * Restricts this thread, and the image that it executes, to the files and TCP ports of the policy, and its signals to
 * itself. A rule holds for the inode that the path leads to now: what replaces a file later has no right of its own, what
 * appears in a directory has the directory's. Paths that do not exist are passed over.
 *
 * Needs no_new_privs.
 */
export function restrictByLandlock(libc: Libc, policy: Policy): Outcome {
  const abi = landlockAbi(libc);
  if (abi < 1) return unavailable("the kernel has no Landlock, or it is not switched on (`lsm=` at boot)");
  const handled = handledBy(abi);
  const ruleset = createRuleset(libc, handled);
  if ("code" in ruleset) return failed(`creating the ruleset: ${ruleset.code}`);
  const skipped: string[] = [];
  try {
    const problem = addRules(libc, ruleset.value, handled, policy, skipped);
    if (problem !== undefined) return failed(problem);
    const restricted = libc.syscall("landlock_restrict_self", ruleset.value, 0);
    if ("code" in restricted) return failed(`entering the domain: ${restricted.code}`);
  } finally {
    closeSync(ruleset.value);
  }
  return applied(`ABI ${abi}: files${abi >= 4 ? ", TCP ports" : ""}${abi >= 6 ? ", signals" : ""}`, [
    ...gapsOf(abi),
    ...skipped,
  ]);
}

function createRuleset(libc: Libc, { fs, net, scopes }: Handled): CallResult {
  const attributes = Buffer.alloc(24);
  attributes.writeBigUInt64LE(fs, 0);
  attributes.writeBigUInt64LE(net, 8);
  attributes.writeBigUInt64LE(scopes, 16);
  // A kernel takes a longer structure than its own as long as the rest is zero, which it is for an older ABI.
  return libc.syscall("landlock_create_ruleset", attributes, attributes.length, 0);
}

function addRules(
  libc: Libc,
  ruleset: number,
  handled: Handled,
  policy: Policy,
  skipped: string[],
): string | undefined {
  const paths: (readonly [path: string, rights: bigint])[] = [
    // Resolved here and not by whoever made the policy: it is this process that is meant.
    [`/proc/${readlinkSync("/proc/self")}`, READ],
    ...DEVICES.map((path) => [path, ACCESS_FS.READ_FILE] as const),
    ...[...policy.logs, ...policy.readable].map((path) => [path, READ] as const),
    ...policy.listable.map((path) => [path, ACCESS_FS.READ_DIR] as const),
    ...policy.executables.map((path) => [path, ACCESS_FS.READ_FILE | ACCESS_FS.EXECUTE] as const),
    ...policy.programs.map((path) => [path, ACCESS_FS.READ_FILE | ACCESS_FS.EXECUTE] as const),
    [policy.stateDirectory, READ | WRITE],
    ...(policy.linkable ?? []).map((path) => [path, ACCESS_FS.MAKE_SYM] as const),
  ];
  for (const [path, rights] of paths) {
    const problem = addPath(libc, ruleset, path, rights & handled.fs);
    if (problem === undefined || problem.code === "ENOENT" || problem.code === "ENOTDIR") continue;
    // What this user cannot even reach needs no rule, and behind a link nobody else's file may get one.
    const harmless = problem.code === "EACCES" || problem.code === "ELOOP";
    if (!harmless || path === policy.stateDirectory) return `the rule for ${path}: ${problem.code}`;
    skipped.push(
      `nothing is granted at ${path}, which ${problem.code === "ELOOP" ? "has become a link" : "this user cannot reach"}`,
    );
  }
  if (handled.net === 0n) return undefined;
  const ports = [
    ...policy.connectPorts.map((port) => [port, ACCESS_NET.CONNECT_TCP] as const),
    ...policy.bindPorts.map((port) => [port, ACCESS_NET.BIND_TCP] as const),
  ];
  for (const [port, rights] of ports) {
    const rule = Buffer.alloc(16);
    rule.writeBigUInt64LE(rights, 0);
    rule.writeBigUInt64LE(BigInt(port), 8);
    const added = libc.syscall("landlock_add_rule", ruleset, RULE_NET_PORT, rule, 0);
    if ("code" in added) return `the rule for TCP port ${port}: ${added.code}`;
  }
  return undefined;
}

function addPath(libc: Libc, ruleset: number, path: string, rights: bigint): { readonly code: string } | undefined {
  const opened = openWithoutLinks(libc, path);
  if ("code" in opened) return opened;
  const fd = opened.value;
  try {
    const allowed = fstatSync(fd).isDirectory() ? rights : rights & ON_FILES;
    if (allowed === 0n) return undefined;
    const rule = Buffer.alloc(12);
    rule.writeBigUInt64LE(allowed, 0);
    rule.writeInt32LE(fd, 8);
    const added = libc.syscall("landlock_add_rule", ruleset, RULE_PATH_BENEATH, rule, 0);
    return "code" in added ? added : undefined;
  } finally {
    closeSync(fd);
  }
}

/** The paths of a policy have no links in them: one that has by now was put there by someone who wants a rule elsewhere. */
function openWithoutLinks(libc: Libc, path: string): CallResult {
  // struct open_how: flags, mode, resolve.
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_NO_SYMLINKS), 16);
  return libc.syscall("openat2", AT_FDCWD, Buffer.from(`${path}\0`), how, how.length);
}
