import { backoffMs } from "../delivery/backoff.ts";
import type { Clock } from "../delivery/clock.ts";
import { REAL_CLOCK } from "../delivery/clock.ts";
import type { ApiClient, Query } from "./api_client.ts";
import { ApiError } from "./api_error.ts";
import { type JsonRecord, textAt } from "./json_values.ts";

export interface ReflectorOptions {
  readonly client: Pick<ApiClient, "list" | "watch">;
  readonly path: string;
  /** Selectors. */
  readonly query: Query;
  /** A list begins: what is not among its items by its end is gone. */
  readonly onListBegun: () => void;
  readonly onItem: (item: JsonRecord) => void;
  readonly onListEnded: () => void;
  readonly onChanged: (type: "ADDED" | "MODIFIED" | "DELETED", object: JsonRecord) => void;
  /** Something failed, so many times in a row by now; it is tried again. */
  readonly onFailed: (error: unknown, failures: number) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** Objects of one page of a list. */
const PAGE = 100;
/** How long a watch lasts that nothing ends, in seconds; a fleet's watches must not all end at once. */
const WATCH_SECONDS = { least: 300, more: 300 } as const;
/** How much longer than that it may be quiet, in milliseconds. */
const OVERDUE_MS = 30_000;
/** Milliseconds; after a restart of the API server the watches of a whole fleet come back. */
const BACKOFF = { baseMs: 800, capMs: 30_000 } as const;
/** A watch that ended earlier has failed, whatever the server says, in milliseconds. */
const SHORT_MS = 1000;

/**
 * Keeps what is known of objects of a kind as the API server has it: lists them, and watches from there. A watch that ends goes on
 * where it was; where the server does not know that place any more (410), everything is listed again.
 */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Where to go on; undefined before the first list, and when the server has forgotten it. */
  #version: string | undefined;
  /** The first list may be as old as the server's cache is, which spares its store; after a 410 that could be too old. */
  #mayBeOld = true;
  #failures = 0;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#random = options.random ?? Math.random;
  }

  /** Runs until the signal says so, whatever fails. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let waitMs = 0;
      try {
        if (this.#version === undefined) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.isExpired) {
          this.#version = undefined;
          this.#mayBeOld = false;
        }
        this.#failures += 1;
        this.#options.onFailed(error, this.#failures);
        const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
        waitMs = asked + backoffMs(this.#failures, { ...BACKOFF, random: this.#random });
      }
      await this.#clock.delay(waitMs, signal).catch(() => undefined);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, path, query, onListBegun, onItem, onListEnded } = this.#options;
    onListBegun();
    const resourceVersion = this.#mayBeOld ? "0" : undefined;
    const listed = await client.list(path, { ...query, limit: PAGE, resourceVersion }, onItem, signal);
    onListEnded();
    this.#version = listed.resourceVersion;
    this.#failures = 0;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, path, query, onChanged } = this.#options;
    const timeoutSeconds = WATCH_SECONDS.least + Math.floor(this.#random() * WATCH_SECONDS.more);
    const from = { resourceVersion: this.#version, allowWatchBookmarks: true, timeoutSeconds };
    const begun = this.#clock.now();
    const idleMs = timeoutSeconds * 1000 + OVERDUE_MS;
    for await (const { type, object } of client.watch(path, { ...query, ...from }, signal, idleMs)) {
      if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") onChanged(type, object);
      this.#version = textAt(object, "metadata", "resourceVersion") ?? this.#version;
      this.#failures = 0;
    }
    if (this.#clock.now() - begun < SHORT_MS) throw new ApiError(`the watch of ${path} ended at once`);
  }
}
