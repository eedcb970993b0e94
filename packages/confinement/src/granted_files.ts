import { statSync } from "node:fs";
import type { Policy } from "./policy.ts";

/**
 * Watches over the single files of a policy, such as /etc/resolv.conf. The right to read one is bound to its inode: when it
 * is replaced by a rename, the new one cannot be read, and only a process that starts anew can be given it.
 */
export class GrantedFiles {
  readonly #inodes: ReadonlyMap<string, string>;
  /** Of the logs, directories included. */
  readonly #logs: ReadonlyMap<string, string>;

  /** Takes what is there now as what was granted. */
  constructor({ logs, readable }: Pick<Policy, "logs" | "readable">) {
    this.#inodes = new Map(
      [...logs, ...readable].flatMap((path) => {
        const inode = inodeOf(path, false);
        return inode === undefined ? [] : [[path, inode]];
      }),
    );
    this.#logs = new Map(logs.map((path) => [path, inodeOf(path, true) ?? ""]));
  }

  /** Whether logs at a path can be read: it is one that was granted, or in one, which is still the one that it was. */
  hasLog(path: string): boolean {
    return [...this.#logs].some(
      ([log, inode]) =>
        (path === log || path.startsWith(log === "/" ? "/" : `${log}/`)) && inodeOf(log, true) === inode,
    );
  }

  /** The files that are other ones now; looking at them, unlike opening, is always possible. */
  replaced(): string[] {
    return [...this.#inodes.keys()].filter((path) => {
      const now = inodeOf(path, false);
      return now !== undefined && now !== this.#inodes.get(path);
    });
  }
}

function inodeOf(path: string, directories: boolean): string | undefined {
  try {
    const stat = statSync(path, { bigint: true });
    return directories || stat.isFile() ? `${stat.dev}:${stat.ino}` : undefined;
  } catch {
    return undefined;
  }
}
