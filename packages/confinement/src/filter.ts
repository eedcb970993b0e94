import { constants } from "node:os";
import {
  AT_ARCHITECTURE,
  AT_NUMBER,
  and,
  answer,
  atArgument,
  type Instruction,
  ifAnyBit,
  ifAtLeast,
  ifEqual,
  load,
  RET_ALLOW,
  RET_ERRNO,
  RET_KILL_PROCESS,
} from "./bpf.ts";
import { DENIED } from "./denied_calls.ts";
import { type Architecture, type SyscallName, syscallNumber } from "./syscall_numbers.ts";

/** What a filter has to know besides the names. */
export interface FilterOptions {
  readonly architecture: Architecture;
  /** The process that it is for; it may signal itself. */
  readonly pid: number;
  /** Its group, which the new image may make effective before the second filter: see `hideOverExec`. */
  readonly gid: number;
  /** It may listen: listen(2) on a socket that was not bound takes a port of its own, which Landlock does not see. */
  readonly listens: boolean;
  /** It may make unix sockets. */
  readonly localSockets: boolean;
  /** Descriptors of sockets that are connected already, and may be written to and nothing else: see `Policy`. */
  readonly writeOnlySockets?: readonly number[];
  /** It has children, which it may signal; other processes are then refused by Landlock alone. */
  readonly children: boolean;
  /** Calls that are answered with success without being done. */
  readonly ignored?: readonly SyscallName[];
}

/** `<linux/audit.h>`: the ELF machine number, 64 bits, little-endian. */
const AUDIT_ARCH: Readonly<Record<Architecture, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };
/** A call by the x32 ABI, whose numbers mean other calls: `<asm/unistd.h>`, seccomp(2). */
const X32_SYSCALL_BIT = 0x4000_0000;

/** clone(2), `<linux/sched.h>`: new cgroup, UTS, IPC, user, PID, network and mount namespaces. */
const CLONE_NEW = 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000 | 0x0002_0000;
/** socket(2), `<bits/socket.h>`, `<linux/in.h>`. */
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
/** getaddrinfo(3) asks for the host's addresses by it. */
const AF_NETLINK = 16;
/** netlink(7), `<linux/netlink.h>`. */
const NETLINK_ROUTE = 0;
const SOCK_TYPE_MASK = 0xf;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
/** send(2), `<bits/socket.h>`: connects and sends in one, where Landlock does not see a connect(2). */
const MSG_FASTOPEN = 0x2000_0000;
/** ioctl_tty(2), `<asm-generic/ioctls.h>`: both put input into a terminal, as if the user of it had typed it. */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
/** ioctl_iflags(2), `<linux/fs.h>`: attributes such as "immutable" of a file. */
const FS_IOC_SETFLAGS = 0x4008_6602;
const FS_IOC_FSSETXATTR = 0x401c_5820;
/** prctl(2), `<linux/prctl.h>`. */
const PR_SET_DUMPABLE = 4;
const PR_SET_PTRACER = 0x5961_6d61;

/** What would have a socket lead elsewhere, or be known by another number. */
const REDIRECTING = ["connect", "bind", "dup", "dup2", "dup3"] as const;
/** fcntl(2), `<asm-generic/fcntl.h>`, `<linux/fcntl.h>`: both duplicate a descriptor. */
const DUPLICATING = [0, 1030];

const { EPERM, ENOSYS, EOPNOTSUPP } = constants.errno;
const DENY = answer(RET_ERRNO | EPERM);
/** An error number of 0 is none: seccomp(2). */
const IGNORE = answer(RET_ERRNO | 0);
const ALLOW = answer(RET_ALLOW);
/** As on a host where fast open is switched off: libraries then use connect(2), of which Landlock sees the port. */
const NO_FAST_OPEN = answer(RET_ERRNO | EOPNOTSUPP);

/** Instructions that answer in any case, for one call; the accumulator holds its number before them. */
type Rule = readonly [name: SyscallName, body: readonly Instruction[]];

/**
 * The filter that is in force from before the new image starts. It refuses what is named and lets everything else pass: a list
 * of what Node, its libraries and its successors need would break with each of them. What matters does not hang on it alone.
 */
export function firstFilter(options: FilterOptions): Instruction[] {
  const guard = (options.writeOnlySockets ?? []).flatMap((fd) => [ifEqual(fd, 0, 1), DENY]);
  const guarded = guard.length === 0 ? [] : [load(atArgument(0)), ...guard];
  return program(options.architecture, [
    ...Object.values(DENIED)
      .flat()
      .map((name): Rule => [name, [options.ignored?.includes(name) ? IGNORE : DENY]]),
    // Its flags are in memory, where no filter can look; the C library then uses clone(2).
    ["clone3", [answer(RET_ERRNO | ENOSYS)]],
    ["clone", [load(atArgument(0)), ifAnyBit(CLONE_NEW, 0, 1), DENY, ALLOW]],
    ["setresgid", [...[0, 1, 2].flatMap((at) => [load(atArgument(at)), ifEqual(options.gid, 1, 0), DENY]), ALLOW]],
    ...signalRules(options),
    // 0 means the caller; the limits of another process of the same user are none of its business.
    ["prlimit64", [load(atArgument(0)), ifEqual(0, 1, 0), ifEqual(options.pid, 0, 1), ALLOW, DENY]],
    ["socket", socketRule(options.localSockets)],
    ...(options.listens ? [] : [["listen", [DENY]] as const]),
    ["sendto", [...guarded, load(atArgument(3)), ifAnyBit(MSG_FASTOPEN, 0, 1), NO_FAST_OPEN, ALLOW]],
    ["sendmsg", [...guarded, load(atArgument(2)), ifAnyBit(MSG_FASTOPEN, 0, 1), NO_FAST_OPEN, ALLOW]],
    ["sendmmsg", [...guarded, load(atArgument(3)), ifAnyBit(MSG_FASTOPEN, 0, 1), NO_FAST_OPEN, ALLOW]],
    ...(guarded.length === 0 ? [] : REDIRECTING.map((name): Rule => [name, [...guarded, ALLOW]])),
    ["fcntl", keepNumbers(options.writeOnlySockets ?? [])],
    ["ioctl", refuseValues(1, [TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR])],
  ]);
}

/** The filter that is added once the new image runs: nothing more is executed, and nobody is let in to trace or dump it. */
export function secondFilter(options: FilterOptions): Instruction[] {
  const rules: Rule[] = [
    ["prctl", refuseValues(0, [PR_SET_DUMPABLE, PR_SET_PTRACER])],
    ["setresgid", [DENY]],
  ];
  if (!options.children) rules.push(["execve", [DENY]], ["execveat", [DENY]]);
  return program(options.architecture, rules);
}

function program(architecture: Architecture, rules: readonly Rule[]): Instruction[] {
  const instructions = [
    load(AT_ARCHITECTURE),
    ifEqual(AUDIT_ARCH[architecture], 1, 0),
    answer(RET_KILL_PROCESS),
    load(AT_NUMBER),
  ];
  if (architecture === "x64") instructions.push(ifAtLeast(X32_SYSCALL_BIT, 0, 1), DENY);
  for (const [name, body] of rules) {
    const number = syscallNumber(name, architecture);
    if (number !== undefined) instructions.push(ifEqual(number, 0, body.length), ...body);
  }
  instructions.push(ALLOW);
  return instructions;
}

/** Signals go to the process itself; 0 and negative numbers, which mean groups of processes, are others. */
function signalRules({ pid, children }: FilterOptions): Rule[] {
  if (children) return [];
  const toItself = [load(atArgument(0)), ifEqual(pid, 1, 0), DENY, ALLOW];
  return (["kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"] as const).map((name) => [name, toItself]);
}

/**
 * TCP and UDP, and netlink for name look-ups. Raw and packet sockets need capabilities; but MPTCP and SCTP would pass by
 * Landlock, whose rules are about TCP sockets (landlock(7)), and other families lead to local services or old kernel code.
 */
function socketRule(localSockets: boolean): Instruction[] {
  const internet = [
    load(atArgument(1)),
    and(SOCK_TYPE_MASK),
    ifEqual(SOCK_STREAM, 0, 5),
    load(atArgument(2)),
    ifEqual(0, 1, 0),
    ifEqual(IPPROTO_TCP, 0, 1),
    ALLOW,
    DENY,
    ifEqual(SOCK_DGRAM, 0, 4),
    load(atArgument(2)),
    ifEqual(0, 1, 0),
    ifEqual(IPPROTO_UDP, 0, 1),
    ALLOW,
    DENY,
  ];
  return [
    load(atArgument(0)),
    ifEqual(AF_NETLINK, 0, 4),
    load(atArgument(2)),
    ifEqual(NETLINK_ROUTE, 0, 1),
    ALLOW,
    DENY,
    ifEqual(AF_UNIX, 0, 1),
    localSockets ? ALLOW : DENY,
    ifEqual(AF_INET, 1, 0),
    ifEqual(AF_INET6, 0, internet.length),
    ...internet,
    DENY,
  ];
}

/** Refuses to duplicate some descriptors. */
function keepNumbers(fds: readonly number[]): Instruction[] {
  // The check stands behind the answer for all other descriptors.
  const toCheck = fds.map((fd, at) => ifEqual(fd, fds.length - at, 0));
  return [load(atArgument(0)), ...toCheck, ALLOW, ...refuseValues(1, DUPLICATING)];
}

/** Refuses some values of an argument of which the kernel looks at 32 bits. */
function refuseValues(argument: number, values: readonly number[]): Instruction[] {
  return [load(atArgument(argument)), ...values.flatMap((value) => [ifEqual(value, 0, 1), DENY]), ALLOW];
}
