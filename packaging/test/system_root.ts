import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

/** A system to install into: this one, on which nothing is changed. */
export interface SystemRoot {
  readonly path: string;
  /** What is put in front of a program to run it there. */
  readonly enter: readonly string[];
  /** Runs a program in it as root. @throws {Error} with what it said. */
  run(...command: readonly [string, ...string[]]): string;
  has(path: string): boolean;
  read(path: string): string;
  write(path: string, text: string, mode?: number): void;
}

/** Why there can be none here; false when there can. */
export function needsOverlay(): string | false {
  if (process.geteuid?.() !== 0) return "needs root, to install packages";
  return /\boverlay$/m.test(readFileSync("/proc/filesystems", "utf8")) ? false : "needs overlayfs";
}

/**
 * This system's files with a layer in memory over them, which takes all changes and ends with the test: real package managers, with their
 * real databases, find a whole system there. No service manager runs in it.
 */
export async function systemRoot(t: TestContext): Promise<SystemRoot> {
  const layer = mkdtempSync(join(tmpdir(), "system-"));
  const upper = `lowerdir=/,upperdir=${layer}/upper,workdir=${layer}/work`;
  const script = [
    `mount -t tmpfs -o mode=0755 tmpfs ${layer}`,
    `mkdir ${layer}/upper ${layer}/work ${layer}/root`,
    `mount -t overlay -o ${upper} overlay ${layer}/root`,
    `mount -t proc proc ${layer}/root/proc`,
    `mount --bind /dev ${layer}/root/dev`,
    "echo mounted",
    // Until the test ends, however it does.
    "exec cat",
  ];
  const holder = spawn("unshare", ["--mount", "--propagation", "private", "--", "sh", "-ec", script.join("\n")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => {
    holder.stdin.destroy();
    rmSync(layer, { recursive: true, force: true });
  });
  await Promise.race([
    once(holder.stdout, "data"),
    once(holder, "exit").then(() => Promise.reject(new Error("The system was not mounted."))),
  ]);
  // Of the holder's mounts, seen from here.
  const path = `/proc/${holder.pid}/root${layer}/root`;
  // In a namespace of its own, in which more can be mounted.
  const enter = [
    "nsenter",
    "-t",
    String(holder.pid),
    "-m",
    "--",
    "unshare",
    "--mount",
    "--propagation",
    "slave",
    "--",
    "chroot",
    `${layer}/root`,
  ];
  rmSync(join(path, "var/lib/logdna"), { recursive: true, force: true });
  const at = (name: string): string => join(path, name);
  return {
    path,
    enter,
    run(...command) {
      const [program = "", ...args] = [...enter, ...command];
      const { status, stdout, stderr } = spawnSync(program, args, {
        encoding: "utf8",
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
      });
      if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
      return stdout;
    },
    has: (name) => existsSync(at(name)),
    read: (name) => readFileSync(at(name), "utf8"),
    write(name, text, mode = 0o644) {
      mkdirSync(dirname(at(name)), { recursive: true });
      writeFileSync(at(name), text, { mode });
    },
  };
}
