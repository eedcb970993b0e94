import type { Batch } from "../batch/batcher.ts";
import type { BodyFormat } from "../batch/body_format.ts";
import type { EncodedBody } from "../batch/encoder.ts";
import { freeBytes } from "../batch/free_bytes.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { askedWaitMs, type BackoffOptions, backoffMs, retryWaitMs } from "./backoff.ts";
import { type Clock, REAL_CLOCK } from "./clock.ts";
import { type Part, Parts } from "./parts.ts";
import type { Rejection } from "./protocol.ts";
import type { RefusedLine } from "./quarantine.ts";
import type { Answer } from "./transport.ts";
import { PARTLY_WRITTEN, TransportError } from "./transport_error.ts";
import { Evidence } from "./trial.ts";
import { detailOf, type Verdict, verdictOf } from "./verdict.ts";

/** What sends a body; see `Transport`. */
export interface Sender {
  send(batchId: string, attempt: number, body: EncodedBody, signal: AbortSignal): Promise<Answer>;
}

/** Where a key comes from that the server has rejected; see `IngestionKey`. */
export interface RenewableKey {
  readonly path: string | undefined;
  /** False when no request has a key, so that it is something else that the server misses. */
  readonly isSent: boolean;
  /** Looks for another one; true when there is one. */
  renew(): boolean;
}

/** What of a batch the server refuses for good. */
export interface Refused {
  readonly lines: number;
  /** Bytes of the texts of these lines, each with one for its line end. */
  readonly bytes: number;
}

export interface DelivererOptions {
  readonly sender: Sender;
  /** How bodies are read and cut; that of the LogDNA protocol where none is given. */
  readonly format?: BodyFormat;
  /** Batches that may be under way at once, those that wait to be sent again included. */
  readonly maxInFlight: number;
  readonly backoff: BackoffOptions;
  /** Milliseconds between attempts that only a person, or a line that the server accepts, can make succeed. */
  readonly slowRetryMs: number;
  /** Milliseconds between attempts to send a refused line alone, on average. */
  readonly trialMs: number;
  readonly emit: (event: AgentEvent) => void;
  /** A batch is dealt with: its ranges may be acknowledged. */
  readonly onSettled: (batch: Batch, refused: Refused) => void;
  /** Keeps lines that are refused for good; called before the batch that they are in is settled. */
  readonly setAside: (refused: readonly RefusedLine[]) => void;
  /** There is room although no batch was settled. */
  readonly onRoom: () => void;
  readonly key: RenewableKey;
  readonly clock?: Clock;
}

/** How many windows there are for held batches. */
const HELD_WINDOWS = 3;
/**
 * How many windows of batches there can be when nothing is left of any but refused lines, and only others can show what to do
 * with these. They are small: a server that refuses everything does not get large bodies down to single lines (see `#pace`).
 */
const WINDOWS = 16;

/** What one attempt came to, and how long the server asks to wait before the next. */
interface Attempt {
  readonly verdict: Verdict;
  readonly status: number;
  readonly detail: string;
  readonly waitMs: number | undefined;
  readonly rejection?: Rejection | undefined;
  /** The body may be on its way out still. */
  readonly isEarly?: boolean | undefined;
  /** The server had a part of the body when the time was up. */
  readonly isPartlyWritten?: boolean;
}

/**
 * Sends batches through a small window and keeps each until the server has it. While attempts fail only the oldest batch
 * is tried, so that a server that is down sees one request at a time from each agent; all go on once it answers again.
 *
 * A refused body is cut until the line is found that the server does not take (see `Parts`). That alone does not prove the line
 * wrong: a proxy, or a server that dislikes the agent's parameters, refuses everything. When a line is given up tells `Trial`;
 * while it is tried, everything else goes on.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #stop = new AbortController();
  readonly #clock: Clock;
  readonly #evidence: Evidence;
  /** Batches under way, in order. */
  readonly #window = new Set<Batch>();
  /** Those of them of which nothing is left but refused lines. */
  readonly #held = new Set<Batch>();
  /** Those of them that can only wait for the server to accept something else. */
  readonly #waiting = new Set<Batch>();
  /** Resolves when the server next accepts something. */
  #acceptance = Promise.withResolvers<void>();
  /** Attempts that have failed since the server last answered for what it was sent. */
  #failures = 0;
  /** Until when the server, or a proxy, has asked for rest: an acceptance does not end that. */
  #restUntil = 0;
  /** Attempts that have failed since the server last accepted something. */
  #outage: { readonly since: number; attempts: number } | undefined;
  #turnChanged = Promise.withResolvers<void>();
  #idle = Promise.withResolvers<void>();

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#evidence = new Evidence(this.#clock.now);
  }

  /**
   * True when another batch can be taken. Up to three more windows are there for held batches: what is behind them does not
   * wait for them, and may be accepted, which is what they wait for.
   */
  get hasRoom(): boolean {
    const { maxInFlight } = this.#options;
    return this.#window.size - Math.min(this.#held.size, HELD_WINDOWS * maxInFlight) < maxInFlight || this.wantsWitness;
  }

  /** True when nothing can go on before another batch is accepted, and another one may be taken for that. */
  get wantsWitness(): boolean {
    return (
      this.#waiting.size > 0 &&
      this.#waiting.size === this.#window.size &&
      this.#window.size < WINDOWS * this.#options.maxInFlight
    );
  }

  /** True when a batch has nothing left but refused lines. */
  get holds(): boolean {
    return this.#held.size > 0;
  }

  /** Batches under way. */
  get inFlight(): number {
    return this.#window.size;
  }

  /** Of these, those that are more than refused lines which wait. */
  get atWork(): number {
    return this.#window.size - this.#held.size;
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
      const whole = { body: await batch.body, lines: batch.lines };
      const parts = new Parts(batch.id, whole, firstAttempt, this.#evidence, this.#options.format);
      if (await this.#deliverParts(batch, parts)) freeBytes(whole.body.bytes);
      const refused = parts.lost;
      this.#options.setAside(parts.refused);
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
    this.#holdNoLonger(batch);
    this.#changeTurn();
  }

  #holdNoLonger(batch: Batch): void {
    this.#held.delete(batch);
    this.#waiting.delete(batch);
  }

  /**
   * Delivers a batch, cut into parts where it is refused.
   * @returns whether nobody reads its body any more. A request that has failed is closed by then, and one that was accepted is written.
   */
  async #deliverParts(batch: Batch, parts: Parts): Promise<boolean> {
    let waits = 0;
    let isWritten = true;
    for (;;) {
      let part = parts.takeFresh();
      if (part === undefined) {
        part = parts.takeSuspect();
        if (part === undefined) return isWritten;
        waits = (await this.#hold(batch, part, waits)) ? waits + 1 : 0;
      } else this.#holdNoLonger(batch);
      await this.#turn(batch);
      const { trial } = part;
      const counts = trial.counts;
      const witnessed = trial.isWitnessed;
      const { verdict, status, detail, waitMs, rejection, isEarly, isPartlyWritten } = await this.#attempt(part);
      if (isEarly === true) isWritten = false;
      if (verdict === "accepted") {
        if (rejection !== undefined) parts.rejected(part, rejection, status);
        parts.accepted(part);
        this.#succeeded();
      } else if (verdict === "refused" || verdict === "too_large") {
        this.#answered();
        const notBefore = this.#clock.now() + (waitMs ?? 0) + this.#options.trialMs * (0.5 + this.#random());
        const refusal = { status, reason: detail, counts, witnessed, notBefore };
        const given = verdict === "refused" ? parts.refuse(part, refusal) : parts.tooLarge(part, refusal);
        const times = trial.refusals;
        if (given !== undefined) this.#options.emit({ name: "line_refused", batch: part.id, detail, times });
        if (waitMs !== undefined && !trial.isSuspect)
          await this.#sleep(askedWaitMs(waitMs, this.#options.backoff.random));
        await this.#pace(batch, detail);
      } else {
        if (!(isPartlyWritten === true && parts.tooSlow(part))) parts.again(part);
        await this.#wait(verdict, detail, waitMs);
      }
    }
  }

  async #attempt({ id, attempt, body, lines }: Part): Promise<Attempt> {
    const { sender, emit } = this.#options;
    const begun = this.#clock.now();
    const request = this.#evidence.begin();
    try {
      const answer = await sender.send(id, attempt, body, this.#stop.signal);
      const { status } = answer;
      const verdict = verdictOf(answer);
      const tookMs = this.#clock.now() - begun;
      if (verdict === "accepted") {
        const { rejection } = answer;
        // That it refuses all in another way is no sign that it would accept others.
        if (rejection === undefined || rejection.lines < lines) this.#evidence.accept(request);
        emit({ name: "batch_delivered", batch: id, lines, bytes: body.bytes.length, attempt, durationMs: tookMs });
      }
      if (answer.rejection !== undefined) emit({ name: "lines_rejected", batch: id, of: lines, ...answer.rejection });
      if (verdict === "refused" || verdict === "too_large")
        emit({ name: "batch_refused", batch: id, status, detail: answer.text });
      const { rejection, retryAfterMs: waitMs, isEarly } = answer;
      return { verdict, status, detail: detailOf(verdict, answer), waitMs, rejection, isEarly };
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      if (!(error instanceof TransportError)) throw error;
      const { message, waitMs, code } = error;
      return { verdict: "retry", status: 0, detail: message, waitMs, isPartlyWritten: code === PARTLY_WRITTEN };
    }
  }

  /** While attempts fail, only one batch is tried; and none while the server wants rest. */
  async #turn(batch: Batch): Promise<void> {
    for (;;) {
      while (this.#failures > 0 && this.#next() !== batch) await this.#turnChanged.promise;
      this.#stop.signal.throwIfAborted();
      const restMs = this.#restUntil - this.#clock.now();
      if (restMs <= 0) return;
      await this.#sleep(restMs);
    }
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
  async #wait(verdict: Exclude<Verdict, "accepted">, detail: string, asked: number | undefined): Promise<void> {
    const { emit, slowRetryMs, backoff, key } = this.#options;
    this.#failures += 1;
    this.#outage ??= { since: this.#clock.now(), attempts: 0 };
    this.#outage.attempts += 1;
    const isRejected = verdict === "key_rejected";
    const isRenewed = isRejected && key.renew();
    const kind = isRenewed ? "retry" : verdict;
    const retryInMs = retryWaitMs(kind, this.#failures, asked, { ...backoff, slowMs: slowRetryMs });
    if (asked !== undefined && kind === "retry")
      this.#restUntil = Math.max(this.#restUntil, this.#clock.now() + retryInMs);
    if (isRejected) emit({ name: "key_rejected", detail, retryInMs, keyFile: key.path, isKeySent: key.isSent });
    else emit({ name: "delivery_failed", reason: detail, retryInMs, batches: this.#window.size });
    // A wait that the server asks for is kept; else it ends when another batch shows that it need not go on.
    await this.#sleep(retryInMs, asked === undefined && kind !== "retry" ? this.#acceptance.promise : undefined);
    if (isRejected && !isRenewed) key.renew();
  }

  /** A server that refuses everything is not to be sent every line of a batch alone: then one asks less and less often. */
  async #pace(batch: Batch, detail: string): Promise<void> {
    const { emit, slowRetryMs, backoff } = this.#options;
    const tooMany = this.#evidence.tooManyInARow;
    if (tooMany === 0) return;
    const retryInMs = backoffMs(tooMany, { ...backoff, capMs: slowRetryMs });
    emit({ name: "line_held", batch: batch.id, detail, retryInMs });
    await this.#sleep(retryInMs, this.#acceptance.promise);
  }

  /**
   * Waits before a refused line is sent alone again; the other batches go on.
   * @returns whether it waited in vain for a sign that the server accepts others.
   */
  async #hold(batch: Batch, { id, trial, notBefore, reason }: Part, waits: number): Promise<boolean> {
    const { emit, slowRetryMs, backoff, onRoom } = this.#options;
    if (!this.#held.has(batch)) {
      this.#held.add(batch);
      this.#changeTurn();
      onRoom();
    }
    await this.#sleep(notBefore - this.#clock.now());
    const until = this.#clock.now() + backoffMs(waits + 1, { ...backoff, capMs: slowRetryMs });
    const isDone = (): boolean => trial.counts || this.#clock.now() >= until;
    if (!isDone()) {
      emit({ name: "line_held", batch: id, detail: reason, retryInMs: until - this.#clock.now() });
      this.#waiting.add(batch);
      if (this.wantsWitness) onRoom();
      while (!isDone()) await this.#sleep(until - this.#clock.now(), this.#acceptance.promise);
    }
    const isInVain = !trial.counts;
    if (!isInVain) this.#waiting.delete(batch);
    return isInVain;
  }

  /** Waits so long, or until something else happens. */
  async #sleep(ms: number, something?: Promise<void>): Promise<void> {
    if (ms <= 0) return;
    const over = new AbortController();
    const wait = this.#clock.delay(ms, AbortSignal.any([this.#stop.signal, over.signal]));
    try {
      await (something === undefined ? wait : Promise.race([wait, something]));
    } finally {
      over.abort();
    }
  }

  #random(): number {
    return (this.#options.backoff.random ?? Math.random)();
  }

  #succeeded(): void {
    this.#acceptance.resolve();
    this.#acceptance = Promise.withResolvers();
    this.#answered();
    if (this.#outage === undefined) return;
    const { since, attempts } = this.#outage;
    this.#outage = undefined;
    const afterMs = Math.round(this.#clock.now() - since);
    this.#options.emit({ name: "delivery_recovered", attempts, afterMs });
  }

  /** The server has judged what it was sent: it is there, so all batches go on. */
  #answered(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#changeTurn();
  }
}
