import { gzipSync } from "node:zlib";
import { unpacked } from "../batch/coding.ts";
import type { EncodedBody } from "../batch/encoder.ts";
import type { Sender } from "./deliverer.ts";
import type { ServerCoding } from "./server_coding.ts";
import type { Answer } from "./transport.ts";
import { verdictOf } from "./verdict.ts";

/** Bodies in a row that only gzip got through until it is the coding that is at fault, and not an outage that ended. */
const STRIKES = 2;

/** Not sent in zstd at all. */
const NEVER = -1;

/** A body that was sent in zstd and is not accepted yet. */
interface Failure {
  /** When it was sent, by the number of the strike that came last. */
  since: number;
  /** The server has said so in a way that may be meant for the coding. */
  isRefused: boolean;
  inGzip: EncodedBody | undefined;
}

/**
 * Sends bodies so that none is lost to a coding that the server does not take. A body in zstd is sent as that once at most: whatever
 * came of it, the next attempt is in gzip, under the same id. Statuses that may be meant for the coding (415, and 400 of servers
 * that take it for broken text) are not taken for a refusal of the lines: the next attempt comes at once.
 */
export class CodingSender implements Sender {
  readonly #sender: Sender;
  readonly #coding: ServerCoding;
  readonly #failures = new WeakMap<EncodedBody, Failure>();
  #strikes = 0;
  #moment = 0;

  constructor(sender: Sender, coding: ServerCoding) {
    this.#sender = sender;
    this.#coding = coding;
  }

  async send(batchId: string, attempt: number, body: EncodedBody, signal: AbortSignal): Promise<Answer> {
    if (body.encoding !== "zstd") return this.#send(batchId, attempt, body, signal);
    let failure = this.#failures.get(body);
    let next = attempt;
    let isEarly: true | undefined;
    if (failure === undefined) {
      failure = { since: this.#moment, isRefused: false, inGzip: undefined };
      // Where no answer comes, that is how it stays.
      this.#failures.set(body, failure);
      if (this.#coding.now === "zstd") {
        const answer = await this.#send(batchId, attempt, body, signal);
        if (verdictOf(answer) === "accepted") this.#strikes = 0;
        failure.isRefused = answer.status === 415 || answer.status === 400;
        if (!failure.isRefused) return answer;
        // It may still be being written.
        if (answer.isEarly === true) isEarly = true;
        next += 1;
      } else failure.since = NEVER;
    }
    failure.inGzip ??= { ...body, bytes: gzipSync(unpacked(body)), encoding: "gzip" };
    const answer = await this.#send(batchId, next, failure.inGzip, signal);
    if (verdictOf(answer) === "accepted") this.#strike(failure);
    // Then it was not the coding that was meant.
    else failure.isRefused = false;
    return isEarly === undefined ? answer : { ...answer, isEarly };
  }

  /** What was not accepted in zstd was in gzip. */
  #strike({ since, isRefused }: Failure): void {
    // What was under way together fails together, in an outage above all.
    if (since !== this.#moment) return;
    this.#moment += 1;
    this.#strikes += 1;
    if (!isRefused && this.#strikes < STRIKES) return;
    this.#strikes = 0;
    this.#coding.distrust();
  }

  async #send(batchId: string, attempt: number, body: EncodedBody, signal: AbortSignal): Promise<Answer> {
    const answer = await this.#sender.send(batchId, attempt, body, signal);
    if (verdictOf(answer) === "accepted") this.#coding.hear(answer.acceptEncoding);
    return answer;
  }
}
