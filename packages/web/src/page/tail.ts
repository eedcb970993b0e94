import type { StoredLine, TailSkipped } from "@logdna-agent/protocol";

/** What a tail reports; `opened` again after each reconnection. */
export interface TailListener {
  opened(): void;
  lines(lines: readonly StoredLine[]): void;
  /** The server left lines out because this page was too slow. */
  skipped(count: number): void;
  /** The connection is down; another attempt follows by itself. */
  down(): void;
  /** There is no connection because nobody sees the page; there is one again when somebody does. */
  resting(): void;
}

/** Delay before the first attempt to reconnect, in milliseconds; it doubles up to the last. */
const FIRST_DELAY = 500;
const LAST_DELAY = 10_000;
/** A page that is hidden for this long gives its connection back; milliseconds. */
const HIDDEN_GRACE = 10_000;

/**
 * The live connection, kept up.
 *
 * `EventSource` reconnects by itself after a cut but gives up for good on an error answer, as during a restart behind a proxy;
 * so every attempt is a new one here, with a delay that grows and varies, that pages do not come back all at once.
 *
 * Only a page that is seen has one: over HTTP/1.1 a browser opens six connections to a server, for all its tabs together.
 */
export class Tail {
  readonly #listener: TailListener;
  #source: EventSource | null = null;
  #url = "";
  #delay = FIRST_DELAY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #resting = document.hidden;
  #grace: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: TailListener) {
    this.#listener = listener;
    addEventListener("online", () => {
      if (this.#source === null) this.#connect();
    });
    document.addEventListener("visibilitychange", () => this.#onVisibility());
  }

  get isOpen(): boolean {
    return this.#source?.readyState === EventSource.OPEN;
  }

  open(url: string): void {
    this.close();
    this.#url = url;
    this.#delay = FIRST_DELAY;
    this.#connect();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#url = "";
  }

  #onVisibility(): void {
    clearTimeout(this.#grace);
    if (document.hidden) {
      this.#grace = setTimeout(() => this.#rest(), HIDDEN_GRACE);
    } else if (this.#resting) {
      this.#resting = false;
      this.#connect();
    }
  }

  #rest(): void {
    this.#resting = true;
    if (this.#url === "") return;
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#delay = FIRST_DELAY;
    this.#listener.resting();
  }

  #connect(): void {
    clearTimeout(this.#timer);
    if (this.#resting || this.#url === "") return;
    const source = new EventSource(this.#url);
    this.#source = source;
    source.addEventListener("open", () => {
      this.#delay = FIRST_DELAY;
      this.#listener.opened();
    });
    source.addEventListener("lines", (event: MessageEvent<string>) => {
      this.#listener.lines(JSON.parse(event.data) as StoredLine[]);
    });
    source.addEventListener("skipped", (event: MessageEvent<string>) => {
      this.#listener.skipped((JSON.parse(event.data) as TailSkipped).count);
    });
    source.addEventListener("error", () => {
      source.close();
      this.#source = null;
      this.#timer = setTimeout(() => this.#connect(), this.#delay * (0.75 + Math.random() / 2));
      this.#delay = Math.min(LAST_DELAY, this.#delay * 2);
      this.#listener.down();
    });
  }
}
