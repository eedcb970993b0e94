/** Signals, and what the agent asks of itself. */
export type Call = NodeJS.Signals | "restart" | "changed";

/** Calls in the order of their arrival, one at a time. */
export class SignalQueue {
  readonly #waiting: Call[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(signals: readonly NodeJS.Signals[]) {
    for (const signal of signals) process.on(signal, () => this.push(signal));
  }

  push(call: Call): void {
    if (call !== "changed" || !this.#waiting.includes(call)) this.#waiting.push(call);
    this.#wake.resolve();
  }

  async next(): Promise<Call> {
    for (;;) {
      const call = this.#waiting.shift();
      if (call !== undefined) return call;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}
