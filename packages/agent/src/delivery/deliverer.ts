import { setTimeout as delay } from "node:timers/promises";
import type { Batch } from "../batch/batcher.ts";
import type { EncodedBody } from "../batch/encoder.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import { halve, textBytes } from "./halves.ts";
import { type Answer, TransportError } from "./transport.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/** What sends a body; see `Transport`. */
export interface Sender {
  send(batchId: string, attempt: number, body: EncodedBody, signal: AbortSignal): Promise<Answer>;
}

/** What of a batch the server refuses for good. */
export interface Refused {
  readonly lines: number;
  /** Bytes of the texts of these lines, each with one for its line end. */
  readonly bytes: number;
}

export interface DelivererOptions {
  readonly sender: Sender;
  /** Batches that may be under way at once, those that wait to be sent again included. */
  readonly maxInFlight: number;
  readonly backoff: BackoffOptions;
  /** Milliseconds between attempts that only a person, or a line that the server accepts, can make succeed. */
  readonly slowRetryMs: number;
  readonly emit: (event: AgentEvent) => void;
  /** A batch is dealt with: its ranges may be acknowledged. */
  readonly onSettled: (batch: Batch, refused: Refused) => void;
  /** There is room although no batch was settled. */
  readonly onRoom: () => void;
}

/** What one attempt came to, and how long the server asks to wait before the next. */
type Attempt = { readonly verdict: Verdict; readonly detail: string; readonly waitMs: number | undefined };

/** A body that is still to be delivered: a batch's, or what a refused one was cut into. */
interface Part {
  readonly id: string;
  readonly body: EncodedBody;
  readonly lines: number;
  readonly attempt: number;
}

/**
 * Sends batches through a small window and keeps each until the server has it. While attempts fail only the oldest batch
 * is tried, so that a server that is down sees one request at a time from each agent; all go on once it answers again.
 *
 * A refused body is halved until the line is found that the server does not take. That alone does not prove the line
 * wrong: a proxy, or a server that dislikes the agent's parameters, refuses everything. So a line is given up only while
 * the server demonstrably takes others.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #stop = new AbortController();
  /** Batches under way, in order. */
  readonly #window = new Set<Batch>();
  /** Those of them that have a line which is refused while nothing else is accepted. */
  readonly #held = new Set<Batch>();
  /** Requests that were accepted. */
  #accepted = 0;
  /** Attempts that have failed since the server last answered for what it was sent. */
  #failures = 0;
  /** Attempts that have failed since the server last accepted something. */
  #outage: { readonly since: number; attempts: number } | undefined;
  #turnChanged = Promise.withResolvers<void>();
  #idle = Promise.withResolvers<void>();

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  /**
   * True when another batch can be taken. Up to one more window is there for held batches: what is behind them may be
   * accepted, which is what they wait for.
   */
  get hasRoom(): boolean {
    const { maxInFlight } = this.#options;
    return this.#window.size - Math.min(this.#held.size, maxInFlight) < maxInFlight;
  }

  /** Batches under way. */
  get inFlight(): number {
    return this.#window.size;
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
    this.#changeTurn();
  }

  async #deliver(batch: Batch, firstAttempt: number): Promise<void> {
    try {
      const body = await batch.body;
      const refused = await this.#deliverParts(batch, {
        id: batch.id,
        body,
        lines: batch.lines,
        attempt: firstAttempt,
      });
      this.#forget(batch);
      this.#options.onSettled(batch, refused);
    } catch (error) {
      this.#forget(batch);
      if (!this.#stop.signal.aborted) throw error;
    }
    if (this.#window.size === 0) {
      this.#idle.resolve();
      this.#idle = Promise.withResolvers();
    }
  }

  #forget(batch: Batch): void {
    this.#window.delete(batch);
    this.#held.delete(batch);
    this.#changeTurn();
  }

  /** Delivers a batch, cut into parts where it is refused; returns what was refused for good. */
  async #deliverParts(batch: Batch, whole: Part): Promise<Refused> {
    const parts = [whole];
    const refused = { lines: 0, bytes: 0 };
    /** What the server had accepted when it first refused a part of this batch. */
    let acceptedThen: number | undefined;
    let refusals = 0;
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      await this.#turn(batch);
      const takesOthers = acceptedThen !== undefined && this.#accepted > acceptedThen;
      const { verdict, detail, waitMs } = await this.#attempt(part);
      const again = { ...part, attempt: part.attempt + 1 };
      if (verdict === "accepted") {
        this.#succeeded();
      } else if (verdict !== "refused") {
        parts.unshift(again);
        await this.#wait(verdict, detail, waitMs);
      } else {
        this.#answered();
        acceptedThen ??= this.#accepted;
        const halves = halve(part.body);
        if (halves !== undefined) {
          const [left, right] = halves;
          const { attempt } = whole;
          parts.unshift({ ...left, id: `${part.id}a`, attempt }, { ...right, id: `${part.id}b`, attempt });
        } else if (takesOthers) {
          this.#options.emit({ name: "line_refused", batch: part.id, detail, files: batch.ranges.length });
          refused.lines += part.lines;
          refused.bytes += textBytes(part.body);
        } else {
          parts.push(again);
          refusals += 1;
          await this.#hold(batch, refusals, detail);
        }
      }
    }
    return refused;
  }

  async #attempt({ id, attempt, body, lines }: Part): Promise<Attempt> {
    const { sender, emit } = this.#options;
    const begun = performance.now();
    try {
      const answer = await sender.send(id, attempt, body, this.#stop.signal);
      const verdict = verdictOf(answer);
      const tookMs = performance.now() - begun;
      if (verdict === "accepted")
        emit({ name: "batch_delivered", batch: id, lines, bytes: body.bytes.length, attempt, durationMs: tookMs });
      if (verdict === "refused") emit({ name: "batch_refused", batch: id, status: answer.status, detail: answer.text });
      return { verdict, detail: detailOf(verdict, answer), waitMs: answer.retryAfterMs };
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      if (!(error instanceof TransportError)) throw error;
      return { verdict: "retry", detail: error.message, waitMs: undefined };
    }
  }

  /** While attempts fail, only one batch is tried. */
  async #turn(batch: Batch): Promise<void> {
    while (this.#failures > 0 && this.#next() !== batch) await this.#turnChanged.promise;
    this.#stop.signal.throwIfAborted();
  }

  /** The oldest batch that is not held, if there is one: a held one waits long between its attempts. */
  #next(): Batch | undefined {
    for (const batch of this.#window) if (!this.#held.has(batch)) return batch;
    return this.#window.values().next().value;
  }

  #changeTurn(): void {
    this.#turnChanged.resolve();
    this.#turnChanged = Promise.withResolvers();
  }

  /** Waits after a failure. */
  async #wait(verdict: Verdict, detail: string, asked: number | undefined): Promise<void> {
    const { emit, slowRetryMs, backoff } = this.#options;
    this.#failures += 1;
    this.#outage ??= { since: performance.now(), attempts: 0 };
    this.#outage.attempts += 1;
    const slow = verdict !== "retry";
    // A wait that the server asks for is kept, and jitter added on top of it, so that a fleet does not return in step.
    const jitter = backoffMs(this.#failures, backoff);
    const retryInMs = slow ? slowRetryMs / 2 + jitter : (asked ?? 0) + jitter;
    if (verdict === "key_rejected") emit({ name: "key_rejected", detail, retryInMs });
    else emit({ name: "delivery_failed", reason: detail, retryInMs, batches: this.#window.size });
    await delay(retryInMs, undefined, { signal: this.#stop.signal });
  }

  /** Waits after a line was refused while nothing shows that the server takes others; the other batches go on. */
  async #hold(batch: Batch, refusals: number, detail: string): Promise<void> {
    const { emit, slowRetryMs, backoff, onRoom } = this.#options;
    if (!this.#held.has(batch)) {
      this.#held.add(batch);
      this.#changeTurn();
      onRoom();
    }
    // Short at first: the next part of the same batch may be accepted at once.
    const retryInMs = backoffMs(refusals, { ...backoff, capMs: slowRetryMs });
    emit({ name: "line_held", batch: batch.id, detail, retryInMs });
    await delay(retryInMs, undefined, { signal: this.#stop.signal });
  }

  #succeeded(): void {
    this.#accepted += 1;
    this.#answered();
    if (this.#outage === undefined) return;
    const { since, attempts } = this.#outage;
    this.#outage = undefined;
    this.#options.emit({ name: "delivery_recovered", attempts, afterMs: Math.round(performance.now() - since) });
  }

  /** The server has judged what it was sent: it is there, so all batches go on. */
  #answered(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#changeTurn();
  }
}

/** What is said of an answer other than that it accepts. */
function detailOf(verdict: Verdict, { status, text }: Answer): string {
  const said = `${status} ${text}`.trim();
  if (verdict === "retry") return `the server answered ${said}`;
  if (verdict === "misdirected") return `the server answered ${said}: check the configured host and endpoint`;
  return said;
}
