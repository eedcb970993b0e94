import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";

/**
 * Event bits and flags of inotify(7); the values are those of `<sys/inotify.h>` and the same on every architecture.
 */
export const IN_MODIFY = 0x0000_0002;
export const IN_ATTRIB = 0x0000_0004;
export const IN_MOVED_FROM = 0x0000_0040;
export const IN_MOVED_TO = 0x0000_0080;
export const IN_CREATE = 0x0000_0100;
export const IN_DELETE = 0x0000_0200;
export const IN_DELETE_SELF = 0x0000_0400;
export const IN_MOVE_SELF = 0x0000_0800;
export const IN_Q_OVERFLOW = 0x0000_4000;
export const IN_IGNORED = 0x0000_8000;
export const IN_ONLYDIR = 0x0100_0000;
export const IN_EXCL_UNLINK = 0x0400_0000;
export const IN_MASK_ADD = 0x2000_0000;
export const IN_ISDIR = 0x4000_0000;

/** `IN_CLOEXEC` is `O_CLOEXEC`, 02000000 on the architectures Node runs on: inotify_init(2), `<bits/inotify.h>`. */
const IN_CLOEXEC = 0o2000000;

/** `POLLPRI` and `POLLERR` of poll(2), `<bits/poll.h>`. */
const POLLPRI = 0x0002;
const POLLERR = 0x0008;

/** Longest path with the NUL behind it, in bytes: `<linux/limits.h>`. */
const PATH_MAX = 4096;

/** A system call's result: a value, or the errno name. */
type CallResult = { readonly value: number } | { readonly code: string };

/** The few system calls that Node has no function for. */
export interface InotifyCalls {
  init(): CallResult;
  addWatch(fd: number, path: string, mask: number): CallResult;
  rmWatch(fd: number, wd: number): CallResult;
  /** True when poll(2) sees an exceptional condition on `fd`; never waits. */
  hasPriorityCondition(fd: number): boolean;
}

let loaded: InotifyCalls | string | undefined;

/** The calls, or in words why they cannot be had (not Linux, no `node:ffi`). */
export function inotifyCalls(): InotifyCalls | string {
  loaded ??= load();
  return loaded;
}

function load(): InotifyCalls | string {
  if (process.platform !== "linux") return `no inotify on ${process.platform}`;
  let ffi: typeof import("node:ffi");
  try {
    // Asked for at run time: an import statement would end the process where the module does not exist.
    ffi = createRequire(import.meta.url)("node:ffi");
    return bind(ffi);
  } catch (error) {
    return `node:ffi cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function bind(ffi: typeof import("node:ffi")): InotifyCalls {
  const { functions: libc } = ffi.dlopen(null, {
    inotify_init1: { arguments: ["i32"], return: "i32" },
    inotify_add_watch: { arguments: ["i32", "pointer", "u32"], return: "i32" },
    inotify_rm_watch: { arguments: ["i32", "i32"], return: "i32" },
    poll: { arguments: ["pointer", "u64", "i32"], return: "i32" },
    // glibc's and musl's name for the address of this thread's errno; the address is constant for the thread.
    __errno_location: { arguments: [], return: "pointer" },
  });
  // What is passed and read is in memory of which the address is taken now: later the process has given up node:ffi.
  const errno = ffi.toBuffer(libc.__errno_location(), 4, false);
  // errno is read in the statement after the call: nothing of Node runs in between that could set it anew.
  const outcome = (value: number): CallResult =>
    value === -1 ? { code: getSystemErrorName(-errno.readInt32LE(0)) } : { value };
  const pollfd = Buffer.alloc(8);
  const pollfdAt = ffi.getRawPointer(pollfd);
  const pathname = Buffer.alloc(PATH_MAX);
  const pathnameAt = ffi.getRawPointer(pathname);
  return {
    init: () => outcome(libc.inotify_init1(IN_CLOEXEC)),
    addWatch(fd, path, mask) {
      if (Buffer.byteLength(path) >= PATH_MAX) return { code: "ENAMETOOLONG" };
      pathname[pathname.write(path)] = 0;
      return outcome(libc.inotify_add_watch(fd, pathnameAt, mask));
    },
    rmWatch: (fd, wd) => outcome(libc.inotify_rm_watch(fd, wd)),
    hasPriorityCondition(fd) {
      pollfd.writeInt32LE(fd, 0);
      pollfd.writeInt16LE(POLLPRI | POLLERR, 4);
      pollfd.writeInt16LE(0, 6);
      return libc.poll(pollfdAt, 1n, 0) > 0;
    },
  };
}
