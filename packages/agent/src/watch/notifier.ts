/** What happened to a name in a watched directory. Names are the raw bytes as a latin1 string: exact, and cheap to make. */
export interface NotificationSink {
  modified(id: number, name: string): void;
  attributes(id: number, name: string, isDirectory: boolean): void;
  /** Created, or moved in from where nothing is watched. `moved`: whatever was known under this name has been replaced. */
  created(id: number, name: string, isDirectory: boolean, moved: boolean): void;
  /** Unlinked, or moved to where nothing is watched. */
  deleted(id: number, name: string, isDirectory: boolean): void;
  renamed(fromId: number, fromName: string, toId: number, toName: string, isDirectory: boolean): void;
  /** Something about this name changed: look what it is now. For backends that know no more. */
  uncertain(id: number, name: string): void;
  /** The watched directory itself was moved or deleted, as its own watch says. */
  selfChanged(id: number): void;
  /** The kernel took the watch away: the directory is deleted or unmounted. */
  ended(id: number): void;
  overflow(): void;
}

/** How much is asked of one directory. */
export type WatchLevel =
  /** Every change of every entry. */
  | "contents"
  /** Only names coming and going: a directory on the way to a root. */
  | "names";

/** A source of notifications for single directories. */
export interface Notifier {
  /** Watches held now. */
  readonly watches: number;
  /** Notifications so far. */
  readonly events: number;
  /**
   * Watches a directory. Watching the same directory again gives the same id, also under another path, and never lowers the
   * level.
   *
   * @throws WatchError
   */
  add(path: string, level: WatchLevel): number;
  /** Ends a watch; unknown ids are ignored. */
  remove(id: number): void;
  close(): Promise<void>;
}

/** A refused watch. `code` is the system's errno name. */
export class WatchError extends Error {
  readonly code: string;
  readonly path: string;

  constructor(attempt: string, path: string, code: string) {
    super(`${attempt} ${path}: ${code}`);
    this.name = "WatchError";
    this.code = code;
    this.path = path;
  }

  /** The user's watches (ENOSPC) or instances (EMFILE) are used up: inotify_add_watch(2), inotify_init(2). */
  get isLimit(): boolean {
    return this.code === "ENOSPC" || this.code === "EMFILE" || this.code === "ENFILE";
  }
}
