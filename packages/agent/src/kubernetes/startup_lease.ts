import type { StartupLease } from "../config/kubernetes_options.ts";
import type { Clock } from "../delivery/clock.ts";
import { REAL_CLOCK } from "../delivery/clock.ts";
import type { ApiClient } from "./api_client.ts";
import { ApiError } from "./api_error.ts";
import { Lease, type LeaseRecord } from "./lease.ts";

export interface StartupLeaseOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly identity: string;
  readonly mode: Exclude<StartupLease, "never">;
  readonly onFailed: (error: unknown) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** How many agents may start at once. */
const LEASES = 5;
const NAME = "logdna-agent-startup-lease-";
/** By which the existing agent finds them. */
const LABELS = { process: "logdna-agent-startup" };
/** A start that takes longer has no right to keep others waiting. */
const SECONDS = 30;
/** How long `attempt` waits, in milliseconds. */
const ATTEMPT_MS = 30_000;
const LOOK_MS = { least: 1000, more: 2000 } as const;
const GIVE_UP_MS = 2000;

/**
 * One of a few leases that an agent holds while it starts, so that a fleet that is started at once reads its backlogs one after the other.
 * It is given up once the agent has started, and over by itself when the agent ends before.
 */
export class StartupTurn {
  readonly #options: StartupLeaseOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** When each lease was first seen as it is. */
  readonly #seen = new Map<string, { readonly renewal: string; readonly at: number }>();
  #held: { readonly lease: Lease; readonly record: LeaseRecord } | undefined;

  constructor(options: StartupLeaseOptions) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#random = options.random ?? Math.random;
  }

  /** Resolves when a lease is held, or waiting for one is over; whatever fails. @returns whether one is held. */
  async take(signal: AbortSignal): Promise<boolean> {
    const { mode, onFailed } = this.#options;
    const until = this.#clock.now() + (mode === "attempt" ? ATTEMPT_MS : Number.POSITIVE_INFINITY);
    while (!signal.aborted) {
      try {
        if (await this.#takeOne(signal)) return true;
      } catch (error) {
        if (signal.aborted) break;
        onFailed(error);
        // Rather all at once than not at all.
        if (mode === "attempt") return false;
      }
      const waitMs = LOOK_MS.least + this.#random() * LOOK_MS.more;
      if (this.#clock.now() + waitMs > until) return false;
      await this.#clock.delay(waitMs, signal).catch(() => undefined);
    }
    return false;
  }

  /** The agent has started: another one may. */
  async giveUp(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    const signal = AbortSignal.timeout(GIVE_UP_MS);
    await held?.lease.write(held.record, { holder: undefined, seconds: SECONDS }, signal).catch(this.#options.onFailed);
  }

  async #takeOne(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, identity } = this.#options;
    // Not all begin with the same one.
    const first = Math.floor(this.#random() * LEASES);
    for (let at = 0; at < LEASES; at += 1) {
      const lease = new Lease(client, namespace, NAME + ((first + at) % LEASES));
      const record = await lease.read(signal);
      if (record !== undefined && !this.#isFree(lease.name, record)) continue;
      try {
        const taken = await lease.write(record, { holder: identity, seconds: SECONDS, labels: LABELS }, signal);
        this.#held = { lease, record: taken };
        return true;
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
    return false;
  }

  #isFree(name: string, record: LeaseRecord): boolean {
    if (record.holder === undefined || record.holder === this.#options.identity) return true;
    const seen = this.#seen.get(name);
    if (seen?.renewal !== record.renewal) {
      this.#seen.set(name, { renewal: record.renewal, at: this.#clock.now() });
      return false;
    }
    // The existing agent says no time in them.
    return this.#clock.now() - seen.at > (record.seconds || SECONDS) * 1000;
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.isConflict;
}
