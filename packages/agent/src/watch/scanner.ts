import type { Directory } from "./directory.ts";
import { closeDirectory, type DirectoryRefusal, errorCode, listDirectory, openDirectory } from "./open_directory.ts";
import { RemoteFileSystems } from "./remote_file_systems.ts";
import type { WatchReport } from "./sink.ts";
import type { Tree } from "./tree.ts";

/** Two at a time: one that waits for a dead server must not hold up the rest, and the pool has four threads. */
const AT_ONCE = 2;

/** Opens, watches and lists directories, one after the other, never for long on the main thread. */
export class Scanner {
  readonly remote: RemoteFileSystems;
  readonly #tree: Tree;
  readonly #report: (event: WatchReport) => void;
  readonly #queue: Directory[] = [];
  readonly #scanning = new Set<Directory>();
  /** Directories that are to be scanned once more when the scan under way has ended. */
  readonly #again = new Set<Directory>();
  #running = 0;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  constructor(tree: Tree, report: (event: WatchReport) => void) {
    this.#tree = tree;
    this.#report = report;
    this.remote = new RemoteFileSystems(report);
  }

  /** Has a directory scanned soon; asking twice before it began counts once. */
  enqueue(directory: Directory): void {
    if (directory.queued || this.#closed) return;
    directory.queued = true;
    this.#queue.push(directory);
    while (this.#running < AT_ONCE && this.#queue.length > 0) void this.#work();
  }

  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Nothing new begins; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#queue.length = 0;
    await this.idle();
  }

  async #work(): Promise<void> {
    this.#running++;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        next.queued = false;
        await this.scan(next, "scan");
      }
    } finally {
      this.#running--;
      if (this.#running === 0) {
        const waiting = this.#whenIdle;
        this.#whenIdle = [];
        for (const resolve of waiting) resolve();
      }
    }
  }

  /** Brings what is known of one directory up to date: opens, watches (if it has no watch), lists. */
  async scan(directory: Directory, why: "scan" | "sweep"): Promise<void> {
    if (!this.#wanted(directory)) return;
    if (this.#scanning.has(directory)) {
      // The listing under way may be older than the reason for this one: another follows when it has ended.
      this.#again.add(directory);
      return;
    }
    this.#scanning.add(directory);
    try {
      await this.#scan(directory, why);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#refused(directory, { kind: "failed", code: errorCode(error), message });
    } finally {
      this.#scanning.delete(directory);
      directory.touched = undefined;
      if (this.#again.delete(directory)) this.enqueue(directory);
    }
  }

  async #scan(directory: Directory, why: "scan" | "sweep"): Promise<void> {
    const { path } = directory;
    const opened = await openDirectory(path);
    if ("kind" in opened) {
      if (this.#wanted(directory)) this.#refused(directory, opened, path);
      return;
    }
    try {
      const remote = await this.remote.isRemote(opened.device, opened.handle, path);
      if (!this.#wanted(directory)) return;
      if (directory.path !== path) {
        this.enqueue(directory);
        return;
      }
      if (directory.inode !== -1n && (directory.inode !== opened.inode || directory.device !== opened.device)) {
        this.#tree.replace(directory);
        return;
      }
      directory.device = opened.device;
      directory.inode = opened.inode;
      directory.remote = remote;
      if (remote) this.#tree.carried.add(directory);
      // Watched first, then listed: what comes in between is told twice rather than missed.
      if (directory.watch === -1 || directory.state !== "scanned")
        this.#tree.watch(directory, opened.handle, "contents");
      await this.#list(directory, opened, why);
    } finally {
      await closeDirectory(opened);
    }
  }

  async #list(directory: Directory, opened: Parameters<typeof listDirectory>[0], why: "scan" | "sweep"): Promise<void> {
    const seen = new Set<string>();
    const touched = new Set<string>();
    directory.touched = touched;
    await listDirectory(opened, (name, isDirectory) => {
      if (!this.#wanted(directory)) return false;
      seen.add(name);
      if (!touched.has(name)) this.#tree.found(directory, name, isDirectory, why);
      return true;
    });
    if (!this.#wanted(directory)) return;
    this.#tree.settle(directory, seen, touched);
    directory.state = "scanned";
    directory.unreadableReported = false;
  }

  #wanted(directory: Directory): boolean {
    return directory.alive && directory.tree && !this.#closed;
  }

  #refused(directory: Directory, refusal: DirectoryRefusal, path = directory.path): void {
    if (refusal.kind === "gone") {
      // Renamed meanwhile: look under the new name. Otherwise it is gone; if it was replaced or renamed, that is told yet.
      if (directory.path !== path) this.enqueue(directory);
      else {
        if (directory.parent !== null) directory.parent.missesChild = true;
        this.#tree.drop(directory);
      }
      return;
    }
    directory.state = "failed";
    if (directory.unreadableReported) return;
    directory.unreadableReported = true;
    const { code, message } = refusal;
    this.#report({ name: "unreadable_directory", path: directory.path, code, message });
  }
}
