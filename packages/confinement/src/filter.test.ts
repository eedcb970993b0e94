import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import {
  AND,
  encodeProgram,
  type Instruction,
  JUMP_ANY_BIT,
  JUMP_EQUAL,
  JUMP_GREATER_OR_EQUAL,
  LOAD_WORD,
  RET_ALLOW,
  RET_ERRNO,
  RET_KILL_PROCESS,
  RETURN,
} from "./bpf.ts";
import { DENIED } from "./denied_calls.ts";
import { type FilterOptions, firstFilter, secondFilter } from "./filter.ts";
import { ARCHITECTURES, type Architecture, type SyscallName, syscallNumber } from "./syscall_numbers.ts";

const PID = 4711;
const AUDIT_ARCH: Record<Architecture, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };
const AUDIT_ARCH_I386 = 0x40000003;
const EPERM = RET_ERRNO | constants.errno.EPERM;
const ENOSYS = RET_ERRNO | constants.errno.ENOSYS;
/** Above every number that is in use. */
const HIGHEST = 600;

/** Runs a program as the kernel does: seccomp(2), `bpf_check_classic` and `seccomp_check_filter` refuse what this throws on. */
function run(
  program: readonly Instruction[],
  architecture: number,
  number: number,
  args: readonly bigint[] = [],
): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture >>> 0, 4);
  for (const [index, value] of args.entries()) data.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const instruction = program[at];
    assert.ok(instruction !== undefined, "the program runs past its end");
    const { code, jt, jf, k } = instruction;
    const jump = (holds: boolean): void => {
      at += holds ? jt : jf;
    };
    if (code === LOAD_WORD) {
      assert.equal(k % 4, 0, "loads are aligned");
      accumulator = data.readUInt32LE(k);
    } else if (code === AND) accumulator = (accumulator & k) >>> 0;
    else if (code === JUMP_EQUAL) jump(accumulator === k >>> 0);
    else if (code === JUMP_GREATER_OR_EQUAL) jump(accumulator >= k >>> 0);
    else if (code === JUMP_ANY_BIT) jump((accumulator & k) !== 0);
    else if (code === RETURN) return k >>> 0;
    else assert.fail(`unknown instruction ${code}`);
  }
}

const options = (architecture: Architecture): FilterOptions => ({
  architecture,
  pid: PID,
  gid: 4712,
  listens: false,
  localSockets: false,
  children: false,
});

for (const architecture of ARCHITECTURES) {
  const first = firstFilter(options(architecture));
  const second = secondFilter(options(architecture));
  const audit = AUDIT_ARCH[architecture];
  const call = (name: SyscallName, ...args: bigint[]): number =>
    run(first, audit, syscallNumber(name, architecture) ?? assert.fail(`${name} is not there`), args);

  test(`${architecture}: what is named is refused, and every other number passes`, () => {
    const denied = new Set(
      Object.values(DENIED)
        .flat()
        .map((name) => syscallNumber(name, architecture)),
    );
    // With all arguments 0 these are refused: they are about process 0, or an address family of 0.
    const byArgument = ["setresgid", "kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "socket"] as const;
    for (const name of byArgument) denied.add(syscallNumber(name, architecture));
    denied.add(syscallNumber("listen", architecture));
    for (let number = 0; number < HIGHEST; number++) {
      const expected =
        number === syscallNumber("clone3", architecture) ? ENOSYS : denied.has(number) ? EPERM : RET_ALLOW;
      assert.equal(run(first, audit, number), expected, `number ${number}`);
    }
  });

  test(`${architecture}: the second filter refuses to execute, and nothing else but two settings`, () => {
    const executing = [syscallNumber("execve", architecture), syscallNumber("execveat", architecture)];
    const setresgid = syscallNumber("setresgid", architecture);
    const withChildren = secondFilter({ ...options(architecture), children: true });
    for (let number = 0; number < HIGHEST; number++) {
      assert.equal(
        run(second, audit, number),
        [...executing, setresgid].includes(number) ? EPERM : RET_ALLOW,
        `number ${number}`,
      );
      assert.equal(run(withChildren, audit, number), number === setresgid ? EPERM : RET_ALLOW, `number ${number}`);
    }
    const prctl = syscallNumber("prctl", architecture) ?? -1;
    assert.equal(run(second, audit, prctl, [4n, 1n]), EPERM);
    assert.equal(run(second, audit, prctl, [0x59616d61n, 1n]), EPERM);
    assert.equal(run(second, audit, prctl, [15n]), RET_ALLOW);
  });

  test(`${architecture}: calls of another architecture end the process`, () => {
    for (const other of [AUDIT_ARCH_I386, ...Object.values(AUDIT_ARCH).filter((value) => value !== audit)]) {
      assert.equal(run(first, other, 0), RET_KILL_PROCESS);
      assert.equal(run(second, other, 0), RET_KILL_PROCESS);
    }
  });

  test(`${architecture}: signals go to the process itself only`, () => {
    for (const name of ["kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"] as const) {
      assert.equal(call(name, BigInt(PID), 15n), RET_ALLOW, name);
      for (const other of [0n, -1n, 1n, -BigInt(PID), BigInt(PID + 1)])
        assert.equal(call(name, other, 15n), EPERM, name);
    }
    assert.equal(call("prlimit64", BigInt(PID)), RET_ALLOW);
    assert.equal(call("prlimit64", 1n), EPERM);
    const withChildren = firstFilter({ ...options(architecture), children: true });
    assert.equal(run(withChildren, audit, syscallNumber("kill", architecture) ?? -1, [1n]), RET_ALLOW);
  });

  test(`${architecture}: the group can be made the given one before the second filter, and no other`, () => {
    assert.equal(call("setresgid", 4712n, 4712n, 4712n), RET_ALLOW);
    for (const gids of [
      [4712n, 4712n, 0n],
      [0n, 4712n, 4712n],
      [4712n, 0xffffffffn, 4712n],
    ] as const)
      assert.equal(call("setresgid", ...gids), EPERM);
  });

  test(`${architecture}: sockets are TCP, UDP or netlink`, () => {
    const [INET, INET6, UNIX, NETLINK, PACKET, ALG, VSOCK, SMC] = [2n, 10n, 1n, 16n, 17n, 38n, 40n, 43n];
    const CLOEXEC_NONBLOCK = 0o2004000n;
    for (const family of [INET, INET6]) {
      for (const [type, protocol] of [
        [1n, 0n],
        [1n, 6n],
        [2n, 0n],
        [2n, 17n],
      ] as const) {
        assert.equal(call("socket", family, type, protocol), RET_ALLOW);
        assert.equal(call("socket", family, type | CLOEXEC_NONBLOCK, protocol), RET_ALLOW);
      }
      for (const [type, protocol] of [
        [1n, 262n],
        [1n, 132n],
        [5n, 132n],
        [3n, 1n],
        [3n, 255n],
        [2n, 1n],
        [2n, 136n],
      ] as const)
        assert.equal(
          call("socket", family, type | CLOEXEC_NONBLOCK, protocol),
          EPERM,
          `type ${type} protocol ${protocol}`,
        );
    }
    assert.equal(call("socket", NETLINK, 3n, 0n), RET_ALLOW);
    // Audit, netfilter, generic.
    for (const protocol of [9n, 12n, 16n]) assert.equal(call("socket", NETLINK, 3n, protocol), EPERM);
    const server = firstFilter({ ...options(architecture), listens: true });
    assert.equal(run(server, audit, syscallNumber("listen", architecture) ?? -1, [3n]), RET_ALLOW);
    for (const family of [UNIX, PACKET, ALG, VSOCK, SMC, 0n]) assert.equal(call("socket", family, 1n, 0n), EPERM);
    const local = firstFilter({ ...options(architecture), localSockets: true });
    assert.equal(run(local, audit, syscallNumber("socket", architecture) ?? -1, [UNIX, 1n, 0n]), RET_ALLOW);
  });

  test(`${architecture}: a socket that may be written to alone leads nowhere else, and keeps its number`, () => {
    const given = firstFilter({ ...options(architecture), writeOnlySockets: [9, 21] });
    const of = (name: SyscallName, fd: bigint): number | undefined => {
      const number = syscallNumber(name, architecture);
      return number === undefined ? undefined : run(given, audit, number, [fd, 0n, 0n, 0n]);
    };
    for (const name of ["connect", "bind", "dup", "dup2", "dup3", "sendto", "sendmsg", "sendmmsg"] as const) {
      const isThere = syscallNumber(name, architecture) !== undefined;
      // The kernel looks at the lower half of a descriptor's word.
      for (const fd of [9n, 21n, 0x1_0000_0009n]) assert.equal(of(name, fd), isThere ? EPERM : undefined, name);
      for (const fd of [3n, 10n]) assert.equal(of(name, fd), isThere ? RET_ALLOW : undefined, name);
    }
    const fcntl = (fd: bigint, command: bigint): number =>
      run(given, audit, syscallNumber("fcntl", architecture) ?? -1, [fd, command]);
    // F_DUPFD and F_DUPFD_CLOEXEC; F_SETFD, with which the descriptor is kept over execve(2).
    for (const fd of [9n, 21n]) {
      for (const command of [0n, 1030n]) assert.equal(fcntl(fd, command), EPERM);
      assert.equal(fcntl(fd, 2n), RET_ALLOW);
    }
    for (const command of [0n, 2n, 1030n]) assert.equal(fcntl(10n, command), RET_ALLOW);
    // write(2)
    assert.equal(run(given, audit, architecture === "x64" ? 1 : 64, [9n]), RET_ALLOW);
  });

  test(`${architecture}: a send that connects is refused, and so are new namespaces and input to a terminal`, () => {
    const FASTOPEN = 0x20000000n;
    const NOSIGNAL = 0x4000n;
    for (const [name, at] of [
      ["sendto", 3],
      ["sendmsg", 2],
      ["sendmmsg", 3],
    ] as const) {
      const args = (flags: bigint): bigint[] => Array.from({ length: 4 }, (_, index) => (index === at ? flags : 0n));
      assert.equal(call(name, ...args(NOSIGNAL)), RET_ALLOW);
      assert.equal(call(name, ...args(NOSIGNAL | FASTOPEN)), RET_ERRNO | constants.errno.EOPNOTSUPP);
    }
    // What pthread_create(3) and vfork(2) ask for.
    for (const flags of [0x3d0f00n, 0x4111n, 17n]) assert.equal(call("clone", flags), RET_ALLOW);
    for (const flag of [0x10000000n, 0x00020000n, 0x40000000n]) assert.equal(call("clone", flag | 17n), EPERM);
    for (const request of [0x5412n, 0x541cn, 0x40086602n, 0x401c5820n]) assert.equal(call("ioctl", 0n, request), EPERM);
    // TCGETS, FIONBIO.
    for (const request of [0x5401n, 0x5421n]) assert.equal(call("ioctl", 0n, request), RET_ALLOW);
  });
}

test("what is to be ignored is answered with success, and all else as ever", () => {
  const { x64 } = AUDIT_ARCH;
  const program = firstFilter({ ...options("x64"), ignored: ["utimensat"] });
  const of = (name: SyscallName): number => run(program, x64, syscallNumber(name, "x64") ?? -1, []);
  assert.equal(of("utimensat"), RET_ERRNO);
  assert.equal(of("utime"), RET_ERRNO | constants.errno.EPERM);
});

test("x32 calls, which x86-64 kernels may know, are refused", () => {
  const program = firstFilter(options("x64"));
  assert.equal(run(program, AUDIT_ARCH.x64, 0x40000000), EPERM);
  assert.equal(run(program, AUDIT_ARCH.x64, 0x40000000 + 39), EPERM);
});

test("a program fits the kernel's limits, and is laid out as struct sock_filter", () => {
  const program = firstFilter(options("x64"));
  // BPF_MAXINSNS
  assert.ok(program.length <= 4096);
  assert.ok(program.every(({ jt, jf }) => jt <= 255 && jf <= 255));
  const bytes = encodeProgram([{ code: JUMP_EQUAL, jt: 1, jf: 2, k: 0xc000003e }]);
  assert.equal(bytes.toString("hex"), "150001023e0000c0");
});
