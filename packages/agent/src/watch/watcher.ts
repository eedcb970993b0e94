import { lstatSync } from "node:fs";
import { type SteadyTimer, steadyTimer } from "../steady_timer.ts";
import type { Directory } from "./directory.ts";
import { FsWatch } from "./fs_watch.ts";
import { Inotify } from "./inotify.ts";
import { type InotifyCalls, inotifyCalls } from "./inotify_calls.ts";
import { limitReport } from "./limits.ts";
import { MountTable } from "./mounts.ts";
import type { Notifier, WatchError } from "./notifier.ts";
import { Roots } from "./roots.ts";
import { Scanner } from "./scanner.ts";
import type { WatchBackend, Watcher, WatcherOptions, WatchReport, WatchStats } from "./sink.ts";
import { Tree } from "./tree.ts";

const SWEEP_MS = { inotify: 5 * 60_000, "fs-watch": 60_000 };
const SHORT_SWEEP_MS = 1_000;
const PAUSE_MS = 8;
const MOUNT_POLL_MS = 1_000;
/** Short sweeps may take a twentieth of the time; a tree so large that this makes them rarer than every 5 s is told late. */
const SHORT_SWEEP_SHARE = 20;

/** Watches directories for their entries; nothing happens before {@link Watcher.start}. */
export function createWatcher(options: WatcherOptions): Watcher {
  return new DirectoryWatcher(options);
}

class DirectoryWatcher implements Watcher {
  readonly backend: WatchBackend;
  readonly #options: WatcherOptions;
  readonly #reason: string;
  readonly #tree: Tree;
  readonly #scanner: Scanner;
  readonly #roots: Roots;
  readonly #notifier: Notifier;
  readonly #mounts: MountTable;
  #started = false;
  #closed = false;
  #closing: Promise<void> | undefined;
  #limitReported = false;
  #overflows = 0;
  #sweeps = 0;
  #sweeping: Promise<void> | undefined;
  #sweepAgain: Promise<void> | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #shortTimer: NodeJS.Timeout | undefined;
  #lookTimer: SteadyTimer | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    const calls = inotifyCalls();
    const wanted = options.backend ?? (typeof calls === "string" ? "fs-watch" : "inotify");
    if (wanted === "inotify" && typeof calls === "string") throw new Error(`inotify was asked for: ${calls}`);
    this.backend = wanted;
    this.#reason = options.backend !== undefined ? "asked for" : typeof calls === "string" ? calls : "available";
    const { sink } = options;
    this.#tree = new Tree({
      sink,
      report: this.#report,
      prune: options.prune ?? (() => false),
      enqueue: (directory) => this.#scanner.enqueue(directory),
      rootsDisturbed: (path) => this.#roots.disturbed(path),
      limitReached: (error) => this.#limitReached(error),
      overflow: () => this.#overflow(),
      look,
    });
    this.#scanner = new Scanner(this.#tree, this.#report);
    this.#roots = new Roots(this.#tree, this.#report, (directory) => this.#scanner.enqueue(directory));
    this.#notifier = this.#makeNotifier(calls);
    this.#tree.connect(this.#notifier);
    this.#mounts = new MountTable(typeof calls === "string" ? undefined : calls);
  }

  async start(): Promise<void> {
    if (this.#started) throw new Error("the watcher was started before");
    this.#started = true;
    this.#report({ name: "backend_chosen", backend: this.backend, reason: this.#reason });
    this.#mounts.open();
    await this.#roots.start(this.#options.roots);
    await this.#scanner.idle();
    if (this.#closed) return;
    const sweepMs = this.#options.sweepIntervalMs ?? SWEEP_MS[this.backend];
    this.#sweepTimer = setInterval(() => void this.sweepNow(), sweepMs);
    const mountPollMs = this.#options.mountPollMs ?? MOUNT_POLL_MS;
    if (mountPollMs > 0) this.#lookTimer = steadyTimer(mountPollMs, () => this.#look());
    this.#armShortSweep(0);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  sweepNow(): Promise<void> {
    if (this.#sweeping === undefined) {
      this.#sweeping = this.#sweepAll().finally(() => {
        this.#sweeping = undefined;
      });
      return this.#sweeping;
    }
    // What it already passed may have changed since: another one after it, shared by all who ask meanwhile.
    this.#sweepAgain ??= this.#sweeping.then(() => {
      this.#sweepAgain = undefined;
      return this.sweepNow();
    });
    return this.#sweepAgain;
  }

  stats(): WatchStats {
    let directories = 0;
    let unwatched = 0;
    for (const directory of this.#told()) {
      directories++;
      if (directory.watch === -1) unwatched++;
    }
    const { watches, events } = this.#notifier;
    return { directories, watches, unwatched, events, overflows: this.#overflows, sweeps: this.#sweeps };
  }

  async #close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweepTimer);
    this.#lookTimer?.stop();
    clearTimeout(this.#shortTimer);
    this.#roots.close();
    await Promise.all([this.#notifier.close(), this.#scanner.close()]);
    this.#mounts.close();
  }

  #makeNotifier(calls: InotifyCalls | string): Notifier {
    const { maxWatches, pauseMs } = this.#options;
    if (this.backend === "fs-watch" || typeof calls === "string") return new FsWatch(this.#tree, maxWatches);
    const options = { pauseMs: pauseMs ?? PAUSE_MS };
    return new Inotify(calls, this.#tree, maxWatches === undefined ? options : { ...options, maxWatches });
  }

  readonly #report = (event: WatchReport): void => {
    if (!this.#closed) this.#options.report(event);
  };

  *#all(directory: Directory): Generator<Directory> {
    yield directory;
    for (const child of directory.children.values()) yield* this.#all(child);
  }

  /** The directories whose entries are told: all but those that only lead to a root. */
  *#told(): Generator<Directory> {
    for (const directory of this.#all(this.#tree.top)) if (directory.tree) yield directory;
  }

  async #sweepAll(): Promise<void> {
    this.#sweeps++;
    await this.#roots.checkAll();
    await this.#sweepThese([...this.#told()]);
    // What the sweep found new is scanned by the scanner; where it found a root replaced, the roots look first.
    await this.#roots.idle();
    await this.#scanner.idle();
    this.#afterSweep();
  }

  async #sweepThese(directories: readonly Directory[]): Promise<void> {
    for (const directory of directories) {
      if (this.#closed) return;
      await this.#scanner.scan(directory, "sweep");
    }
  }

  #afterSweep(): void {
    if (this.#limitReported && ![...this.#all(this.#tree.top)].some((directory) => directory.overLimit)) {
      this.#limitReported = false;
      this.#report({ name: "watch_limit_over" });
    }
  }

  /** Sweeps what no notification tells of, while there is such, at an interval that grows with what it costs. */
  #armShortSweep(tookMs: number): void {
    if (this.#closed || (this.#tree.carried.size === 0 && !this.#roots.blind && !this.#limitReported)) return;
    const least = this.#options.shortSweepIntervalMs ?? SHORT_SWEEP_MS;
    const interval = Math.max(least, SHORT_SWEEP_SHARE * tookMs);
    this.#shortTimer = setTimeout(() => void this.#shortSweep(), interval);
  }

  /** Looks for what no notification tells of. */
  #look(): void {
    this.#lookAtMounts();
    if (this.#shortTimer === undefined) this.#armShortSweep(0);
  }

  async #shortSweep(): Promise<void> {
    const begun = performance.now();
    if (this.#roots.blind) await this.#roots.checkAll();
    if (this.#tree.carried.size > 0) {
      this.#sweeps++;
      await this.#sweepThese([...this.#tree.carried]);
    }
    this.#afterSweep();
    this.#shortTimer = undefined;
    this.#armShortSweep(performance.now() - begun);
  }

  #overflow(): void {
    this.#overflows++;
    this.#report({ name: "overflow" });
    this.#options.sink.overflow();
    // A watch may have ended untold: its directory deleted, and another made under the same name and inode number.
    for (const directory of this.#told()) if (directory.state === "scanned") directory.state = "new";
    void this.sweepNow();
  }

  #limitReached(error: WatchError): void {
    if (this.#limitReported) return;
    this.#limitReported = true;
    this.#report(limitReport(error));
  }

  #lookAtMounts(): void {
    const points = this.#mounts.changed();
    if (points.length === 0) return;
    this.#scanner.remote.forget();
    // Roots at or below a mount point, and directories of a tree at or below it, may be others now.
    const touched = [...this.#told()].filter((directory) => points.some((point) => isAtOrBelow(directory.path, point)));
    const roots = points.filter((point) => this.#options.roots.some((root) => isAtOrBelow(root, point)));
    if (touched.length === 0 && roots.length === 0) return;
    this.#report({ name: "mounts_changed", paths: points });
    for (const point of points) this.#roots.disturbed(point);
    void this.#sweepThese(touched);
  }
}

function isAtOrBelow(path: string, point: string): boolean {
  return path === point || point === "/" || path.startsWith(`${point}/`);
}

function look(path: string): "directory" | "other" | undefined {
  try {
    return lstatSync(path).isDirectory() ? "directory" : "other";
  } catch {
    return undefined;
  }
}
