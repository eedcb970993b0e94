import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";
import { type SyscallName, syscallNumber, thisArchitecture } from "./syscall_numbers.ts";

/** A call's result: a value, or the errno name. */
export type CallResult = { readonly value: number } | { readonly code: string };

/** An argument of a raw system call; of a buffer its address is passed. */
type Argument = number | bigint | Buffer;

/** The calls that Node has no function for. Those of the C library act on every thread where the library sees to it. */
export interface Libc {
  /** prctl(2): of the calling thread. */
  prctl(option: number, ...args: readonly Argument[]): CallResult;
  /** syscall(2): of the calling thread. `ENOSYS` where the architecture does not have the call. */
  syscall(name: SyscallName, ...args: readonly Argument[]): CallResult;
  unshare(flags: number): CallResult;
  mount(source: string, target: string, flags: number): CallResult;
  /** setresuid(3), on every thread: nptl(7), "NPTL and the POSIX threads standard". */
  setresuid(real: number, effective: number, saved: number): CallResult;
  setresgid(real: number, effective: number, saved: number): CallResult;
  /** setgroups(2) with no group. */
  clearGroups(): CallResult;
  setrlimit(resource: number, soft: number, hard: number): CallResult;
  memfdCreate(name: string, flags: number): CallResult;
  /** seccomp(2) with a `struct sock_fprog` made of a program. */
  filter(operation: number, flags: number, instructions: number, program: Buffer): CallResult;
  /** Lets a descriptor stay open over execve(2): fcntl(2), F_SETFD. */
  keepOverExec(fd: number): CallResult;
  /** The opposite. */
  closeAtExec(fd: number): CallResult;
}

/** `F_SETFD` of fcntl(2), `<bits/fcntl-linux.h>`. */
const F_SETFD = 2;
const FD_CLOEXEC = 1n;

let loaded: Libc | string | undefined;

/** The calls, or in words why they cannot be had (not Linux, an unknown architecture, no `node:ffi`). */
export function libc(): Libc | string {
  loaded ??= load();
  return loaded;
}

function load(): Libc | string {
  if (process.platform !== "linux") return `there is no such confinement on ${process.platform}`;
  if (thisArchitecture() === undefined) return `the system call numbers of ${process.arch} are not known here`;
  try {
    // Asked for at run time: an import statement would end the process where the module does not exist.
    const ffi: typeof import("node:ffi") = createRequire(import.meta.url)("node:ffi");
    return bind(ffi);
  } catch (error) {
    return `node:ffi cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function bind(ffi: typeof import("node:ffi")): Libc {
  const { functions: c } = ffi.dlopen(null, {
    // Both are variadic in C; for integers and pointers the calling conventions of x86-64 and arm64 make no difference.
    prctl: { arguments: ["i32", "u64", "u64", "u64", "u64"], return: "i32" },
    syscall: { arguments: ["i64", "u64", "u64", "u64", "u64", "u64", "u64"], return: "i64" },
    fcntl: { arguments: ["i32", "i32", "u64"], return: "i32" },
    unshare: { arguments: ["i32"], return: "i32" },
    mount: { arguments: ["string", "string", "u64", "u64", "u64"], return: "i32" },
    setresuid: { arguments: ["u32", "u32", "u32"], return: "i32" },
    setresgid: { arguments: ["u32", "u32", "u32"], return: "i32" },
    setgroups: { arguments: ["u64", "u64"], return: "i32" },
    setrlimit: { arguments: ["i32", "buffer"], return: "i32" },
    memfd_create: { arguments: ["string", "u32"], return: "i32" },
    // glibc's and musl's name for the address of this thread's errno; the address is constant for the thread.
    __errno_location: { arguments: [], return: "pointer" },
  });
  const errno = c.__errno_location();
  // errno is read in the statement after the call: nothing of Node runs in between that could set it anew.
  const outcome = (value: number): CallResult =>
    value === -1 ? { code: getSystemErrorName(-ffi.getInt32(errno, 0)) } : { value };
  const word = (argument: Argument | undefined): bigint => {
    if (argument === undefined) return 0n;
    if (Buffer.isBuffer(argument)) return ffi.getRawPointer(argument);
    // Negative numbers, such as AT_FDCWD, as the kernel reads them back: in two's complement.
    return BigInt.asUintN(64, BigInt(argument));
  };
  const architecture = thisArchitecture();
  const syscall = (name: SyscallName, ...args: readonly Argument[]): CallResult => {
    const number = architecture === undefined ? undefined : syscallNumber(name, architecture);
    if (number === undefined) return { code: "ENOSYS" };
    const [a0, a1, a2, a3, a4, a5] = args.map(word);
    const result = c.syscall(BigInt(number), a0 ?? 0n, a1 ?? 0n, a2 ?? 0n, a3 ?? 0n, a4 ?? 0n, a5 ?? 0n);
    return outcome(Number(result));
  };
  return {
    syscall,
    prctl: (option, a, b, d, e) => outcome(c.prctl(option, word(a), word(b), word(d), word(e))),
    unshare: (flags) => outcome(c.unshare(flags)),
    mount: (source, target, flags) => outcome(c.mount(source, target, 0n, BigInt(flags), 0n)),
    setresuid: (real, effective, saved) => outcome(c.setresuid(real, effective, saved)),
    setresgid: (real, effective, saved) => outcome(c.setresgid(real, effective, saved)),
    clearGroups: () => outcome(c.setgroups(0n, 0n)),
    setrlimit(resource, soft, hard) {
      // struct rlimit of getrlimit(2): two unsigned 64-bit numbers on 64-bit architectures.
      const limit = Buffer.alloc(16);
      limit.writeBigUInt64LE(BigInt(soft), 0);
      limit.writeBigUInt64LE(BigInt(hard), 8);
      return outcome(c.setrlimit(resource, limit));
    },
    memfdCreate: (name, flags) => outcome(c.memfd_create(name, flags)),
    filter(operation, flags, instructions, program) {
      // struct sock_fprog, `<linux/filter.h>`: a 16-bit length, padding, a pointer.
      const header = Buffer.alloc(16);
      header.writeUInt16LE(instructions, 0);
      header.writeBigUInt64LE(ffi.getRawPointer(program), 8);
      return syscall("seccomp", operation, flags, header);
    },
    keepOverExec: (fd) => outcome(c.fcntl(fd, F_SETFD, 0n)),
    closeAtExec: (fd) => outcome(c.fcntl(fd, F_SETFD, FD_CLOEXEC)),
  };
}
