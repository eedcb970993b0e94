/** What an attacker with code execution in a process would try, each by name. Run where it must fail, and where it must not. */
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { CallResult, Libc, Policy } from "@logdna-agent/confinement";

/** What the attacks are about. */
export interface AttackInput {
  readonly policy: Pick<Policy, "stateDirectory" | "executables" | "uid" | "gid">;
  readonly logs: string;
  /** A log that root alone may read, and one that belongs to the confined user. */
  readonly rootLog: string;
  readonly ownLog: string;
  /** A directory outside the policy that anyone may write to. */
  readonly shared: string;
  readonly otherPort: number;
  readonly unixSocket: string;
  readonly abstractSocket: string;
  /** A process of the confined user, outside. */
  readonly neighbour: number;
  /** A program that takes no arguments. */
  readonly program: string;
  /** `struct file_handle` of a file outside the policy, in hexadecimal. */
  readonly handle: string;
  /** A directory that may be opened, on the file system of that file. */
  readonly handleMount: string;
}

/** Returns when it got through; throws an error with the system's code when it was refused. */
export type Attack = () => unknown;

const PTRACE_ATTACH = 16;
const CLONE_NEWUSER = 0x1000_0000;
const CLONE_THREAD = 0x0001_0000;
const MS_REMOUNT_BIND = 0x20 | 0x1000;
const PR_SET_DUMPABLE = 4;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const CAP_CHOWN = 0;
const CAP_SETUID = 7;
const AF_INET = 2;
const AF_NETLINK = 16;
const NETLINK_GENERIC = 16;
const SOCK_STREAM = 1;
const SOCK_RAW = 3;
const IPPROTO_MPTCP = 262;
const MSG_FASTOPEN = 0x2000_0000;
const TIOCSTI = 0x5412;
const AT_FDCWD = -100;

/** On a port of the kernel's choice: no bind(2) that Landlock could see. Whoever may listen at all can do that. */
export function listenUnbound(calls: Libc): void {
  const fd = check(calls.syscall("socket", AF_INET, SOCK_STREAM, 0));
  try {
    check(calls.syscall("listen", fd, 1));
  } finally {
    closeSync(fd);
  }
}

/** Every attack. */
export function attacksOn(input: AttackInput, calls: Libc): Record<string, Attack> {
  return { ...onFiles(input), ...onNetwork(input, calls), ...onKernel(input, calls) };
}

/** The system's code by which each attack was refused; "done" when it was not. One after the other. */
export async function attemptAll(attacks: Readonly<Record<string, Attack>>): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  for (const [name, attack] of Object.entries(attacks)) results[name] = await attempt(attack);
  return results;
}

function onFiles({ policy, logs, rootLog, ownLog, shared, neighbour }: AttackInput): Record<string, Attack> {
  const attacks: Record<string, Attack> = {
    readShadow: () => readFileSync("/etc/shadow"),
    readPrivateKeys: () => readdirSync("/etc/ssl/private"),
    listRoot: () => readdirSync("/root"),
    listHomes: () => readdirSync("/home"),
    listTop: () => readdirSync("/"),
    readShared: () => readFileSync(join(shared, "file")),
    readDevice: () => closeSync(openSync("/dev/zero", "r")),
    writeShared: () => appendFileSync(join(shared, "file"), "x"),
    createShared: () => {
      writeFileSync(join(shared, "new"), "x");
      unlinkSync(join(shared, "new"));
    },
    linkIntoState: () => {
      symlinkSync("/etc/shadow", join(policy.stateDirectory, "link"));
      unlinkSync(join(policy.stateDirectory, "link"));
    },
    readNeighbourEnvironment: () => readFileSync(`/proc/${neighbour}/environ`),
    readParentEnvironment: () => readFileSync(`/proc/${process.ppid}/environ`),
    readOverParentRoot: () => readdirSync(`/proc/${process.ppid}/root`),
    createBesideLogs: () => {
      writeFileSync(join(logs, "new.log"), "x");
      unlinkSync(join(logs, "new.log"));
    },
    makeDirectory: () => {
      mkdirSync(join(logs, "new"));
      rmdirSync(join(logs, "new"));
    },
    chmodByDescriptor: () => fchmodSync(openSync(ownLog, "r"), 0o640),
  };
  for (const [whose, log] of [
    ["Root", rootLog],
    ["Own", ownLog],
  ] as const) {
    Object.assign(attacks, {
      [`write${whose}Log`]: () => closeSync(openSync(log, "r+")),
      [`append${whose}Log`]: () => appendFileSync(log, "x"),
      [`truncate${whose}Log`]: () => truncateSync(log, 1),
      [`chmod${whose}Log`]: () => chmodSync(log, 0o640),
      [`chown${whose}Log`]: () => chownSync(log, policy.uid, policy.gid),
      [`utimes${whose}Log`]: () => utimesSync(log, 1, 1),
      [`link${whose}Log`]: () => {
        linkSync(log, join(logs, "linked.log"));
        unlinkSync(join(logs, "linked.log"));
      },
      [`rename${whose}Log`]: () => {
        renameSync(log, `${log}.moved`);
        renameSync(`${log}.moved`, log);
      },
    } satisfies Record<string, Attack>);
  }
  return attacks;
}

function onNetwork(input: AttackInput, calls: Libc): Record<string, Attack> {
  return {
    connectElsewhere: () => connected({ host: "127.0.0.1", port: input.otherPort }),
    bindElsewhere: () => listening(0),
    fastOpenElsewhere: () => {
      const fd = check(calls.syscall("socket", AF_INET, SOCK_STREAM, 0));
      const address = Buffer.from([
        2,
        0,
        input.otherPort >> 8,
        input.otherPort & 0xff,
        127,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
      ]);
      check(calls.syscall("sendto", fd, Buffer.from("stolen"), 6, MSG_FASTOPEN, address, address.length));
    },
    netlinkGeneric: () => closeSync(check(calls.syscall("socket", AF_NETLINK, SOCK_RAW, NETLINK_GENERIC))),
    multipathSocket: () => check(calls.syscall("socket", AF_INET, SOCK_STREAM, IPPROTO_MPTCP)),
    rawSocket: () => check(calls.syscall("socket", AF_INET, SOCK_RAW, 1)),
    unixSocket: () => connected({ path: input.unixSocket }),
    abstractSocket: () => connected({ path: input.abstractSocket }),
  };
}

function onKernel(input: AttackInput, calls: Libc): Record<string, Attack> {
  const { policy, rootLog, ownLog, neighbour } = input;
  const buffer = (): Buffer => Buffer.alloc(256);
  return {
    spawnShell: () => {
      const { error } = spawnSync("/bin/sh", ["-c", "exit 0"]);
      if (error !== undefined) throw error;
    },
    spawnProgram: () => {
      const { error, status } = spawnSync(input.program, { encoding: "utf8" });
      if (error !== undefined) throw error;
      if (status !== 0) throw new Error(`status ${status}`);
    },
    loadShell: () => {
      const [, loader = ""] = policy.executables;
      const { error, status } = spawnSync(loader, ["/bin/sh", "-c", "exit 0"]);
      if (error !== undefined) throw error;
      if (status !== 0) throw new Error(`status ${status}`);
    },
    // A file that does not exist: where executing were possible at all, this process would go on.
    execute: () => check(calls.syscall("execve", Buffer.from("/nonexistent\0"), 0, 0), "ENOENT"),
    becomeRoot: () => check(calls.setresuid(0, 0, 0)),
    nameToHandle: () => {
      const handle = buffer();
      handle.writeUInt32LE(128, 0);
      check(calls.syscall("name_to_handle_at", AT_FDCWD, Buffer.from(`${rootLog}\0`), handle, buffer(), 0));
    },
    openByHandle: () => {
      const mount = openSync(input.handleMount, "r");
      const fd = check(calls.syscall("open_by_handle_at", mount, Buffer.from(input.handle, "hex"), 0));
      readFileSync(fd);
    },
    traceNeighbour: () => check(calls.syscall("ptrace", PTRACE_ATTACH, neighbour, 0, 0)),
    readNeighbourMemory: () => {
      // struct iovec of an address where nothing is: EFAULT is said once the access itself was allowed.
      const nowhere = Buffer.alloc(16);
      nowhere.writeBigUInt64LE(4096n, 0);
      nowhere.writeBigUInt64LE(1n, 8);
      check(calls.syscall("process_vm_readv", neighbour, nowhere, 1, nowhere, 1, 0), "EFAULT");
    },
    signalNeighbour: () => process.kill(neighbour, 0),
    signalParent: () => process.kill(process.ppid, 0),
    signalGroup: () => process.kill(0, 0),
    unshareUser: () => check(calls.unshare(CLONE_NEWUSER), "EINVAL"),
    // No kernel starts a thread in a user namespace of its own: EINVAL tells that the flag was looked at by it.
    cloneUser: () => check(calls.syscall("clone", CLONE_NEWUSER | CLONE_THREAD, 0, 0, 0, 0), "EINVAL"),
    // EINVAL: it is allowed to, but the directory is no mount.
    remount: () => check(calls.mount("none", policy.stateDirectory, MS_REMOUNT_BIND), "EINVAL"),
    leaveSharedMemory: () => {
      const id = check(calls.syscall("shmget", 0, 4096, 0o600));
      check(calls.syscall("shmctl", id, 0, 0));
    },
    ioUring: () => check(calls.syscall("io_uring_setup", 8, buffer())),
    userfaultfd: () => check(calls.syscall("userfaultfd", 1)),
    bpf: () => check(calls.syscall("bpf", 0, buffer(), 48), "EINVAL"),
    keyring: () => check(calls.syscall("keyctl", 0, -4, 1)),
    typeIntoTerminal: () => check(calls.syscall("ioctl", 0, TIOCSTI, Buffer.from("x")), "ENOTTY"),
    becomeDumpable: () => check(calls.prctl(PR_SET_DUMPABLE, 1)),
    setAttribute: () =>
      check(calls.syscall("setxattr", Buffer.from(`${ownLog}\0`), Buffer.from("user.test\0"), Buffer.from("x"), 1, 0)),
    // These come last, since a process that is still root would lose something by them.
    raiseCapabilities: () => {
      const header = buffer();
      header.writeUInt32LE(0x2008_0522, 0);
      const sets = Buffer.alloc(24);
      for (const at of [0, 4, 8]) sets.writeUInt32LE((1 << CAP_CHOWN) | (1 << CAP_SETUID), at);
      check(calls.syscall("capset", header, sets));
    },
    raiseAmbient: () => check(calls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN)),
    becomeItself: () => check(calls.setresuid(policy.uid, policy.uid, policy.uid)),
  };
}

async function attempt(attack: Attack): Promise<string> {
  try {
    await attack();
    return "done";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

/** The value of a call. An error of which the name is expected came from behind the confinement: the attack got through. */
export function check(result: CallResult, expected?: string): number {
  if ("value" in result) return result.value;
  if (result.code === expected) return 0;
  throw Object.assign(new Error(result.code), { code: result.code });
}

export async function connected(to: { host: string; port: number } | { path: string }): Promise<void> {
  const socket = connect(to);
  try {
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  } finally {
    socket.destroy();
  }
}

export async function listening(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // A port of its own choice, where none is given, and not the kernel's: that needs no right to bind.
    server.listen(port === 0 ? 20_000 + (process.pid % 10_000) : port, "127.0.0.1", resolve);
  });
  server.close();
}
