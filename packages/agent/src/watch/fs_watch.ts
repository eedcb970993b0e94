import { type FSWatcher, watch } from "node:fs";
import { type NotificationSink, type Notifier, WatchError, type WatchLevel } from "./notifier.ts";
import { errorCode } from "./open_directory.ts";

/**
 * `fs.watch` on each directory: what there is without inotify. It tells less (a rename is two uncertain names, an overflow is
 * never told), so more is left to looking and to the sweeps.
 */
export class FsWatch implements Notifier {
  readonly #sink: NotificationSink;
  readonly #maxWatches: number;
  readonly #watchers = new Map<number, FSWatcher>();
  #nextId = 1;
  #events = 0;

  constructor(sink: NotificationSink, maxWatches = Number.POSITIVE_INFINITY) {
    this.#sink = sink;
    this.#maxWatches = maxWatches;
  }

  get watches(): number {
    return this.#watchers.size;
  }

  get events(): number {
    return this.#events;
  }

  add(path: string, _level: WatchLevel): number {
    if (this.#watchers.size >= this.#maxWatches) throw new WatchError("watch", path, "ENOSPC");
    const id = this.#nextId++;
    try {
      const watcher = watch(path, { encoding: "latin1" as BufferEncoding }, (type, name) => {
        if (name === null || !this.#watchers.has(id)) return;
        this.#events++;
        // "change" also comes for a directory's attributes; the sink knows which names are directories.
        if (type === "change") {
          this.#sink.modified(id, name);
          this.#sink.attributes(id, name, true);
        } else this.#sink.uncertain(id, name);
      });
      // The directory went away (EPERM on Windows, ENOENT elsewhere): the same as the kernel ending a watch.
      watcher.on("error", () => {
        this.remove(id);
        this.#sink.ended(id);
      });
      this.#watchers.set(id, watcher);
    } catch (error) {
      throw new WatchError("watch", path, errorCode(error));
    }
    return id;
  }

  remove(id: number): void {
    this.#watchers.get(id)?.close();
    this.#watchers.delete(id);
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
