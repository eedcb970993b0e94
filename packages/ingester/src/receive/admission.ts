import { Refusal } from "./refusal.ts";

/**
 * Bytes of bodies, as sent and decompressed, that requests in hand may come to. What is made of a body takes a few times
 * its size until it is stored, so this keeps the process below about 1 GB.
 */
const MAX_BYTES = 256 * 1024 * 1024;

/** Counts what the requests in hand hold, and refuses more than fits. */
export class Admission {
  #inHand = 0;

  get bytesInHand(): number {
    return this.#inHand;
  }

  /** The share of a request, until it is closed. */
  open(): Share {
    let bytes = 0;
    return {
      take: (more) => {
        if (this.#inHand + more > MAX_BYTES)
          throw new Refusal(503, "The server has too much in hand: try again later.");
        bytes += more;
        this.#inHand += more;
      },
      close: () => {
        this.#inHand -= bytes;
        bytes = 0;
      },
    };
  }
}

export interface Share {
  /** The request will hold so many bytes more. @throws {Refusal} 503 when they do not fit. */
  take(bytes: number): void;
  /** The request has been answered. */
  close(): void;
}
