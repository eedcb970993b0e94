/** A C library for tests, of kernels that this machine does not have. */
import type { Libc } from "./libc.ts";

/** One that says 0 to everything but what is given. */
export function fakeLibc(given: Partial<Libc>): Libc {
  const fine = (): { value: number } => ({ value: 0 });
  return {
    prctl: fine,
    syscall: fine,
    unshare: fine,
    mount: fine,
    setresuid: fine,
    setresgid: fine,
    clearGroups: fine,
    setrlimit: fine,
    memfdCreate: fine,
    filter: fine,
    keepOverExec: fine,
    closeAtExec: fine,
    ...given,
  };
}
