import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { createChdbConnection } from "chdb/connection";

/** The store cannot be opened: what was attempted, and what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** Connections to one database: the same client and SQL for the embedded engine and for a server. */
export interface StoreConnections {
  /** For writing, so that a slow search holds up no insert. */
  readonly write: ClickHouseClient;
  /** For reading, each with a connection of its own, because an embedded one runs a query at a time. */
  readonly read: readonly ClickHouseClient[];
  close(): Promise<void>;
}

type CustomConnection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>["connection"]>;

/** Searches that may run at once in the embedded engine. */
const EMBEDDED_READERS = 2;

/** Opens the embedded engine in a directory of its own. @throws {StoreError} */
export async function openEmbedded(dataDirectory: string): Promise<StoreConnections> {
  const path = join(dataDirectory, "store");
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // Both packages carry their own copy of the same types, which TypeScript takes for different ones.
  const open = (): ClickHouseClient =>
    createClient({ connection: createChdbConnection({ path }) as unknown as CustomConnection });
  try {
    const write = open();
    await write.command({ query: "SELECT 1" });
    return connections(write, Array.from({ length: EMBEDDED_READERS }, open));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (/Cannot lock file|another .*process|already running/i.test(message + String((error as Error).cause ?? "")))
      throw new StoreError(
        `Another ingestion server is using ${path}. Stop it first, or give this one another directory with --data-dir.`,
        { cause: error },
      );
    throw new StoreError(`Cannot open the store in ${path}: ${message}`, { cause: error });
  }
}

/** Connects to a ClickHouse server or cluster. @throws {StoreError} */
export async function openServer(url: string): Promise<StoreConnections> {
  const client = createClient({ url });
  try {
    await client.command({ query: "SELECT 1" });
  } catch (error) {
    await client.close();
    const shown = new URL(url);
    shown.password = "";
    throw new StoreError(
      `Cannot reach ClickHouse at ${shown.href}: ${error instanceof Error ? error.message : error}. Check --clickhouse-url.`,
    );
  }
  return connections(client, [client]);
}

function connections(write: ClickHouseClient, read: readonly ClickHouseClient[]): StoreConnections {
  return {
    write,
    read,
    close: async () => {
      for (const client of new Set([write, ...read])) await client.close();
    },
  };
}
