import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import type { ClickHouseClient } from "@clickhouse/client";
import { COLUMNS } from "./schema.ts";

/** Rows of one or more batches, as JSON arrays in the order of `COLUMNS`, one a line. */
interface Pending {
  readonly rows: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Bytes of rows in one insert: parts of this size merge well, and the memory that one takes stays small. */
const MAX_INSERT_BYTES = 32 * 1024 * 1024;

/** The store cannot take lines now, such as with a full disk; they may be sent again later. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/**
 * Writes rows durably. What arrives while an insert runs goes into the next one, all together: with many senders each
 * sync of the disk serves many requests, and with one it costs no delay.
 */
export class Writer {
  readonly #client: ClickHouseClient;
  #pending: Pending[] = [];
  #running: Promise<void> | undefined;
  #columns = COLUMNS.join(", ");

  constructor(client: ClickHouseClient) {
    this.#client = client;
  }

  /** Resolves when the rows are on disk. @throws {StoreUnavailable} */
  write(rows: Buffer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.push({ rows, resolve, reject });
    this.#running ??= this.#drain();
    return promise;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    // Requests that arrived in the same turn of the loop go together.
    await new Promise(setImmediate);
    while (this.#pending.length > 0) {
      const group = this.#take();
      try {
        await this.#insert(Buffer.concat(group.map(({ rows }) => rows)));
        for (const { resolve } of group) resolve();
      } catch (error) {
        const unavailable = new StoreUnavailable(error instanceof Error ? error.message : String(error), {
          cause: error,
        });
        for (const { reject } of group) reject(unavailable);
      }
    }
    this.#running = undefined;
  }

  #take(): Pending[] {
    let size = 0;
    let count = 0;
    for (const { rows } of this.#pending) {
      if (count > 0 && size + rows.length > MAX_INSERT_BYTES) break;
      size += rows.length;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #insert(rows: Buffer): Promise<void> {
    const { stream } = await this.#client.exec({
      query: `INSERT INTO lines (${this.#columns}) FORMAT JSONCompactEachRow`,
      values: Readable.from([rows], { objectMode: false }),
      // One block, so that the insert is one part: all of its lines are there, or none.
      clickhouse_settings: { max_insert_block_size: "1000000", min_insert_block_size_rows: "1000000", async_insert: 0 },
    });
    for await (const _ of stream);
  }
}
