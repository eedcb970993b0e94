import type { LinesAnswer, StoredLine } from "@logdna-agent/protocol";
import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { ApiError, fetchLines, isAbort, tailAddress } from "./api.ts";
import { ArrivalMark } from "./arrival_mark.ts";
import { HistoryPages } from "./history_pages.ts";
import { LineBuffer } from "./line_buffer.ts";
import { LineRate } from "./line_rate.ts";
import { missedLines } from "./missed_lines.ts";
import { Tail } from "./tail.ts";
import { type View, viewFilter } from "./view.ts";

/** Lines held in memory: what a person may scroll through without asking the server again. */
const MAX_LINES = 50_000;
/** Characters held in memory, for lines of a megabyte. */
const MAX_CHARS = 64 * 1024 * 1024;

const GONE = "The line of this link is not stored here, or no longer: old lines are deleted after a time.";

export type Loading = "loading" | "ready" | "failed";
export type Connection = "off" | "connecting" | "live" | "reconnecting";
export type Edge = "more" | "loading" | "end";

/**
 * The lines of a view: history first, then live.
 *
 * While the view follows, the newest line is at the bottom and the oldest ones leave memory. While it is held (scrolled up, a
 * line selected, paused), what is on the screen never moves: new lines are added below, and once memory is full only counted.
 */
export class Feed {
  readonly buffer = new LineBuffer(MAX_LINES, MAX_CHARS);
  /** Changes, at most once a frame, when the buffer did. */
  readonly version = signal(0);
  readonly loading = signal<Loading>("loading");
  /** What went wrong last, for a person; null when all is well. */
  readonly problem = signal<string | null>(null);
  readonly connection = signal<Connection>("off");
  readonly following = signal(true);
  readonly paused = signal(false);
  /** Lines that came since the view was held. */
  readonly fresh = signal(0);
  /** Lines that the server left out of the live view. */
  readonly skipped = signal(0);
  /** Live lines. */
  readonly rate = new LineRate();
  readonly older = signal<Edge>("end");
  readonly newer = signal<Edge>("end");
  readonly selected = signal<{ readonly seq: number; readonly line: StoredLine } | null>(null);
  readonly detailOpen = signal(false);
  /** Asks the list to bring a line into sight. */
  readonly reveal = signal<{ readonly seq: number; readonly centre: boolean } | null>(null);

  readonly #live = signal(false);
  readonly #onSignedOut: () => void;
  readonly #tail: Tail;
  #view: View | null = null;
  #history = new HistoryPages({});
  #abort = new AbortController();
  /** Live lines that wait until history is in front of them; null when they go straight in. */
  #waiting: StoredLine[] | null = null;
  #readEnd = 0;
  #pausedEnd = 0;
  /** Lines after the end of the buffer that are not held. */
  #beyond = 0;
  readonly #mark = new ArrivalMark();
  #frame = 0;

  constructor(onSignedOut: () => void) {
    this.#onSignedOut = onSignedOut;
    this.#tail = new Tail({
      opened: () => void this.#opened(),
      lines: (lines) => this.#receive(lines),
      skipped: (count) => {
        this.skipped.value += count;
      },
      down: () => void this.#down(),
      resting: () => {
        this.connection.value = "connecting";
      },
    });
  }

  /** Sequence number after the last line to show. */
  get shownEnd(): number {
    return this.paused.value
      ? Math.max(this.buffer.first, Math.min(this.buffer.end, this.#pausedEnd))
      : this.buffer.end;
  }

  /** Whether the view ends now; a signal's value, so what is drawn from it stays true. */
  get isLive(): boolean {
    return this.#live.value;
  }

  /** Whether lines are missing between the last one held and the newest one. */
  get isCutOff(): boolean {
    return this.#beyond > 0 || this.newer.value !== "end";
  }

  /** Shows another view from its beginning. */
  open(view: View): void {
    this.#view = view;
    batch(() => {
      this.#live.value = view.range.kind === "last" && view.line === null;
      this.paused.value = false;
      this.skipped.value = 0;
      this.selected.value = null;
      this.detailOpen.value = false;
      this.rate.reset();
      this.connection.value = this.isLive ? "connecting" : "off";
    });
    if (this.isLive) this.#tail.open(tailAddress(viewFilter(view, 0)));
    else this.#tail.close();
    void this.#load(view);
  }

  /** Ends everything, as when signed out. */
  close(): void {
    this.#abort.abort();
    this.#tail.close();
    this.connection.value = "off";
  }

  /** Loads the newest lines again. */
  reload(): void {
    if (this.#view !== null) void this.#load(this.#view);
  }

  togglePause(): void {
    if (!this.isLive) return;
    if (this.paused.value) return this.jumpToNewest();
    this.#pausedEnd = this.buffer.end;
    this.hold();
    this.paused.value = true;
  }

  /** Stops following, so that what is on the screen stays. */
  hold(): void {
    if (!this.following.value) return;
    this.#readEnd = this.buffer.end;
    this.following.value = false;
  }

  /** Follows again, if nothing is missing between the held lines and the newest one. */
  follow(): void {
    if (this.paused.value || this.isCutOff) return;
    batch(() => {
      this.following.value = true;
      this.fresh.value = 0;
    });
    this.#readEnd = this.buffer.end;
  }

  jumpToNewest(): void {
    this.paused.value = false;
    if (this.isCutOff) return this.reload();
    this.follow();
    this.#changed();
  }

  /** Selects a line that is held; the view then stays where it is. */
  select(seq: number, { open = false } = {}): void {
    const line = this.buffer.at(seq);
    if (line === undefined) return;
    this.hold();
    batch(() => {
      this.selected.value = { seq, line };
      if (open) this.detailOpen.value = true;
      this.reveal.value = { seq, centre: false };
    });
  }

  /** Selects the line some steps after (or before) the selected one; with none selected, the newest. */
  step(by: number): void {
    const last = this.shownEnd - 1;
    const from = this.selected.value?.seq;
    const seq = from === undefined ? last : Math.min(last, Math.max(this.buffer.first, from + by));
    this.select(seq);
    if (seq === this.buffer.first) void this.loadOlder();
  }

  deselect(): void {
    batch(() => {
      this.detailOpen.value = false;
      this.selected.value = null;
    });
  }

  async loadOlder(): Promise<void> {
    if (this.older.value !== "more" || this.loading.value !== "ready") return;
    this.older.value = "loading";
    await this.#page(this.older, async (signal) => {
      const page = await this.#history.older(this.buffer, signal);
      const dropped = this.buffer.prepend(page.lines);
      if (dropped > 0) {
        this.hold();
        if (this.isLive) this.#beyond += dropped;
        else this.#history.newestLeft();
      }
      this.older.value = page.more ? "more" : "end";
      if (dropped > 0 && !this.isLive) this.newer.value = "more";
    });
  }

  /** For views that are not live: the lines after the last one held. */
  async loadNewer(): Promise<void> {
    if (this.newer.value !== "more" || this.loading.value !== "ready") return;
    this.newer.value = "loading";
    await this.#page(this.newer, async (signal) => {
      const page = await this.#history.newer(this.buffer, signal);
      for (const line of page.lines) this.#append(line);
      this.newer.value = page.more ? "more" : "end";
    });
  }

  async #page(
    edge: { value: Edge } & ReadonlySignal<Edge>,
    load: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { signal } = this.#abort;
    try {
      await load(signal);
    } catch (error) {
      if (signal.aborted) return;
      edge.value = "more";
      this.#failed(error);
    }
    this.#changed();
  }

  async #load(view: View): Promise<void> {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    // A permalink is found whatever the time is now; its other filters stand.
    const filter = viewFilter(view, Date.now());
    const { from: _from, to: _to, ...timeless } = filter;
    this.#history = new HistoryPages(view.line === null ? filter : timeless);
    this.#waiting = this.isLive ? [] : null;
    const wasOpen = this.#tail.isOpen;
    batch(() => {
      this.loading.value = "loading";
      this.problem.value = null;
      this.older.value = "end";
      this.newer.value = "end";
    });
    try {
      const answer = await this.#history.first(view.line, signal);
      this.#start(view, answer);
      if (this.isLive && wasOpen) this.#release();
      else if (this.isLive && this.#tail.isOpen) await this.#fill(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.loading.value = "failed";
      this.#waiting = null;
      this.buffer.clear();
      if (view.line !== null && error instanceof ApiError && error.status === 404) this.problem.value = GONE;
      else this.#failed(error);
    }
    this.#changed();
  }

  #start(view: View, answer: LinesAnswer): void {
    const around = view.line !== null;
    const lines = [...answer.lines].sort((a, b) => a.timestamp - b.timestamp);
    const ordered = around ? lines : answer.lines.toReversed();
    this.buffer.clear();
    for (const line of ordered) this.buffer.append(line);
    this.#mark.reset(ordered);
    this.#beyond = 0;
    this.#readEnd = this.buffer.end;
    batch(() => {
      this.fresh.value = 0;
      this.loading.value = "ready";
      this.following.value = !around;
      this.older.value = around || answer.next !== null ? "more" : "end";
      this.newer.value = around ? "more" : "end";
    });
    const seq = view.line === null ? undefined : this.buffer.find(view.line);
    if (seq !== undefined) {
      this.select(seq, { open: true });
      this.reveal.value = { seq, centre: true };
    }
  }

  async #opened(): Promise<void> {
    this.connection.value = "live";
    if (this.loading.value === "failed") return this.reload();
    // The first page, if it is still on its way, does this itself.
    if (this.loading.value === "loading") return;
    const { signal } = this.#abort;
    this.#waiting ??= [];
    try {
      await this.#fill(signal);
      this.problem.value = null;
    } catch (error) {
      if (signal.aborted) return;
      this.#release();
      this.#failed(error);
    }
  }

  /** Reads what arrived between the last line and the opening of the connection, then lets live lines in. */
  async #fill(signal: AbortSignal): Promise<void> {
    const missed = await missedLines({ ...this.#history.filter, ...this.#mark.filter }, this.buffer.ids(), signal);
    const lines = missed.lines.filter((line) => this.#isNew(line));
    if (missed.complete) this.#add(lines);
    // Where too much was missed and nobody is reading, the newest lines; else what is on the screen stays.
    else if (this.following.value) return this.reload();
    else this.#beyond += lines.length;
    this.#release();
  }

  /** Whether a line that is not held came after those that are, rather than being older than the first page or counted. */
  #isNew(line: StoredLine): boolean {
    if (this.#mark.isBefore(line)) return true;
    if (this.#beyond > 0) return false;
    const oldest = this.buffer.at(this.buffer.first);
    return oldest === undefined || this.older.value === "end" || line.timestamp > oldest.timestamp;
  }

  #release(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    if (waiting.length === 0) return;
    const known = this.buffer.ids();
    this.#add(waiting.filter((line) => !known.has(line.id)));
  }

  #receive(lines: readonly StoredLine[]): void {
    this.rate.add(lines.length);
    if (this.#waiting === null) return this.#add(lines);
    for (const line of lines) this.#waiting.push(line);
    if (this.#waiting.length > MAX_LINES) this.#waiting.splice(0, this.#waiting.length - MAX_LINES);
  }

  #add(lines: readonly StoredLine[]): void {
    const following = this.following.value;
    for (const line of lines) {
      this.#mark.pass(line);
      // Past a gap nothing may be added, or the gap would not show.
      if (following || (this.#beyond === 0 && !this.buffer.isFull)) this.#append(line);
      else this.#beyond += 1;
    }
    if (following) this.#readEnd = this.buffer.end;
    this.#changed();
  }

  #append(line: StoredLine): void {
    if (this.buffer.append(line) === 0) return;
    // What left memory can be read again, from the oldest line that is left.
    this.#history.oldestLeft();
    if (this.older.value === "end") this.older.value = "more";
  }

  async #down(): Promise<void> {
    this.connection.value = "reconnecting";
    // The connection does not say why it ended; an ordinary request does, if it is because the session did.
    const { signal } = this.#abort;
    try {
      await fetchLines({ from: Date.now() }, { limit: 1, order: "desc" }, signal);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (isAbort(error)) return;
    if (error instanceof ApiError && error.status === 401) {
      this.close();
      this.#onSignedOut();
    } else {
      this.problem.value = error instanceof Error ? error.message : String(error);
    }
  }

  #changed(): void {
    if (this.#frame !== 0) return;
    // Hidden pages get no frames: the buffer goes on, nothing is drawn.
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      batch(() => {
        this.version.value += 1;
        this.fresh.value = this.following.value ? 0 : this.buffer.end - this.#readEnd + this.#beyond;
      });
    });
  }
}
