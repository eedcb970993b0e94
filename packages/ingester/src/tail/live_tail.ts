import type { StoredLine } from "@logdna-agent/protocol";

/** Where a viewer's events go; false from `send` means that the viewer cannot take more until `ready`. */
export interface Viewer {
  send(event: "lines" | "skipped", data: string): boolean;
}

export interface Subscription {
  /** The viewer can take more. */
  ready(): void;
  end(): void;
}

/** Lines that wait for one viewer, at most; the oldest beyond are skipped, and their number is told. */
const MAX_WAITING = 10_000;
/** Lines are given to a viewer this often at most, in milliseconds: more often costs more and nobody sees it. */
const INTERVAL_MS = 50;

/** Gives stored lines to everyone who watches, each with a filter and a bound of their own. */
export class LiveTail {
  readonly #watchers = new Set<Watcher>();

  get viewers(): number {
    return this.#watchers.size;
  }

  /** Lines were stored. */
  publish(lines: readonly StoredLine[]): void {
    for (const watcher of this.#watchers) watcher.offer(lines);
  }

  subscribe(fits: (line: StoredLine) => boolean, viewer: Viewer): Subscription {
    const watcher = new Watcher(fits, viewer);
    this.#watchers.add(watcher);
    return {
      ready: () => watcher.ready(),
      end: () => {
        watcher.end();
        this.#watchers.delete(watcher);
      },
    };
  }
}

class Watcher {
  readonly #fits: (line: StoredLine) => boolean;
  readonly #viewer: Viewer;
  #waiting: StoredLine[] = [];
  #skipped = 0;
  #timer: NodeJS.Timeout | undefined;
  #sentAt = 0;
  #full = false;

  constructor(fits: (line: StoredLine) => boolean, viewer: Viewer) {
    this.#fits = fits;
    this.#viewer = viewer;
  }

  offer(lines: readonly StoredLine[]): void {
    for (const line of lines) if (this.#fits(line)) this.#waiting.push(line);
    const over = this.#waiting.length - MAX_WAITING;
    if (over > 0) {
      this.#waiting.splice(0, over);
      this.#skipped += over;
    }
    this.#plan();
  }

  ready(): void {
    this.#full = false;
    this.#plan();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#full = true;
  }

  #plan(): void {
    if (this.#full || this.#timer !== undefined || this.#waiting.length === 0) return;
    const wait = this.#sentAt + INTERVAL_MS - performance.now();
    if (wait <= 0) this.#send();
    else this.#timer = setTimeout(() => this.#send(), wait);
  }

  #send(): void {
    this.#timer = undefined;
    this.#sentAt = performance.now();
    if (this.#skipped > 0) this.#viewer.send("skipped", JSON.stringify({ count: this.#skipped }));
    this.#skipped = 0;
    const lines = this.#waiting;
    this.#waiting = [];
    this.#full = !this.#viewer.send("lines", JSON.stringify(lines));
  }
}
