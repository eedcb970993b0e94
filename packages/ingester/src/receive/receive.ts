import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { BATCH_ID_PATTERN, HEADER, type StoredLine } from "@logdna-agent/protocol";
import { columnsOf, linesOf } from "../store/line_columns.ts";
import type { Store } from "../store/store.ts";
import { Admission, type Share } from "./admission.ts";
import { isOneOf, keyOf } from "./authenticate.ts";
import { discardBody, readBody } from "./body.ts";
import { readLines, type Sender, splitTags } from "./lines.ts";
import { Refusal } from "./refusal.ts";
import { scanLines } from "./scan_lines.ts";

export interface ReceiverOptions {
  readonly store: Store;
  /** The ingestion keys that are accepted. */
  readonly keys: readonly string[];
  /** Told of lines once they are stored; they are made only where they are asked for. */
  readonly onStored: (lines: () => readonly StoredLine[]) => void;
}

/** Takes the requests of agents: authenticates, reads, stores; a request that returns is stored durably. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #admission = new Admission();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** @throws {Refusal | StoreUnavailable | UnstorableRows} */
  async receive(request: IncomingMessage): Promise<void> {
    const share = this.#admission.open();
    try {
      await this.#receive(request, share);
    } catch (error) {
      await discardBody(request);
      throw error;
    } finally {
      share.close();
    }
  }

  async #receive(request: IncomingMessage, share: Share): Promise<void> {
    const { keys, store, onStored } = this.#options;
    const query = new URL(request.url ?? "/", "http://server").searchParams;
    if (!isOneOf(keyOf(request.headers, query), keys)) throw new Refusal(403, "The ingestion key is not known.");
    const hostname = query.get("hostname") ?? "";
    if (hostname === "") throw new Refusal(400, "Missing param hostname.");
    const { batch, fresh } = batchOf(request);
    const body = await readBody(request, share);
    const sender: Sender = { hostname, tags: splitTags(query.get("tags") ?? ""), received: Date.now(), batch };
    // What the quick way does not take, the other reads, or says what is wrong with it.
    const lines = scanLines(body, sender) ?? columnsOf(readLines(body, sender));
    try {
      if (lines.rows === 0) return;
      if (await store.add(batch, fresh, () => lines)) onStored(() => linesOf(lines, batch));
    } finally {
      lines.release?.();
    }
  }
}

/** The batch's id, and whether it is certain that it was never sent before; a request without one gets its own. */
function batchOf(request: IncomingMessage): { batch: string; fresh: boolean } {
  const id = request.headers[HEADER.batchId];
  if (id === undefined) {
    const time = Date.now().toString(36).padStart(9, "0");
    return { batch: `${time}-${randomBytes(9).toString("base64url")}`, fresh: true };
  }
  if (typeof id !== "string" || !BATCH_ID_PATTERN.test(id))
    throw new Refusal(400, `The header ${HEADER.batchId} must be 1 to 64 characters of 0-9, A-Z, a-z, _ and -.`);
  return { batch: id, fresh: request.headers[HEADER.batchAttempt] === "1" };
}
