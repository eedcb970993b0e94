import { close, read } from "node:fs";
import {
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_ADD,
  IN_MODIFY,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_ONLYDIR,
  IN_Q_OVERFLOW,
  type InotifyCalls,
} from "./inotify_calls.ts";
import { type NotificationSink, type Notifier, WatchError, type WatchLevel } from "./notifier.ts";

/** What a directory on the way to a root is asked for. */
const NAMES_MASK =
  IN_CREATE | // the next directory on the way (or a root that is a file) appears
  IN_DELETE | // …or goes
  IN_MOVED_FROM | // both halves of a rename: a half alone would look like a deletion
  IN_MOVED_TO |
  IN_ATTRIB | // the next directory on the way becomes readable
  IN_DELETE_SELF | // where the parent has no watch, only the directory itself can tell that it is gone
  IN_MOVE_SELF |
  IN_ONLYDIR | // a directory swapped for a file or device is refused by the kernel
  IN_MASK_ADD; // the same directory may be asked for twice, at two levels: never take bits away

/**
 * What a directory of logs is asked for, besides the names: `IN_MODIFY` is the growth (and truncation) of a file. Not
 * `IN_CLOSE_WRITE`: a log stays open. Not `IN_OPEN`/`IN_ACCESS`: our own reading would raise them.
 * `IN_EXCL_UNLINK`: a file that is unlinked but written on would raise events under a name that no longer means it; whoever
 * holds such a file open polls it.
 *
 * `IN_DONT_FOLLOW` is missing on purpose: the path is `/proc/self/fd/N` of a directory that was opened without following
 * links and whose real path was compared, and that magic link must be followed. Directories on the way to a root are
 * given by name, all of whose parts were resolved when the watcher started.
 */
const CONTENTS_MASK = NAMES_MASK | IN_MODIFY | IN_EXCL_UNLINK;

/** `struct inotify_event` without its name: wd, mask, cookie, len, 4 bytes each (inotify(7)). */
const HEADER = 16;
/** Room for at least 240 events with the longest name, about 2,000 usual ones, in one read. */
const BUFFER = 64 * 1024;
/** The rest of a buffer that is too small to read into: one event with the longest name takes 16 + 256 bytes. */
const LEAST_ROOM = 4096;
/** How long the second half of a rename is waited for. The kernel queues both within one call, microseconds apart. */
const PAIR_WAIT_MS = 4;

/** What the tests hold back or shrink. */
export interface InotifyOptions {
  readonly pauseMs: number;
  readonly maxWatches?: number;
}

/**
 * One inotify instance, read by a blocking read(2) in the thread pool, so that a quiet system costs no wake-up at all.
 *
 * A read is under way only while a watch exists: removing one makes the kernel queue `IN_IGNORED`, which is how a waiting
 * read is woken to close, or at the exit of the process (which joins the threads of the pool and would wait forever).
 */
export class Inotify implements Notifier {
  readonly #calls: InotifyCalls;
  readonly #sink: NotificationSink;
  readonly #pauseMs: number;
  readonly #maxWatches: number;
  readonly #watched = new Set<number>();
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER);
  /** The same bytes as words: each event starts at a multiple of 16, since the kernel pads names to that (inotify(7)). */
  readonly #words = new Int32Array(this.#buffer.buffer, 0, BUFFER / 4);
  #fd = -1;
  #start = 0;
  #end = 0;
  /** Bytes before this offset have waited long enough for the second half of a rename. */
  #settled = 0;
  #pairTimer: NodeJS.Timeout | undefined;
  /** What {@link Inotify.#settled} becomes when the pair timer ends: the bytes there were when it began. */
  #settlesTo = 0;
  #pauseTimer: NodeJS.Timeout | undefined;
  /** For each cookie in the buffer the offset of its IN_MOVED_TO; made when first needed after a read. */
  #arrivals: Map<number, number> | undefined;
  /** Offsets of IN_MOVED_TO that were told together with their IN_MOVED_FROM. */
  readonly #consumed = new Set<number>();
  #reading = false;
  #parsing = false;
  #lastRead = Number.NEGATIVE_INFINITY;
  #closed = false;
  #whenIdle: (() => void) | undefined;
  #events = 0;

  constructor(calls: InotifyCalls, sink: NotificationSink, options: InotifyOptions) {
    this.#calls = calls;
    this.#sink = sink;
    this.#pauseMs = options.pauseMs;
    this.#maxWatches = options.maxWatches ?? Number.POSITIVE_INFINITY;
  }

  get watches(): number {
    return this.#watched.size;
  }

  get events(): number {
    return this.#events;
  }

  add(path: string, level: WatchLevel): number {
    if (this.#fd === -1) this.#open(path);
    const result = this.#calls.addWatch(this.#fd, path, level === "contents" ? CONTENTS_MASK : NAMES_MASK);
    if ("code" in result) throw new WatchError("watch", path, result.code);
    if (!this.#watched.has(result.value)) {
      if (this.#watched.size >= this.#maxWatches) {
        this.#calls.rmWatch(this.#fd, result.value);
        throw new WatchError("watch", path, "ENOSPC");
      }
      this.#watched.add(result.value);
    }
    this.#readOn();
    return result.value;
  }

  remove(id: number): void {
    // EINVAL when the kernel was quicker (the directory is deleted): the outcome is the same.
    if (this.#watched.delete(id)) this.#calls.rmWatch(this.#fd, id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pauseTimer);
    clearTimeout(this.#pairTimer);
    process.off("exit", this.#wake);
    if (this.#fd === -1) return;
    if (this.#reading) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
        this.#wake();
      });
    }
    const fd = this.#fd;
    this.#fd = -1;
    this.#watched.clear();
    // Closing frees all watches at once (inotify(7)); in the pool, since with many of them it takes a while.
    await new Promise<void>((resolve) => close(fd, () => resolve()));
  }

  #open(path: string): void {
    const result = this.#calls.init();
    if ("code" in result) throw new WatchError("make an inotify instance for", path, result.code);
    this.#fd = result.value;
    process.on("exit", this.#wake);
  }

  /** Wakes the waiting read: every watch removed queues an `IN_IGNORED`. */
  readonly #wake = (): void => {
    const [any] = this.#watched;
    if (any !== undefined) this.#calls.rmWatch(this.#fd, any);
  };

  #readOn(): void {
    // A sink that adds a watch while being told of an event must not move the buffer under the parser.
    if (this.#reading || this.#parsing || this.#closed || this.#pauseTimer !== undefined || this.#watched.size === 0)
      return;
    this.#makeRoom();
    this.#reading = true;
    read(this.#fd, this.#buffer, this.#end, BUFFER - this.#end, null, this.#onRead);
  }

  readonly #onRead = (error: NodeJS.ErrnoException | null, bytes: number): void => {
    this.#reading = false;
    if (this.#closed) {
      this.#whenIdle?.();
      return;
    }
    // EINTR is repeated by libuv; anything else means a broken descriptor, which must not pass unseen.
    if (error !== null) throw error;
    const now = performance.now();
    const busy = now - this.#lastRead < 2 * this.#pauseMs;
    this.#lastRead = now;
    this.#end += bytes;
    this.#arrivals = undefined;
    this.#parse();
    // Full reads mean a queue that fills faster than it is emptied: no pause then, nor while half a rename waits.
    if (busy && this.#pauseMs > 0 && bytes < BUFFER / 2 && this.#pairTimer === undefined) {
      this.#pauseTimer = setTimeout(() => {
        this.#pauseTimer = undefined;
        this.#readOn();
      }, this.#pauseMs);
    } else this.#readOn();
  };

  /** Moves what is not parsed yet (a rename's first half and what follows it) to the front. */
  #makeRoom(): void {
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      this.#settled = 0;
      this.#settlesTo = 0;
      this.#consumed.clear();
    } else if (BUFFER - this.#end < LEAST_ROOM) {
      if (this.#start < LEAST_ROOM) {
        // A whole buffer waits behind one rename: give up on its other half.
        this.#settled = this.#end;
        this.#parse();
        this.#makeRoom();
        return;
      }
      const moved = this.#start;
      this.#buffer.copyWithin(0, moved, this.#end);
      this.#start = 0;
      this.#end -= moved;
      this.#settled = Math.max(0, this.#settled - moved);
      this.#settlesTo = Math.max(0, this.#settlesTo - moved);
      const consumed = [...this.#consumed];
      this.#consumed.clear();
      for (const offset of consumed) if (offset >= moved) this.#consumed.add(offset - moved);
      this.#arrivals = undefined;
    }
  }

  #parse(): void {
    this.#parsing = true;
    try {
      this.#parseEvents();
    } finally {
      this.#parsing = false;
    }
  }

  #parseEvents(): void {
    const words = this.#words;
    const sink = this.#sink;
    while (this.#start < this.#end && !this.#closed) {
      const at = this.#start;
      const word = at >> 2;
      // The four header words exist: the kernel returns whole events only.
      const wd = words[word] as number;
      const mask = words[word + 1] as number;
      const length = words[word + 3] as number;
      const isDirectory = (mask & IN_ISDIR) !== 0;
      if ((mask & IN_MODIFY) !== 0) {
        // First, since it is by far the most frequent.
        if (length !== 0) sink.modified(wd, this.#name(at, length));
      } else if ((mask & IN_MOVED_FROM) !== 0) {
        const to = this.#arrivalOf(words[word + 2] as number, at + HEADER + length);
        if (to !== undefined) {
          this.#consumed.add(to);
          const toWd = words[to >> 2] as number;
          const toLength = words[(to >> 2) + 3] as number;
          sink.renamed(wd, this.#name(at, length), toWd, this.#name(to, toLength), isDirectory);
        } else if (at < this.#settled) sink.deleted(wd, this.#name(at, length), isDirectory);
        else {
          this.#awaitPair();
          return;
        }
      } else if ((mask & IN_MOVED_TO) !== 0) {
        if (!this.#consumed.delete(at)) sink.created(wd, this.#name(at, length), isDirectory, true);
      } else if ((mask & IN_CREATE) !== 0) sink.created(wd, this.#name(at, length), isDirectory, false);
      else if ((mask & IN_DELETE) !== 0) sink.deleted(wd, this.#name(at, length), isDirectory);
      else if ((mask & IN_ATTRIB) !== 0) {
        // Without a name it is about the watched directory itself, which its parent's watch tells too.
        if (length !== 0) sink.attributes(wd, this.#name(at, length), isDirectory);
      } else if ((mask & IN_IGNORED) !== 0) {
        this.#watched.delete(wd);
        sink.ended(wd);
      } else if ((mask & IN_Q_OVERFLOW) !== 0) sink.overflow();
      // IN_DELETE_SELF and IN_UNMOUNT need nothing here: IN_IGNORED follows them and ends the watch.
      else if ((mask & IN_MOVE_SELF) !== 0) sink.selfChanged(wd);
      this.#events++;
      this.#start = at + HEADER + length;
    }
  }

  #awaitPair(): void {
    if (this.#pairTimer !== undefined) return;
    this.#settlesTo = this.#end;
    this.#pairTimer = setTimeout(() => {
      this.#pairTimer = undefined;
      this.#settled = Math.max(this.#settled, this.#settlesTo);
      this.#parse();
      this.#readOn();
    }, PAIR_WAIT_MS);
  }

  /** Where in the buffer the other half of a rename is. */
  #arrivalOf(cookie: number, next: number): number | undefined {
    const words = this.#words;
    // Nearly always it is the very next event.
    if (
      next < this.#end &&
      words[(next >> 2) + 2] === cookie &&
      ((words[(next >> 2) + 1] as number) & IN_MOVED_TO) !== 0
    )
      return next;
    if (this.#arrivals === undefined) {
      this.#arrivals = new Map();
      for (let at = next; at < this.#end; at += HEADER + (words[(at >> 2) + 3] as number)) {
        if (((words[(at >> 2) + 1] as number) & IN_MOVED_TO) !== 0)
          this.#arrivals.set(words[(at >> 2) + 2] as number, at);
      }
    }
    return this.#arrivals.get(cookie);
  }

  /** The name after the header at `at`, without its padding of 1 to 16 NULs. */
  #name(at: number, length: number): string {
    const first = at + HEADER;
    let end = first + length;
    while (end > first && this.#buffer[end - 1] === 0) end--;
    return this.#buffer.toString("latin1", first, end);
  }
}
