import { lstat, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { trustedPath } from "@logdna-agent/confinement";
import { type Directory, encodeName } from "./directory.ts";
import type { WatchReport } from "./sink.ts";
import type { Tree } from "./tree.ts";

interface Root {
  /** Real path, resolved once when the watcher started. */
  readonly path: string;
  state: "unknown" | "missing" | "directory" | "file" | "link";
  /** A directory on the way could not be watched: only looking again shows a change. */
  blind: boolean;
  /** The check under way. */
  check: Promise<void> | undefined;
  /** Something came or went since the check began to look. */
  again: boolean;
}

/**
 * The roots, and the directories on the way to each. Every directory on the way is watched for names, so that a root that
 * is missing, is deleted, or whose parents are replaced is seen as it comes, at any depth.
 */
export class Roots {
  readonly #tree: Tree;
  readonly #report: (event: WatchReport) => void;
  readonly #enqueue: (directory: Directory) => void;
  readonly #roots: Root[] = [];
  #closed = false;

  constructor(tree: Tree, report: (event: WatchReport) => void, enqueue: (directory: Directory) => void) {
    this.#tree = tree;
    this.#report = report;
    this.#enqueue = enqueue;
  }

  /** Some root's way is not fully watched. */
  get blind(): boolean {
    return this.#roots.some((root) => root.blind);
  }

  async start(given: readonly string[]): Promise<void> {
    for (const one of given) {
      const { path } = trustedPath(one);
      if (path !== one) this.#report({ name: "root_resolved", given: one, path });
      if (this.#roots.some((root) => root.path === path)) continue;
      this.#roots.push({ path, state: "unknown", blind: false, check: undefined, again: false });
    }
    await this.checkAll();
  }

  close(): void {
    this.#closed = true;
  }

  /** Looks again at the roots that are, or lie below, `path`. */
  disturbed(path: string): void {
    const below = path === "/" ? path : `${path}/`;
    for (const root of this.#roots) if (root.path === path || root.path.startsWith(below)) void this.#check(root);
  }

  async checkAll(): Promise<void> {
    for (const root of this.#roots) await this.#check(root);
  }

  /** Resolves when no check is under way. */
  async idle(): Promise<void> {
    for (const root of this.#roots) await root.check;
  }

  #check(root: Root): Promise<void> {
    root.again = true;
    root.check ??= this.#checkUntilQuiet(root);
    return root.check;
  }

  async #checkUntilQuiet(root: Root): Promise<void> {
    try {
      while (root.again && !this.#closed) {
        root.again = false;
        await this.#checkOnce(root);
      }
    } finally {
      root.check = undefined;
    }
  }

  async #checkOnce(root: Root): Promise<void> {
    const name = encodeName(basename(root.path));
    // The whole way is watched before the root is looked at: whatever changes afterwards is told.
    const parent = root.path === "/" ? null : this.#watchWay(root);
    const kind = parent === undefined ? "missing" : await kindOf(root.path);
    if (this.#closed || root.again) return;
    if (parent?.alive === false) {
      root.again = true;
      return;
    }
    if (parent === undefined) {
      this.#become(root, "missing");
      return;
    }
    if (kind === "directory") {
      // It was a file before, and no event may have said that this is gone.
      if (parent !== null) this.#tree.removeEntry(parent, name);
      const directory = parent === null ? this.#tree.top : this.#tree.child(parent, name, root.path);
      if (!directory.tree) {
        directory.tree = true;
        directory.state = "new";
      }
      if (directory.state !== "scanned") this.#enqueue(directory);
    } else if (parent !== null) {
      const stale = parent.children.get(name);
      if (stale !== undefined) this.#tree.abandon(stale);
      if (kind === "file") this.#takeFile(root, parent, name);
      else if (!parent.tree) this.#tree.removeEntry(parent, name);
    }
    this.#become(root, kind);
  }

  /** Watches every directory from `/` to the root's parent, which is the result; undefined when one does not exist. */
  #watchWay(root: Root): Directory | undefined {
    root.blind = false;
    let directory = this.#tree.top;
    const parts = root.path.slice(1).split("/");
    for (const [i, part] of parts.entries()) {
      const name = encodeName(part);
      directory.rootNames ??= new Set();
      directory.rootNames.add(name);
      // Those in a tree get their watch from the scanner, which opens them without following links.
      if (!directory.tree || directory.watch === -1) {
        const error = this.#tree.watch(directory, directory.path, "names");
        if (error?.code === "ENOENT" || error?.code === "ENOTDIR") {
          if (!directory.tree) this.#tree.abandon(directory);
          return undefined;
        }
        if (error !== undefined) root.blind = true;
      }
      if (i < parts.length - 1) directory = this.#tree.child(directory, name, join(directory.path, part));
    }
    return directory;
  }

  /** A root that is a file: its directory is watched, its name alone is told. */
  #takeFile(root: Root, parent: Directory, name: string): void {
    if (parent.tree) return;
    parent.singles ??= new Set();
    parent.singles.add(name);
    if (this.#tree.watch(parent, parent.path, "contents") !== undefined) root.blind = true;
    this.#tree.tell(parent, name, root.state === "unknown" ? "scan" : root.state === "file" ? "sweep" : "created");
  }

  #become(root: Root, kind: Root["state"]): void {
    if (root.state === kind) return;
    const before = root.state;
    root.state = kind;
    if (kind === "missing") this.#report({ name: "root_missing", root: root.path });
    else if (kind === "link") this.#report({ name: "root_is_link", root: root.path });
    else if ((kind === "directory" || kind === "file") && before !== "unknown")
      this.#report({ name: "root_appeared", root: root.path, kind });
  }
}

/** What is at a root's path now. A directory that is only reached through a link is a link. */
async function kindOf(path: string): Promise<Root["state"]> {
  try {
    const stat = await lstat(path);
    const real = await realpath(path).catch(() => path);
    if (real !== path) return (await lstat(real)).isDirectory() ? "link" : "file";
    return stat.isDirectory() ? "directory" : "file";
  } catch {
    // Also what may not be looked at, EACCES: to this process it does not exist, and the sweeps look again.
    return "missing";
  }
}
