import type { Clock } from "../delivery/clock.ts";
import { REAL_CLOCK } from "../delivery/clock.ts";
import { ApiError } from "./api_error.ts";
import type { Lease, LeaseRecord } from "./lease.ts";

/** What a leader works with. */
export interface Leadership {
  /** Annotations of the lease as the last holder left them. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Aborted before anybody else can have become the leader. */
  readonly signal: AbortSignal;
  /** Whether it still leads now, by the clock: a process that was stopped for a while may be told too late. */
  readonly holds: () => boolean;
}

export interface LeaderElectionOptions {
  readonly lease: Pick<Lease, "name" | "read" | "write">;
  /** Unique among those who want to lead. */
  readonly identity: string;
  /** Seconds after which others may take a lease that is not renewed. */
  readonly seconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** What is remembered in the lease with each renewal. */
  readonly annotations?: () => Readonly<Record<string, string>>;
  /** Leads until the signal says so, and resolves once nothing is done any more. */
  readonly lead: (leadership: Leadership) => Promise<void>;
  readonly onElected?: () => void;
  /** @param gaveUp it was asked to end. */
  readonly onDeposed?: (gaveUp: boolean) => void;
  readonly onFailed?: (error: unknown) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
}

const SECONDS = 15;
/** Shares of the time that a lease holds: after which it is renewed, and after which the holder stops, renewed or not. */
const RENEW_AT = 1 / 5;
const STOP_AT = 2 / 3;
/** How often others look at it, in milliseconds: a fleet must not look at the same moment, nor all too often. */
const LOOK_MS = { least: 2000, more: 4000 } as const;
const AFTER_CONFLICT_MS = 500;

/**
 * Becomes the leader when nobody else is, and stays it while the lease can be renewed: the rules of Kubernetes' own components
 * (client-go, `leaderelection`).
 *
 * No clock is compared with that of another host. Others count from the moment at which they saw the last renewal, by their own monotonic
 * clock; the holder from the moment before it began to write it, and stops at two thirds of the time. So there are never two, as long as
 * no clock goes half as fast again as another.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #leaseMs: number;
  /** The lease as it was last seen, and when that was first seen. */
  #seen: { readonly renewal: string; readonly at: number } | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#random = options.random ?? Math.random;
    this.#leaseMs = (options.seconds ?? SECONDS) * 1000;
  }

  /** Runs until the signal says so; then the lease is given up, if it is held. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let waitMs: number = LOOK_MS.least + this.#random() * LOOK_MS.more;
      try {
        const begun = this.#clock.now();
        const taken = await this.#take(signal);
        if (taken !== undefined) {
          await this.#lead(taken, begun, signal);
          waitMs = LOOK_MS.least;
        }
      } catch (error) {
        if (signal.aborted) return;
        // Another one was faster.
        if (error instanceof ApiError && error.isConflict) waitMs = AFTER_CONFLICT_MS + this.#random() * LOOK_MS.least;
        else this.#options.onFailed?.(error);
      }
      await this.#clock.delay(waitMs, signal).catch(() => undefined);
    }
  }

  /** Takes the lease, if it is free. @throws {ApiError} */
  async #take(signal: AbortSignal): Promise<LeaseRecord | undefined> {
    const { lease, identity } = this.#options;
    const record = await lease.read(signal);
    const now = this.#clock.now();
    if (record === undefined) {
      this.#seen = undefined;
      return this.#write(undefined, signal);
    }
    if (this.#seen?.renewal !== record.renewal) this.#seen = { renewal: record.renewal, at: now };
    const isFree = record.holder === undefined || record.holder === identity;
    const isOver = now - this.#seen.at > record.seconds * 1000;
    return isFree || isOver ? this.#write(record, signal) : undefined;
  }

  /** @throws {ApiError} */
  #write(before: LeaseRecord | undefined, signal?: AbortSignal): Promise<LeaseRecord> {
    const { lease, identity, labels, annotations } = this.#options;
    const change = { holder: identity, seconds: this.#leaseMs / 1000, annotations: annotations?.() ?? {} };
    // What is remembered is of this holder only once it holds.
    if (before?.holder !== identity) change.annotations = {};
    return lease.write(before, { ...change, ...(labels !== undefined && { labels }) }, signal);
  }

  /** @param begun when writing it was begun. */
  async #lead(taken: LeaseRecord, begun: number, signal: AbortSignal): Promise<void> {
    const { lead, onElected, onDeposed } = this.#options;
    const over = new AbortController();
    let stopAt = begun + this.#leaseMs * STOP_AT;
    let record = taken;
    const holds = (): boolean => !over.signal.aborted && this.#clock.now() < stopAt;
    const ended = AbortSignal.any([over.signal, signal]);
    onElected?.();
    const led = lead({ annotations: taken.annotations, signal: ended, holds }).catch((error: unknown) =>
      this.#options.onFailed?.(error),
    );
    while (!ended.aborted) {
      const nextMs = Math.min(this.#leaseMs * RENEW_AT * (0.8 + 0.4 * this.#random()), stopAt - this.#clock.now());
      await this.#clock.delay(Math.max(0, nextMs), ended).catch(() => undefined);
      if (ended.aborted) break;
      if (!holds()) {
        over.abort();
        break;
      }
      const renewing = this.#clock.now();
      try {
        record = await this.#renew(record, AbortSignal.any([ended, this.#until(stopAt)]));
        stopAt = renewing + this.#leaseMs * STOP_AT;
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof LeaseLost || this.#clock.now() >= stopAt) over.abort();
        this.#options.onFailed?.(error);
        if (!ended.aborted) await this.#clock.delay(Math.min(1000, this.#leaseMs / 10), ended).catch(() => undefined);
      }
    }
    // Whoever leads has until the lease is over to come to an end; after that others act.
    await Promise.race([led, this.#clock.delay(Math.max(0, stopAt - this.#clock.now()), NEVER)]);
    over.abort();
    onDeposed?.(signal.aborted);
    if (this.#clock.now() < stopAt) await this.#giveUp(record);
    await led;
  }

  /** @throws {ApiError | LeaseLost} */
  async #renew(record: LeaseRecord, signal: AbortSignal): Promise<LeaseRecord> {
    const { lease, identity } = this.#options;
    try {
      return await this.#write(record, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isConflict) throw error;
      // Somebody has changed it: a person, perhaps, and it is still ours.
      const now = await lease.read(signal);
      if (now?.holder !== identity) throw new LeaseLost(`${lease.name} is held by ${now?.holder ?? "nobody"} now`);
      return this.#write(now, signal);
    }
  }

  /** Leaves it to the next one at once. That it cannot be is no matter: it will be over. */
  async #giveUp(record: LeaseRecord): Promise<void> {
    const { lease, annotations } = this.#options;
    const change = { holder: undefined, seconds: 1, annotations: annotations?.() ?? {} };
    const signal = AbortSignal.timeout(GIVE_UP_MS);
    await lease.write(record, change, signal).catch(() => undefined);
    this.#seen = undefined;
  }

  #until(at: number): AbortSignal {
    return AbortSignal.timeout(Math.max(1, Math.ceil(at - this.#clock.now())));
  }
}

const GIVE_UP_MS = 2000;
const NEVER = new AbortController().signal;

/** Somebody else holds the lease. */
class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}
