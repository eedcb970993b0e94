import { readFileSync } from "node:fs";

/** How long the table of mounts is taken to be what it was, in milliseconds. An id that is not in it is looked up at once. */
const TABLE_MS = 1000;

let ids: ReadonlySet<string> = new Set();
let readAt = Number.NEGATIVE_INFINITY;

/**
 * Whether what a descriptor refers to lies on a mount that this process sees. A link through `/proc/PID/root` leads into the mount
 * namespace of another process, where whoever made it may have mounted anything anywhere: the real path of such a descriptor is
 * told as that namespace sees it, and may well be one of a log (proc_pid_root(5), mount_namespaces(7)). The number of the
 * mount is told by proc_pid_fdinfo(5) and proc_pid_mountinfo(5), and is another in every namespace.
 */
export function isOnOwnMount(fd: number): boolean {
  if (process.platform !== "linux") return true;
  // Since Linux 3.15.
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
  if (id === undefined) return true;
  const now = performance.now();
  if (now - readAt > TABLE_MS || !ids.has(id)) {
    const table = readFileSync("/proc/self/mountinfo", "latin1");
    ids = new Set(table.split("\n").map((line) => line.slice(0, line.indexOf(" "))));
    readAt = now;
  }
  return ids.has(id);
}
