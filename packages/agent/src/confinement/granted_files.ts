import { statSync } from "node:fs";
import type { Policy } from "./policy.ts";

/**
 * Watches over the single files of a policy, such as /etc/resolv.conf. The right to read one is bound to its inode: when it
 * is replaced by a rename, the new one cannot be read, and only a process that starts anew can be given it.
 */
export class GrantedFiles {
  readonly #inodes: ReadonlyMap<string, string>;

  /** Takes what is there now as what was granted. */
  constructor({ logs, readable }: Pick<Policy, "logs" | "readable">) {
    this.#inodes = new Map(
      [...logs, ...readable].flatMap((path) => {
        const inode = inodeOf(path);
        return inode === undefined ? [] : [[path, inode]];
      }),
    );
  }

  /** The files that are other ones now; looking at them, unlike opening, is always possible. */
  replaced(): string[] {
    return [...this.#inodes.keys()].filter((path) => {
      const now = inodeOf(path);
      return now !== undefined && now !== this.#inodes.get(path);
    });
  }
}

function inodeOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true });
    return stat.isFile() ? `${stat.dev}:${stat.ino}` : undefined;
  } catch {
    return undefined;
  }
}
