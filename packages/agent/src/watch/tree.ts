import { Directory, pathIn } from "./directory.ts";
import { type NotificationSink, type Notifier, WatchError, type WatchLevel } from "./notifier.ts";
import type { WatchReport, WatchSink } from "./sink.ts";

/** What the tree asks of those around it. */
export interface TreeSurroundings {
  readonly sink: WatchSink;
  readonly report: (event: WatchReport) => void;
  readonly prune: (directory: string) => boolean;
  /** Has a directory opened, watched and scanned, soon. */
  readonly enqueue: (directory: Directory) => void;
  /** Something came or went at `path`, on the way to a root: see what the roots are now. */
  readonly rootsDisturbed: (path: string) => void;
  /** The watch limit refused a directory. */
  readonly limitReached: (error: WatchError) => void;
  readonly overflow: () => void;
  /** Looks what a name is now, without following links; undefined when it is not there. */
  readonly look: (path: string) => "directory" | "other" | undefined;
}

/**
 * All that is known of the watched directories, from `/` down to the roots and through everything in them, kept true by
 * notifications and by scans, whichever is told first.
 *
 * A scan's listing and the notifications overlap in time. Both end in the same state because the last notification about a
 * name comes after its last change: an older one may only make a detour. The one exception, a listing made before a
 * notification but told after it, is what `touched` is for.
 */
export class Tree implements NotificationSink {
  readonly top = new Directory(null, "", "/");
  /** Directories that no notification tells of (over the limit, on a remote file system): short sweeps carry them. */
  readonly carried = new Set<Directory>();
  readonly #around: TreeSurroundings;
  #notifier: Notifier | undefined;
  /** More than one directory has the same watch where one directory has two paths: bind mounts, a rename not yet told. */
  readonly #watched = new Map<number, Directory | Directory[]>();

  constructor(around: TreeSurroundings) {
    this.#around = around;
  }

  /** The notifier needs the tree and the tree the notifier. */
  connect(notifier: Notifier): void {
    this.#notifier = notifier;
  }

  // Notifications ----------------------------------------------------------------------------------------------------

  modified(id: number, name: string): void {
    const directory = this.#watched.get(id);
    if (directory instanceof Directory) {
      // A name not known is left to the scan that must be under way, or to the creation that follows: a write may be
      // queued after the deletion of its file, and would tell a name that is gone.
      const path = directory.entries.get(name);
      if (path !== undefined && path !== "") this.#around.sink.entry(path, "changed");
    } else this.#each(id, (one) => this.#tellKnown(one, name, "changed"));
  }

  attributes(id: number, name: string, isDirectory: boolean): void {
    this.#each(id, (directory) => {
      if (!isDirectory) {
        this.#tellKnown(directory, name, "attributes");
        return;
      }
      const child = directory.children.get(name);
      if (child?.tree === true && child.state === "failed") this.#around.enqueue(child);
      this.#disturb(directory, name);
    });
  }

  created(id: number, name: string, isDirectory: boolean, moved: boolean): void {
    this.#each(id, (directory) => this.#created(directory, name, isDirectory, moved));
  }

  deleted(id: number, name: string, isDirectory: boolean): void {
    this.#each(id, (directory) => this.#deleted(directory, name, isDirectory));
  }

  renamed(fromId: number, fromName: string, toId: number, toName: string, isDirectory: boolean): void {
    const from = this.#watched.get(fromId);
    const to = this.#watched.get(toId);
    if (from instanceof Directory && to instanceof Directory) {
      from.touched?.add(fromName);
      to.touched?.add(toName);
      if (isDirectory) this.#renamedDirectory(from, fromName, to, toName);
      else this.#renamedEntry(from, fromName, to, toName);
      this.#disturb(from, fromName);
      this.#disturb(to, toName);
    } else {
      // One side is not watched any more, or has two paths.
      this.deleted(fromId, fromName, isDirectory);
      this.created(toId, toName, isDirectory, true);
    }
  }

  uncertain(id: number, name: string): void {
    this.#each(id, (directory) => {
      const path = pathIn(directory.path, name);
      const kind = path === undefined ? undefined : this.#around.look(path);
      // A directory may have been replaced by another, whose watch ended with it: look, whatever was known.
      const child = directory.children.get(name);
      if (kind === "directory" && child !== undefined) child.state = "new";
      if (kind !== undefined) this.#created(directory, name, kind === "directory", false);
      else {
        this.#deleted(directory, name, false);
        this.#deleted(directory, name, true);
      }
    });
  }

  selfChanged(id: number): void {
    // The parent's watch tells the new name, or that there is none; without one, opening it again tells.
    this.#each(id, (directory) => {
      if (directory.parent !== null && directory.parent.watch === -1) this.#recheck(directory);
    });
  }

  ended(id: number): void {
    const ended = this.#watched.get(id);
    if (ended === undefined) return;
    this.#watched.delete(id);
    for (const directory of ended instanceof Directory ? [ended] : ended) {
      directory.watch = -1;
      this.#recheck(directory);
    }
  }

  overflow(): void {
    this.#around.overflow();
  }

  // Scans ------------------------------------------------------------------------------------------------------------

  /** A listing has this name. */
  found(directory: Directory, name: string, isDirectory: boolean, why: "scan" | "sweep"): void {
    if (isDirectory) this.discover(directory, name);
    else {
      const stale = directory.children.get(name);
      if (stale !== undefined) this.drop(stale);
      this.tell(directory, name, why);
    }
  }

  /** A complete listing had only the names in `seen`. */
  settle(directory: Directory, seen: ReadonlySet<string>, touched: ReadonlySet<string>): void {
    for (const name of directory.entries.keys())
      if (!seen.has(name) && !touched.has(name)) this.removeEntry(directory, name);
    for (const [name, child] of directory.children) if (!seen.has(name) && !touched.has(name)) this.drop(child);
  }

  /** Takes in a directory seen in a watched one, unless it is pruned or already taken in. */
  discover(parent: Directory, name: string): void {
    this.removeEntry(parent, name);
    let child = parent.children.get(name);
    if (child?.tree !== true) {
      const path = pathIn(parent.path, name);
      if (path === undefined) {
        this.#reportUnrepresentable(parent);
        return;
      }
      if (this.#around.prune(path)) return;
      child ??= this.child(parent, name, path);
      child.tree = true;
      child.state = "new";
    }
    if (child.state !== "scanned") this.#around.enqueue(child);
  }

  /** The directory of this name, made if it is not known yet. */
  child(parent: Directory, name: string, path: string): Directory {
    let child = parent.children.get(name);
    if (child === undefined) {
      child = new Directory(parent, name, path);
      parent.children.set(name, child);
    }
    return child;
  }

  /** Tells an entry; its path is made once. */
  tell(directory: Directory, name: string, why: "scan" | "sweep" | "created"): void {
    let path = directory.entries.get(name);
    if (path === undefined) {
      path = pathIn(directory.path, name) ?? "";
      directory.entries.set(name, path);
      if (path === "") this.#reportUnrepresentable(directory);
    }
    if (path !== "") this.#around.sink.entry(path, why);
  }

  /** Watches a directory; `path` may be any path that means it. The error, when it could not be. */
  watch(directory: Directory, path: string, level: WatchLevel): WatchError | undefined {
    if (this.#notifier === undefined) return undefined;
    let id: number;
    try {
      id = this.#notifier.add(path, level);
    } catch (error) {
      if (!(error instanceof WatchError)) throw error;
      if (error.isLimit) {
        directory.overLimit = true;
        this.#around.limitReached(new WatchError("watch", directory.path, error.code));
      }
      if (directory.tree) this.carried.add(directory);
      return error;
    }
    if (directory.watch !== id) {
      this.#unbind(directory);
      this.#bind(directory, id);
    }
    directory.overLimit = false;
    if (!directory.remote) this.carried.delete(directory);
    return undefined;
  }

  /** Forgets a directory with everything in it, and tells so. */
  drop(directory: Directory): void {
    const { parent, name } = directory;
    this.abandon(directory);
    if (parent !== null) this.#disturb(parent, name);
  }

  /** Forgets a directory; the roots are not asked to look again. */
  abandon(directory: Directory): void {
    this.#forget(directory);
    directory.parent?.children.delete(directory.name);
  }

  /** Another directory is at this path now: forgets the one that was. */
  replace(directory: Directory): void {
    const { parent, name, tree } = directory;
    this.drop(directory);
    if (parent?.tree === true && tree) this.discover(parent, name);
  }

  // Within -----------------------------------------------------------------------------------------------------------

  #each(id: number, act: (directory: Directory) => void): void {
    const directories = this.#watched.get(id);
    if (directories === undefined) return;
    if (directories instanceof Directory) act(directories);
    // A copy: what is told may end one of them.
    else for (const directory of [...directories]) if (directory.alive) act(directory);
  }

  #bind(directory: Directory, id: number): void {
    directory.watch = id;
    const holder = this.#watched.get(id);
    if (holder === undefined) this.#watched.set(id, directory);
    else if (holder instanceof Directory) this.#watched.set(id, [holder, directory]);
    else holder.push(directory);
  }

  #unbind(directory: Directory): void {
    const id = directory.watch;
    if (id === -1) return;
    directory.watch = -1;
    const holder = this.#watched.get(id);
    if (holder instanceof Directory || holder === undefined) {
      this.#watched.delete(id);
      this.#notifier?.remove(id);
      return;
    }
    const others = holder.filter((other) => other !== directory);
    const [only] = others;
    this.#watched.set(id, others.length === 1 && only !== undefined ? only : others);
  }

  #created(directory: Directory, name: string, isDirectory: boolean, moved: boolean): void {
    directory.touched?.add(name);
    const child = directory.children.get(name);
    if (isDirectory) {
      // Moved here over one that was here: the kernel tells the move alone.
      if (moved && child !== undefined) this.drop(child);
      if (directory.tree) this.discover(directory, name);
    } else {
      if (child !== undefined) this.drop(child);
      if (directory.tells(name)) this.tell(directory, name, "created");
    }
    this.#disturb(directory, name);
  }

  #deleted(directory: Directory, name: string, isDirectory: boolean): void {
    directory.touched?.add(name);
    if (isDirectory) {
      const child = directory.children.get(name);
      if (child !== undefined) this.drop(child);
    } else this.removeEntry(directory, name);
    this.#disturb(directory, name);
  }

  #renamedEntry(from: Directory, fromName: string, to: Directory, toName: string): void {
    const stale = to.children.get(toName);
    if (stale !== undefined) this.drop(stale);
    const fromPath = from.entries.get(fromName);
    if (!to.tells(toName) || fromPath === undefined || fromPath === "") {
      this.removeEntry(from, fromName);
      if (to.tells(toName)) this.tell(to, toName, "created");
      return;
    }
    const toPath = to.entries.get(toName) ?? pathIn(to.path, toName) ?? "";
    from.entries.delete(fromName);
    to.entries.set(toName, toPath);
    if (toPath === "") {
      this.#reportUnrepresentable(to);
      this.#around.sink.removed(fromPath);
    } else this.#around.sink.renamed(fromPath, toPath);
  }

  #renamedDirectory(from: Directory, fromName: string, to: Directory, toName: string): void {
    const replaced = to.children.get(toName);
    if (replaced !== undefined) this.drop(replaced);
    const directory = from.children.get(fromName);
    const toPath = pathIn(to.path, toName);
    const moves = directory?.tree === true && to.tree && toPath !== undefined && !this.#around.prune(toPath);
    if (directory === undefined || !moves) {
      if (directory !== undefined) this.drop(directory);
      if (to.tree) this.discover(to, toName);
      return;
    }
    const fromPath = directory.path;
    from.children.delete(fromName);
    to.children.set(toName, directory);
    directory.parent = to;
    directory.name = toName;
    this.#around.sink.directoryRenamed(fromPath, toPath);
    this.#repath(directory, toPath);
  }

  /** A moved directory's watches stay; the paths under it are made anew. */
  #repath(directory: Directory, path: string): void {
    directory.path = path;
    for (const [name, old] of directory.entries) if (old !== "") directory.entries.set(name, pathIn(path, name) ?? "");
    // No root is known to lead through the new name; the roots look again.
    directory.rootNames = undefined;
    for (const [name, child] of directory.children) {
      const childPath = pathIn(path, name) ?? "";
      if (this.#around.prune(childPath) || !child.tree) this.drop(child);
      else this.#repath(child, childPath);
    }
    if (directory.state !== "scanned" || directory.missesChild) this.#around.enqueue(directory);
    directory.missesChild = false;
  }

  /** The name is no longer there, if it was. */
  removeEntry(directory: Directory, name: string): void {
    const path = directory.entries.get(name);
    if (path === undefined) return;
    directory.entries.delete(name);
    if (path !== "") this.#around.sink.removed(path);
  }

  #tellKnown(directory: Directory, name: string, why: "changed" | "attributes"): void {
    const path = directory.entries.get(name);
    if (path !== undefined && path !== "") this.#around.sink.entry(path, why);
  }

  #forget(directory: Directory): void {
    directory.alive = false;
    for (const child of directory.children.values()) this.#forget(child);
    directory.children.clear();
    for (const path of directory.entries.values()) if (path !== "") this.#around.sink.removed(path);
    directory.entries.clear();
    this.#unbind(directory);
    this.carried.delete(directory);
    if (directory.tree) this.#around.sink.directoryRemoved(directory.path);
  }

  /** A directory lost its watch or moved: opening it again shows what it is now. */
  #recheck(directory: Directory): void {
    if (directory.tree) {
      directory.state = "new";
      this.#around.enqueue(directory);
    } else this.#around.rootsDisturbed(directory.path);
  }

  #disturb(directory: Directory, name: string): void {
    if (directory.rootNames?.has(name) === true) this.#around.rootsDisturbed(pathIn(directory.path, name) ?? "");
  }

  #reportUnrepresentable(directory: Directory): void {
    if (directory.unrepresentableReported) return;
    directory.unrepresentableReported = true;
    this.#around.report({ name: "unrepresentable_name", directory: directory.path });
  }
}
