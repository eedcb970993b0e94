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
/** Characters that wait for one viewer, at most, but for a single line; they make one text, and texts end at 512 MB. */
const MAX_WAITING_LENGTH = 16 * 1024 * 1024;
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
    // Made once for all viewers, and only of lines that someone watches.
    const texts: string[] = [];
    const textOf = (idx: number): string => (texts[idx] ??= JSON.stringify(lines[idx]));
    for (const watcher of this.#watchers) watcher.offer(lines, textOf);
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
  /** Lines in JSON. */
  #waiting: string[] = [];
  #length = 0;
  #skipped = 0;
  #timer: NodeJS.Timeout | undefined;
  #sentAt = 0;
  #full = false;

  constructor(fits: (line: StoredLine) => boolean, viewer: Viewer) {
    this.#fits = fits;
    this.#viewer = viewer;
  }

  offer(lines: readonly StoredLine[], textOf: (idx: number) => string): void {
    for (const [idx, line] of lines.entries()) {
      if (!this.#fits(line)) continue;
      const text = textOf(idx);
      this.#waiting.push(text);
      this.#length += text.length;
    }
    this.#bound();
    this.#plan();
  }

  #bound(): void {
    let over = 0;
    let left = this.#waiting.length;
    while (left > MAX_WAITING || (left > 1 && this.#length > MAX_WAITING_LENGTH)) {
      this.#length -= this.#waiting[over]?.length ?? 0;
      over += 1;
      left -= 1;
    }
    if (over === 0) return;
    this.#waiting.splice(0, over);
    this.#skipped += over;
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
    const data = `[${this.#waiting.join(",")}]`;
    this.#waiting = [];
    this.#length = 0;
    this.#full = !this.#viewer.send("lines", data);
  }
}
