import { signal } from "@preact/signals";

/** Lines in the last second, as a signal's value. */
export class LineRate {
  readonly #perSecond = signal(0);
  #arrived = 0;

  constructor() {
    setInterval(() => {
      this.#perSecond.value = this.#arrived;
      this.#arrived = 0;
    }, 1000);
  }

  get value(): number {
    return this.#perSecond.value;
  }

  add(lines: number): void {
    this.#arrived += lines;
  }

  reset(): void {
    this.#perSecond.value = 0;
    this.#arrived = 0;
  }
}
