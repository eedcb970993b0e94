/** Why a directory entry is told. Only "created" says that the name is new for certain. */
type EntryReason = "scan" | "created" | "changed" | "attributes" | "sweep";

/**
 * What the watcher tells its owner. Calls come on the main thread, in the kernel's order within one directory, and never
 * before {@link Watcher.start} was called or after {@link Watcher.close} resolved. Paths are absolute and real: the roots
 * are resolved at start. A method must not throw.
 *
 * After a quiet moment the names told and not taken back are exactly the names on disk; on the way there a name may be told
 * twice, or told when it is already gone (its removal then follows).
 */
export interface WatchSink {
  /**
   * A directory entry that is not a directory exists and may be new, changed, or have other permissions. Symbolic links are
   * given as such, never followed. The same string instance is given each time, so that a map lookup need not hash again.
   */
  entry(path: string, why: EntryReason): void;
  /** The name is gone: unlinked, moved out of what is watched, or covered by a mount. */
  removed(path: string): void;
  /**
   * Renamed; both names are in watched directories and `from` had been told. Delivered before any later event on either
   * name. An existing target was replaced, without a call for it.
   */
  renamed(from: string, to: string): void;
  /** The directory is gone. The names known in it were given to {@link WatchSink.removed}, deepest directories first. */
  directoryRemoved(path: string): void;
  /** Renamed with everything in it: one call, none for what is inside. */
  directoryRenamed(from: string, to: string): void;
  /** The kernel dropped events: a sweep follows at once. */
  overflow(): void;
}

/** How changes are learned. */
export type WatchBackend = "inotify" | "fs-watch";

/** Happenings a person may want to know of. Each is told once, not per occurrence, until its state changes. */
export type WatchReport =
  | { readonly name: "backend_chosen"; readonly backend: WatchBackend; readonly reason: string }
  /** A root was given by another name than its real one (a link, `..`): paths are told under `path`. */
  | { readonly name: "root_resolved"; readonly given: string; readonly path: string }
  | { readonly name: "root_missing"; readonly root: string }
  | { readonly name: "root_appeared"; readonly root: string; readonly kind: "directory" | "file" }
  /** A root that appeared after the start is a symbolic link to a directory: not followed until a restart resolves it. */
  | { readonly name: "root_is_link"; readonly root: string }
  | { readonly name: "unreadable_directory"; readonly path: string; readonly code: string; readonly message: string }
  /** The user's limit of watches or inotify instances is used up: sweeps carry the directories that got none. */
  | {
      readonly name: "watch_limit";
      readonly setting: "fs.inotify.max_user_watches" | "fs.inotify.max_user_instances";
      /** The setting's present value; null when it cannot be read. */
      readonly current: number | null;
      /** The first directory that got no watch. */
      readonly path: string;
      readonly message: string;
    }
  /** Every directory has its watch again. */
  | { readonly name: "watch_limit_over" }
  | { readonly name: "overflow" }
  /** A file name that is not UTF-8 cannot be represented as a path here and is skipped; told once for each directory. */
  | { readonly name: "unrepresentable_name"; readonly directory: string }
  /** A file system whose remote changes raise no event: swept on the short interval. */
  | { readonly name: "remote_file_system"; readonly path: string; readonly type: string }
  | { readonly name: "mounts_changed"; readonly paths: readonly string[] };

export interface WatcherOptions {
  /** Directories or single files; need not exist. */
  readonly roots: readonly string[];
  readonly sink: WatchSink;
  readonly report: (event: WatchReport) => void;
  /** Milliseconds between sweeps of everything; default 5 minutes (1 minute with `fs-watch`, which cannot see an overflow). */
  readonly sweepIntervalMs?: number;
  /** Shortest interval in milliseconds between sweeps of what raises no events; default 1,000. It grows up to fivefold with their cost. */
  readonly shortSweepIntervalMs?: number;
  /** Default: inotify where it can be called, else `fs-watch`. */
  readonly backend?: WatchBackend;
  /** Milliseconds between reads of the kernel's queue under load, so that equal events coalesce there; default 8. */
  readonly pauseMs?: number;
  /** Milliseconds between looks at the mount table; default 1,000. 0: never. */
  readonly mountPollMs?: number;
  /** At most so many watches, below the system's limit; default none. */
  readonly maxWatches?: number;
  /** True for a directory that is never descended into. Roots themselves are not asked about. */
  readonly prune?: (directory: string) => boolean;
}

export interface WatchStats {
  /** Directories whose entries are told. */
  readonly directories: number;
  /** Kernel watches held, those on the way to the roots included. */
  readonly watches: number;
  /** Directories without a watch, carried by sweeps. */
  readonly unwatched: number;
  readonly events: number;
  readonly overflows: number;
  readonly sweeps: number;
}

export interface Watcher {
  readonly backend: WatchBackend;
  /** Resolves after the first scan; changes are told from then on, and during it. */
  start(): Promise<void>;
  /** Stops telling at once; resolves when every descriptor is closed. */
  close(): Promise<void>;
  /** Rescans every directory; resolves when that is done. */
  sweepNow(): Promise<void>;
  stats(): WatchStats;
}
