import { Buffer } from "node:buffer";
import { setImmediate as turn } from "node:timers/promises";
import { type Batch, NOTHING_LEFT_OUT } from "../src/batch/batcher.ts";
import type { Clock } from "../src/delivery/clock.ts";
import { Deliverer, type DelivererOptions, type Sender } from "../src/delivery/deliverer.ts";
import { linesOf, textOf } from "../src/delivery/halves.ts";
import type { Answer } from "../src/delivery/transport.ts";

/** A clock that goes on when everything that can happen now has happened: hours pass in a moment. */
export class SimulatedClock implements Clock {
  #now = 0;
  #waits: { readonly at: number; readonly done: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly delay = (ms: number, signal: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait = { at: this.#now + Math.max(0, ms), done: resolve };
    this.#waits.push(wait);
    const abort = (): void => {
      this.#waits = this.#waits.filter((other) => other !== wait);
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    return promise;
  };

  /** Lets time pass until the condition holds, or nothing is waited for, or it is `until` milliseconds. */
  async run(condition: () => boolean, until = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      await turn();
      const next = this.#waits.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
      if (condition() || next === Number.POSITIVE_INFINITY || next > until) return;
      this.#now = Math.max(this.#now, next);
      const due = this.#waits.filter(({ at }) => at <= this.#now);
      this.#waits = this.#waits.filter(({ at }) => at > this.#now);
      for (const { done } of due) done();
    }
  }
}

/** Numbers in `[0, 1)` that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The status with which a simulated server answers a request that holds these lines. */
type Judge = (texts: readonly string[], now: number) => number | Promise<number>;

/** A server without a network: it answers after a time that a judge's clock tells. */
export function simulatedSender(clock: Clock, latencyMs: () => number, judge: Judge): Sender {
  return {
    async send(_id, _attempt, body, signal): Promise<Answer> {
      await clock.delay(latencyMs(), signal);
      const status = await judge(linesOf(body).map(textOf), clock.now());
      return { status, text: "", retryAfterMs: undefined };
    },
  };
}

/** A deliverer with the agent's own waits on a simulated clock. */
export function simulatedDeliverer(
  options: Pick<DelivererOptions, "sender"> & {
    readonly clock: Clock;
    readonly random: () => number;
  } & Partial<DelivererOptions>,
): Deliverer {
  return new Deliverer({
    maxInFlight: 4,
    backoff: { baseMs: 100, capMs: 2000, random: options.random },
    slowRetryMs: 10_000,
    trialMs: 1000,
    emit: () => undefined,
    onSettled: () => undefined,
    onRoom: () => undefined,
    setAside: () => undefined,
    key: { path: undefined, isSent: true, renew: () => false },
    ...options,
  });
}

/** A batch of these lines. */
export function batchOf(id: string, lines: readonly string[]): Batch {
  const bytes = Buffer.from(JSON.stringify({ lines: lines.map((line) => ({ line, file: "/x.log", timestamp: 1 })) }));
  return {
    id,
    ranges: [],
    lines: lines.length,
    bytes: { shipped: 0, empty: 0, excluded: 0, dropped: 0 },
    leftOut: NOTHING_LEFT_OUT,
    body: Promise.resolve({ bytes, encoding: undefined, plainSize: bytes.length }),
  };
}
