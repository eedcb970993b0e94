import { readFileSync } from "node:fs";
import type { Libc } from "./libc.ts";
import { unescapeMountPoint } from "./mount_point.ts";
import { type Outcome, outcomesOf } from "./outcome.ts";
import type { Policy } from "./policy.ts";

/** unshare(2), `<linux/sched.h>`. */
const CLONE_NEWNS = 0x0002_0000;
/** mount(2), `<linux/mount.h>`. */
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SLAVE = 0x0008_0000;
/** mount_setattr(2): `struct mount_attr`, `<linux/mount.h>`. */
const MOUNT_ATTR_RDONLY = 0x01n;
const MOUNT_ATTR_NOATIME = 0x10n;
const MOUNT_ATTR__ATIME = 0x70n;
/** openat(2) and mount_setattr(2), `<linux/fcntl.h>`. */
const AT_FDCWD = -100;
const AT_RECURSIVE = 0x8000;

const { applied, unavailable, failed } = outcomesOf("mounts");

/**
 * Gives the process a mount namespace of its own in which nothing but the state directory can be written to, so that no
 * content, mode, owner, time or attribute of a log can change, whoever the process is. Reading updates no access time.
 * What is mounted outside later still appears (propagation: slave), with the flags that it is given there.
 */
export function makeMountsReadOnly(
  libc: Libc,
  policy: Pick<Policy, "stateDirectory" | "logs" | "mountsKept">,
): Outcome {
  if (policy.mountsKept !== undefined) return withoutNamespace(policy, policy.mountsKept);
  const unshared = libc.unshare(CLONE_NEWNS);
  if ("code" in unshared) return withoutNamespace(policy, `a mount namespace of its own is refused: ${unshared.code}`);
  // Without this the changes below would propagate to the whole host: mount_namespaces(7).
  const slave = libc.mount("none", "/", MS_SLAVE | MS_REC);
  if ("code" in slave) return failed(`making the mounts slaves of the host's: ${slave.code}`);
  const { stateDirectory } = policy;
  const bound = libc.mount(stateDirectory, stateDirectory, MS_BIND);
  if ("code" in bound) return failed(`mounting ${stateDirectory} on itself: ${bound.code}`);
  const timeless = { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME };
  let readOnly = setAttributes(libc, "/", AT_RECURSIVE, timeless);
  if ("code" in readOnly && readOnly.code === "EPERM") {
    // In a user namespace the access time flags of mounts from outside are locked: mount_namespaces(7). Read-only alone keeps
    // access times, too (`touch_atime` in the kernel's fs/inode.c); saying both leaves no doubt.
    readOnly = setAttributes(libc, "/", AT_RECURSIVE, { set: MOUNT_ATTR_RDONLY, clear: 0n });
  }
  if ("code" in readOnly) {
    const why = `making every mount read-only: ${readOnly.code}`;
    return readOnly.code === "ENOSYS" ? withoutNamespace(policy, `${why} (needs Linux 5.12)`) : failed(why);
  }
  const writable = setAttributes(libc, stateDirectory, 0, { set: 0n, clear: MOUNT_ATTR_RDONLY });
  if ("code" in writable) return failed(`making ${stateDirectory} writable again: ${writable.code}`);
  return applied(`every mount is read-only and keeps access times, but for ${stateDirectory}`, [
    "file systems that are mounted from now on come with the flags that they are mounted with",
  ]);
}

function setAttributes(libc: Libc, path: string, flags: number, change: { set: bigint; clear: bigint }) {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(change.set, 0);
  attributes.writeBigUInt64LE(change.clear, 8);
  return libc.syscall("mount_setattr", AT_FDCWD, Buffer.from(`${path}\0`), flags, attributes, attributes.length);
}

/** Where nothing can be mounted the mounts may be read-only already, as in a container or under a service manager. */
function withoutNamespace(policy: Pick<Policy, "logs">, why: string): Outcome {
  const hasLogs = policy.logs.length > 0;
  const writable = writableMountsOf(hasLogs ? policy.logs : ["/"]);
  return writable.length === 0
    ? applied(`the mounts that ${hasLogs ? "the logs are" : "/ is"} on are read-only already`)
    : unavailable(`${why}; and ${writable.join(", ")} can be written to as far as the files' modes allow`);
}

/** The mount points, among those that the paths are on, that are not read-only for this process. */
export function writableMountsOf(paths: readonly string[], table = mountTable()): string[] {
  return mountsOf(paths, table).flatMap(({ point, options }) => (options.split(",").includes("ro") ? [] : [point]));
}

/**
 * The mount points, among those that the paths are on, whose later mounts would not appear in a namespace of the process's
 * own: they are not shared, as without a service manager that makes them so (mount_namespaces(7)).
 */
export function privateMountsOf(paths: readonly string[], table = mountTable()): string[] {
  return mountsOf(paths, table).flatMap(({ point, tags }) =>
    tags.some((tag) => tag.startsWith("shared:")) ? [] : [point],
  );
}

interface Mount {
  readonly point: string;
  readonly options: string;
  readonly tags: readonly string[];
}

function mountTable(): string {
  return readFileSync("/proc/self/mountinfo", "utf8");
}

/** The mounts that the paths are on, each once: proc_pid_mountinfo(5). */
function mountsOf(paths: readonly string[], table: string): Mount[] {
  const mounts = table.split("\n").flatMap((line): Mount[] => {
    const [, , , , point, options, ...rest] = line.split(" ");
    if (point === undefined || options === undefined) return [];
    return [{ point: unescapeMountPoint(point), options, tags: rest.slice(0, rest.indexOf("-")) }];
  });
  const on = paths.map((path) =>
    mounts
      .filter(({ point }) => path === point || path.startsWith(point === "/" ? "/" : `${point}/`))
      // The longest mount point that leads to the path; of several at one point, the last is on top.
      .reduce<Mount | undefined>(
        (best, mount) => (mount.point.length >= (best?.point.length ?? 0) ? mount : best),
        undefined,
      ),
  );
  return [...new Set(on.filter((mount) => mount !== undefined))];
}
