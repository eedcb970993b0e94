/** How many time-outs an exchange may take as a whole: a server that takes a little now and then must not hold it for ever. */
const MOST = 10;
/**
 * Bytes of a body for which an answer may take one time-out. What was written can still be in the buffers of the system, and of
 * proxies, all of it, so the time from then on goes by the size; for a small body this changes nothing.
 */
const BYTES_IN_TIME = 256 * 1024;

/**
 * The time that an exchange has: it ends when nothing of the request could be written for a whole time-out, when the answer
 * does not come in time after that, or after ten time-outs. A slow link is no failure, and a server that is silent is one soon.
 */
export class Patience {
  readonly #timeoutMs: number;
  readonly #ends: number;
  readonly #over = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout | undefined;
  #waitsMs = 0;
  #isDone = false;

  /** @param timeoutMs milliseconds without progress. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#ends = performance.now() + MOST * timeoutMs;
    this.#over.promise.catch(() => undefined);
    this.progress();
  }

  /** Rejects when the time is up, or with what it is ended with. */
  get over(): Promise<never> {
    return this.#over.promise;
  }

  /** The milliseconds that were waited for in vain, once it is over. */
  get waitedMs(): number {
    return Math.round(this.#waitsMs);
  }

  /** Something was written. */
  progress(): void {
    this.#wait(this.#timeoutMs);
  }

  /** The whole request was written. @param bytes of its body. */
  written(bytes: number): void {
    this.#wait(this.#timeoutMs * Math.max(1, bytes / BYTES_IN_TIME));
  }

  /** Ends it before its time. */
  cut(error: Error): void {
    this.end();
    this.#over.reject(error);
  }

  /** The exchange is done, although something of the request may still be written. */
  end(): void {
    this.#isDone = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    if (this.#isDone) return;
    clearTimeout(this.#timer);
    const left = Math.max(0, this.#ends - performance.now());
    this.#waitsMs = ms <= left ? ms : MOST * this.#timeoutMs;
    // Timers come before what has arrived: where the process stood still, that is read first.
    const timer = setTimeout(() => setImmediate(() => this.#giveUp(timer)), Math.min(ms, left));
    this.#timer = timer;
  }

  #giveUp(timer: NodeJS.Timeout): void {
    if (!this.#isDone && this.#timer === timer) this.#over.reject(new OutOfTime());
  }
}

/** The patience with an exchange is at its end. */
export class OutOfTime extends Error {
  override readonly name = "OutOfTime";
}
