import { backoffMs } from "../delivery/backoff.ts";
import type { Clock } from "../delivery/clock.ts";
import { REAL_CLOCK } from "../delivery/clock.ts";
import type { ApiClient } from "./api_client.ts";
import { ApiError } from "./api_error.ts";
import { eventLine } from "./event_line.ts";
import { type JsonRecord, textAt } from "./json_values.ts";
import type { Leadership } from "./leader_election.ts";
import type { PushedLines } from "./pushed_lines.ts";

export interface EventSourceOptions {
  readonly client: Pick<ApiClient, "list" | "watch">;
  readonly lines: PushedLines;
  readonly onFailed: (error: unknown) => void;
  readonly onShipped?: () => void;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** The annotation of the lease that says up to which version events are shipped. */
const SHIPPED = "logdna-agent/events-shipped";
const PATH = "/api/v1/events";
/** What rules on paths and messages know events by. */
const EVENTS_PATH = "kubernetes-events";
const PAGE = 200;
const WATCH_SECONDS = { least: 240, more: 120 } as const;
const OVERDUE_MS = 30_000;
const BACKOFF = { baseMs: 800, capMs: 30_000 } as const;

/**
 * Ships the events of the cluster while this agent leads. The API server is the queue: nothing is on disk, and a version is noted in the
 * lease once everything up to it is safe, from which the next leader goes on. The server keeps changes for some minutes, and the events
 * themselves for an hour: after a longer time without a leader they are listed, and those are shipped that are newer.
 */
export class EventSource {
  readonly #options: EventSourceOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Everything up to it is safe; undefined where nothing ever was. */
  #shipped: bigint | undefined;

  constructor(options: EventSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#random = options.random ?? Math.random;
  }

  /** What is to be remembered in the lease. */
  readonly annotations = (): Readonly<Record<string, string>> =>
    this.#shipped === undefined ? {} : { [SHIPPED]: String(this.#shipped) };

  /** Leads; see `LeaderElectionOptions`. What is under way at the end is waited for as long as the lease holds. */
  readonly lead = async ({ annotations, signal, holds }: Leadership): Promise<void> => {
    const { lines, onFailed } = this.#options;
    this.#shipped = versionOf(annotations[SHIPPED]);
    /** Everything up to it was pushed. */
    let from = this.#shipped;
    let mustList = from === undefined;
    /** What was pushed of a list that could not be read to its end. */
    const listed = new Set<string>();
    let failures = 0;
    while (!signal.aborted && holds()) {
      try {
        if (mustList) {
          from = await this.#list(from, listed, signal, holds);
          listed.clear();
          mustList = false;
        }
        for await (const version of this.#watch(from ?? 0n, signal, holds)) {
          from = version;
          failures = 0;
        }
        continue;
      } catch (error) {
        if (signal.aborted) break;
        // What changed in between is not told any more; what is left of it is listed.
        if (error instanceof ApiError && error.isExpired) mustList = true;
        onFailed(error);
        failures += 1;
      }
      const waitMs = backoffMs(failures, { ...BACKOFF, random: this.#random });
      await this.#clock.delay(waitMs, signal).catch(() => undefined);
    }
    // What nobody has read yet is for the next leader.
    lines.clear();
    await lines.safe();
  };

  /** Ships what there is that is newer. @returns the version of the list. */
  async #list(
    after: bigint | undefined,
    listed: Set<string>,
    signal: AbortSignal,
    holds: () => boolean,
  ): Promise<bigint> {
    const { client, lines } = this.#options;
    const take = async (event: JsonRecord): Promise<void> => {
      const text = textAt(event, "metadata", "resourceVersion");
      const version = versionOf(text);
      const key = `${textAt(event, "metadata", "uid")} ${text}`;
      if ((after !== undefined && version !== undefined && version <= after) || listed.has(key)) return;
      await this.#ship(event, undefined, holds);
      listed.add(key);
    };
    const { resourceVersion } = await client.list(PATH, { limit: PAGE }, take, signal);
    const version = versionOf(resourceVersion) ?? 0n;
    // They come in the order of their names: only when all are safe is the version.
    await Promise.race([lines.safe(), aborted(signal)]);
    if (!signal.aborted && holds()) this.#isSafe(version);
    return version;
  }

  async *#watch(from: bigint, signal: AbortSignal, holds: () => boolean): AsyncGenerator<bigint> {
    const timeoutSeconds = WATCH_SECONDS.least + Math.floor(this.#random() * WATCH_SECONDS.more);
    const query = { resourceVersion: String(from), allowWatchBookmarks: true, timeoutSeconds };
    const idleMs = timeoutSeconds * 1000 + OVERDUE_MS;
    for await (const { type, object } of this.#options.client.watch(PATH, query, signal, idleMs)) {
      if (!holds()) return;
      const version = versionOf(textAt(object, "metadata", "resourceVersion"));
      if (version === undefined) continue;
      if (type === "ADDED" || type === "MODIFIED") await this.#ship(object, version, holds);
      // Nothing that is to be shipped came since.
      else this.#noted(version);
      yield version;
    }
  }

  /** A version that needs nothing to be shipped is safe where everything before it is. */
  #noted(version: bigint): void {
    if (this.#options.lines.isSafe) this.#isSafe(version);
  }

  /** @throws {NotLeading} */
  async #ship(event: JsonRecord, version: bigint | undefined, holds: () => boolean): Promise<void> {
    if (!holds()) throw new NotLeading();
    const { text, own } = eventLine(event);
    const onSafe = (): void => {
      this.#options.onShipped?.();
      if (version !== undefined) this.#isSafe(version);
    };
    await this.#options.lines.push({ text, own, path: EVENTS_PATH, onSafe });
  }

  #isSafe(version: bigint): void {
    if (this.#shipped === undefined || version > this.#shipped) this.#shipped = version;
  }
}

/** The lease may be somebody else's by now. */
class NotLeading extends Error {
  override readonly name = "NotLeading";
  override readonly message = "the lease does not hold any more";
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

/**
 * Versions of one kind of object are numbers that grow (Kubernetes 1.35 on says so; all before it have them from etcd, where they do).
 * Undefined for anything else.
 */
function versionOf(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[0-9]{1,20}$/.test(text) ? BigInt(text) : undefined;
}
