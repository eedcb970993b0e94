import type { StoredLine } from "@logdna-agent/protocol";

/**
 * A line is published up to about this long after it was received, and so after lines that were received later; milliseconds.
 */
const OVERLAP = 5000;

/** The newest time of arrival seen: from there on lines may have been missed. Unlike their own times, it is of one clock. */
export class ArrivalMark {
  #newest: number | undefined;

  /** Sets the mark to the newest of these lines alone. */
  reset(lines: readonly StoredLine[]): void {
    this.#newest = undefined;
    for (const line of lines) this.pass(line);
  }

  pass({ received }: StoredLine): void {
    if (this.#newest === undefined || received > this.#newest) this.#newest = received;
  }

  /** Whether a line was received after all that passed. */
  isBefore({ received }: StoredLine): boolean {
    return this.#newest === undefined || received > this.#newest;
  }

  /** Filters for what may have been missed. */
  get filter(): { readonly receivedFrom?: number } {
    return this.#newest === undefined ? {} : { receivedFrom: this.#newest - OVERLAP };
  }
}
