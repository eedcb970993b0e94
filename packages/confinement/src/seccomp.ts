import { encodeProgram, type Instruction } from "./bpf.ts";
import { type FilterOptions, firstFilter, secondFilter } from "./filter.ts";
import type { Libc } from "./libc.ts";
import { type Outcome, outcomesOf } from "./outcome.ts";
import type { Policy } from "./policy.ts";
import { thisArchitecture } from "./syscall_numbers.ts";

/** seccomp(2), `<linux/seccomp.h>`. */
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;

const { applied, unavailable, failed } = outcomesOf("seccomp");

/** Puts the filter on that the new image starts with, on every thread. Needs no_new_privs. */
export function filterSystemCalls(libc: Libc, policy: Policy): Outcome {
  return install(libc, policy, firstFilter, "system calls that nothing here needs are refused");
}

/** Puts the second filter on, on every thread of the new image. */
export function filterFurther(libc: Libc, policy: Policy): Outcome {
  const what = policy.programs.length === 0 ? "executing is refused, too" : "tracing is not let in";
  return install(libc, policy, secondFilter, what);
}

function install(libc: Libc, policy: Policy, filter: (options: FilterOptions) => Instruction[], what: string): Outcome {
  const architecture = thisArchitecture();
  if (architecture === undefined) return unavailable(`the system call numbers of ${process.arch} are not known here`);
  const { localSockets, programs, bindPorts, ignoredCalls: ignored = [], writeOnlySockets = [] } = policy;
  const listens = bindPorts.length > 0 || policy.listens === true;
  const program = filter({
    architecture,
    pid: process.pid,
    gid: policy.gid,
    listens,
    localSockets,
    writeOnlySockets,
    children: programs.length > 0,
    ignored,
  });
  const code = encodeProgram(program);
  const result = libc.filter(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program.length, code);
  if ("value" in result && result.value === 0) return applied(what);
  // TSYNC answers the id of a thread that has other filters than this one.
  if ("value" in result) return failed(`thread ${result.value} has a filter of its own`);
  return result.code === "ENOSYS" || result.code === "EINVAL"
    ? unavailable(`the kernel has no system call filter: ${result.code}`)
    : failed(`installing the filter: ${result.code}`);
}
