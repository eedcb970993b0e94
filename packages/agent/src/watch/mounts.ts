import { closeSync, openSync, readFileSync } from "node:fs";
import { unescapeMountPoint } from "@logdna-agent/confinement";
import type { InotifyCalls } from "./inotify_calls.ts";

const TABLE = "/proc/self/mountinfo";

/**
 * Tells when file systems were mounted or unmounted. The kernel raises no inotify event for a mount; it signals an
 * exceptional condition on an open mountinfo (proc_pid_mountinfo(5)), which poll(2) without waiting sees in about 2 µs,
 * where reading and comparing the table takes 40 µs and more on hosts with many containers.
 */
export class MountTable {
  readonly #calls: InotifyCalls | undefined;
  #fd = -1;
  #mounts = new Map<string, string>();

  constructor(calls: InotifyCalls | undefined) {
    this.#calls = calls;
  }

  /** Takes the present table as known. Where there is none (not Linux), nothing ever changes. */
  open(): void {
    try {
      this.#fd = openSync(TABLE, "r");
    } catch {
      return;
    }
    // The first poll always reports; from then on only changes do.
    this.#calls?.hasPriorityCondition(this.#fd);
    this.#mounts = readTable();
  }

  /** The mount points where a mount appeared or went since the last call; mostly none. */
  changed(): string[] {
    if (this.#fd === -1) return [];
    if (this.#calls !== undefined && !this.#calls.hasPriorityCondition(this.#fd)) return [];
    const before = this.#mounts;
    const now = readTable();
    this.#mounts = now;
    const points = new Set<string>();
    for (const [id, point] of now) if (before.get(id) !== point) points.add(point);
    for (const [id, point] of before) if (now.get(id) !== point) points.add(point);
    return [...points];
  }

  close(): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
  }
}

/** Mount id and device to mount point; a mount id is used again after an unmount, a device rarely at once. */
function readTable(): Map<string, string> {
  const mounts = new Map<string, string>();
  for (const line of readFileSync(TABLE, "utf8").split("\n")) {
    const [id, , device, root, point] = line.split(" ");
    if (point !== undefined) mounts.set(`${id} ${device} ${root}`, unescapeMountPoint(point));
  }
  return mounts;
}
