/** Mounts for tests: real ones, which take root and a kernel that lets it. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const MOUNT = "/bin/mount";
const UMOUNT = "/bin/umount";

/** Arguments that mount an empty file system. */
export const TMPFS = ["-t", "tmpfs", "tmpfs"] as const;

/** Why mounts cannot be tested here; false where they can. */
export function mountsRefused(): string | false {
  if (process.geteuid?.() !== 0) return "needs root, to mount";
  if (!existsSync(MOUNT)) return "needs the program mount";
  const directory = mkdtempSync(join(tmpdir(), "mount-"));
  const { status } = spawnSync(MOUNT, [...TMPFS, directory]);
  if (status === 0) spawnSync(UMOUNT, [directory]);
  rmdirSync(directory);
  return status === 0 ? false : "needs a kernel that lets root mount, as few containers have";
}

/** Mounts at a path; the result unmounts, once, as soon as nothing there is open: directories are while they are listed. */
export function mountAt(path: string, ...args: readonly string[]): () => Promise<void> {
  execFileSync(MOUNT, [...args, path]);
  let mounted = true;
  return async () => {
    const deadline = performance.now() + 20_000;
    while (mounted) {
      const { status, stderr } = spawnSync(UMOUNT, [path], { encoding: "utf8" });
      mounted = status !== 0;
      if (!mounted) return;
      if (performance.now() > deadline) {
        spawnSync(UMOUNT, ["--lazy", path]);
        throw new Error(`not unmounted within 20 s: ${stderr}`);
      }
      await delay(10);
    }
  };
}
