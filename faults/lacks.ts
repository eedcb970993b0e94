/** What a machine must have for some faults. Each tells what is missing; undefined when it is there. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mountsRefused } from "../packages/agent/src/watch/mounting.ts";
import { MemoryGroup } from "./memory_group.ts";

export function asRoot(): string | undefined {
  return process.geteuid?.() === 0 ? undefined : "needs root";
}

export function mounts(): string | undefined {
  return mountsRefused() || undefined;
}

/** A file system on which an open file can be made unwritable. */
export function immutableFiles(): string | undefined {
  const path = join(mkdtempSync(join(tmpdir(), "lacks-")), "file");
  const fd = openSync(path, "w");
  try {
    if (spawnSync("chattr", ["+i", path]).status !== 0)
      return "needs root, chattr, and a file system that knows its flag i";
    writeSync(fd, "x");
    return "needs a file system that refuses writing to an open file that is immutable, such as ext4";
  } catch {
    return undefined;
  } finally {
    spawnSync("chattr", ["-i", path]);
    closeSync(fd);
    rmSync(dirname(path), { recursive: true });
  }
}

export function memoryGroup(): string | undefined {
  return asRoot() ?? MemoryGroup.lacks();
}

/** Clocks of their own for the agent, as far as Linux has them: not the wall clock. */
export function timeNamespace(): string | undefined {
  const { status } = spawnSync("unshare", ["--time", "--monotonic", "1", "true"]);
  return status === 0 ? undefined : "needs root and a kernel with time namespaces";
}
