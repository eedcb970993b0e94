import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A process leaves its group a little after its end. */
const PATIENCE_MS = 5000;
const ROOT = "/sys/fs/cgroup";

/** A control group with a limit on memory, of version 2 or 1: whoever in it asks for more is killed by the kernel. */
export class MemoryGroup {
  readonly #path: string;

  /** @param limit bytes. */
  constructor(limit: number) {
    const v2 = isVersion2();
    this.#path = join(v2 ? ROOT : join(ROOT, "memory"), `faults-${process.pid}-${performance.now().toFixed(0)}`);
    mkdirSync(this.#path);
    writeFileSync(join(this.#path, v2 ? "memory.max" : "memory.limit_in_bytes"), String(limit));
  }

  /** Why there can be none here; undefined when there can. */
  static lacks(): string | undefined {
    try {
      rmdirSync(new MemoryGroup(64 * 1024 * 1024).#path);
      return undefined;
    } catch (error) {
      return `needs a control group for memory that can be made (${error instanceof Error ? error.message : error})`;
    }
  }

  /** In front of a program: it runs in the group, and is or is not the one that the kernel ends when memory lacks. */
  wrapper(victim: boolean): readonly string[] {
    const adjust = victim ? "echo 1000 > /proc/$$/oom_score_adj && " : "";
    return ["sh", "-c", `echo $$ > "$0" && ${adjust}exec "$@"`, join(this.#path, "cgroup.procs")];
  }

  /** Removes it; what was in it has ended, or is about to. */
  async remove(): Promise<void> {
    for (const until = performance.now() + PATIENCE_MS; ; await delay(10)) {
      try {
        return rmdirSync(this.#path);
      } catch (error) {
        if (performance.now() > until) throw error;
      }
    }
  }
}

function isVersion2(): boolean {
  const path = join(ROOT, "cgroup.subtree_control");
  return existsSync(path) && readFileSync(path, "utf8").includes("memory");
}
