import { setTimeout as delay } from "node:timers/promises";
import type { Batch } from "../batch/batcher.ts";
import type { EncodedBody } from "../batch/encoder.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import { halve } from "./halves.ts";
import { type Answer, TransportError } from "./transport.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/** What sends a body; see `Transport`. */
export interface Sender {
  send(batchId: string, attempt: number, body: EncodedBody, signal: AbortSignal): Promise<Answer>;
}

export interface DelivererOptions {
  readonly sender: Sender;
  /** Batches that may be under way at once, those that wait to be sent again included. */
  readonly maxInFlight: number;
  readonly backoff: BackoffOptions;
  /** Milliseconds between attempts with a key that was rejected, or at a place that is no ingestion server. */
  readonly slowRetryMs: number;
  readonly emit: (event: AgentEvent) => void;
  /** A batch is dealt with: its ranges may be acknowledged. `dropped` are lines that the server refuses for good. */
  readonly onSettled: (batch: Batch, dropped: number) => void;
}

/** What one attempt came to, and how long to wait before the next where there is one. */
type Attempt = { readonly verdict: Verdict; readonly detail: string; readonly waitMs: number | undefined };

/**
 * Sends batches through a small window and keeps each until the server has it. While attempts fail only the oldest batch
 * is tried, so that a server that is down sees one request at a time from each agent; all go on once one succeeds.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #stop = new AbortController();
  /** Batches under way, in order. */
  readonly #window = new Set<Batch>();
  /** Attempts that have failed since the last success. */
  #failures = 0;
  #failingSince = 0;
  #everAccepted = false;
  #recovered = Promise.withResolvers<void>();
  #idle = Promise.withResolvers<void>();

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  /** True when another batch can be taken. */
  get hasRoom(): boolean {
    return this.#window.size < this.#options.maxInFlight;
  }

  /** Batches under way. */
  get inFlight(): number {
    return this.#window.size;
  }

  /** True while attempts fail. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /**
   * Takes a batch; it counts as under way until it is settled.
   * @param sentBefore an earlier run of the agent may have sent it.
   */
  submit(batch: Batch, sentBefore = false): void {
    this.#window.add(batch);
    void this.#deliver(batch, sentBefore ? 2 : 1);
  }

  /** Resolves when nothing is under way; rejects when the signal says so. */
  async drained(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => undefined);
    signal.addEventListener("abort", () => aborted.reject(signal.reason), { once: true });
    if (signal.aborted) aborted.reject(signal.reason);
    while (this.#window.size > 0) await Promise.race([this.#idle.promise, aborted.promise]);
  }

  /** Gives up what is under way; its ranges stay unacknowledged and are sent by the next run. */
  stop(): void {
    this.#stop.abort();
  }

  async #deliver(batch: Batch, firstAttempt: number): Promise<void> {
    try {
      const body = await batch.body;
      const dropped = await this.#deliverBody(batch, batch.id, body, batch.lines, firstAttempt);
      this.#window.delete(batch);
      this.#options.onSettled(batch, dropped);
    } catch (error) {
      this.#window.delete(batch);
      if (!this.#stop.signal.aborted) throw error;
    }
    if (this.#window.size === 0) {
      this.#idle.resolve();
      this.#idle = Promise.withResolvers();
    }
  }

  /** Delivers one body, or its halves where it is refused; returns how many of its lines were refused for good. */
  async #deliverBody(batch: Batch, id: string, body: EncodedBody, lines: number, first: number): Promise<number> {
    for (let attempt = first; ; attempt += 1) {
      await this.#turn(batch);
      const { verdict, detail, waitMs } = await this.#attempt(id, attempt, body, lines);
      if (verdict === "accepted") {
        this.#succeeded();
        return 0;
      }
      if (verdict === "refused") {
        const halves = halve(body);
        if (halves !== undefined) {
          const [left, right] = halves;
          const before = await this.#deliverBody(batch, `${id}a`, left.body, left.lines, first);
          return before + (await this.#deliverBody(batch, `${id}b`, right.body, right.lines, first));
        }
        // A server that has never accepted anything may refuse the agent's parameters rather than this line.
        if (this.#everAccepted) {
          const files = batch.ranges.length;
          this.#options.emit({ name: "line_refused", batch: id, detail, files });
          return 1;
        }
      }
      await this.#wait(batch, verdict, detail, waitMs);
    }
  }

  async #attempt(id: string, attempt: number, body: EncodedBody, lines: number): Promise<Attempt> {
    const { sender, emit } = this.#options;
    const begun = performance.now();
    try {
      const answer = await sender.send(id, attempt, body, this.#stop.signal);
      const verdict = verdictOf(answer);
      const tookMs = performance.now() - begun;
      if (verdict === "accepted")
        emit({ name: "batch_delivered", batch: id, lines, bytes: body.bytes.length, attempt, durationMs: tookMs });
      else emit({ name: "batch_refused", batch: id, status: answer.status, detail: answer.text });
      return { verdict, detail: `${answer.status} ${answer.text}`.trim(), waitMs: answer.retryAfterMs };
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      if (!(error instanceof TransportError)) throw error;
      return { verdict: "retry", detail: error.message, waitMs: undefined };
    }
  }

  /** While attempts fail, only the oldest batch is tried. */
  async #turn(batch: Batch): Promise<void> {
    while (this.#failures > 0 && this.#window.values().next().value !== batch) {
      await this.#recovered.promise;
      this.#stop.signal.throwIfAborted();
    }
  }

  async #wait(batch: Batch, verdict: Verdict, detail: string, asked: number | undefined): Promise<void> {
    const { emit, slowRetryMs, backoff } = this.#options;
    if (this.#failures === 0) this.#failingSince = performance.now();
    this.#failures += 1;
    const slow = verdict !== "retry";
    // A wait that the server asks for is kept, and jitter added on top of it, so that a fleet does not return in step.
    const jitter = backoffMs(this.#failures, backoff);
    const retryInMs = slow ? slowRetryMs / 2 + jitter : (asked ?? 0) + jitter;
    if (verdict === "key_rejected") emit({ name: "key_rejected", detail, retryInMs });
    else emit({ name: "delivery_failed", reason: detail, retryInMs, batches: this.#window.size });
    await delay(retryInMs, undefined, { signal: this.#stop.signal });
    await this.#turn(batch);
  }

  #succeeded(): void {
    this.#everAccepted = true;
    if (this.#failures === 0) return;
    this.#options.emit({
      name: "delivery_recovered",
      attempts: this.#failures,
      afterMs: Math.round(performance.now() - this.#failingSince),
    });
    this.#failures = 0;
    this.#recovered.resolve();
    this.#recovered = Promise.withResolvers();
  }
}
