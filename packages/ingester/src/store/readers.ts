import type { ClickHouseClient } from "@clickhouse/client";

/**
 * Gives each query a connection to itself, in the order in which they come. A connection of the embedded engine runs one
 * query at a time, and what waits inside the engine holds a thread of the process and cannot be taken back.
 */
export class Readers {
  readonly #free: ClickHouseClient[];
  readonly #waiting: ((client: ClickHouseClient) => void)[] = [];

  constructor(clients: readonly ClickHouseClient[]) {
    this.#free = [...clients];
  }

  /** @throws the signal's reason when it was aborted before the query's turn came. */
  async run<T>(query: (client: ClickHouseClient) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const client = this.#free.pop() ?? (await new Promise<ClickHouseClient>((resolve) => this.#waiting.push(resolve)));
    try {
      signal?.throwIfAborted();
      return await query(client);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(client);
      else next(client);
    }
  }
}
