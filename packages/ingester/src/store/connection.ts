import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { createChdbConnection } from "chdb/connection";
import { readIfThere } from "../private_files.ts";

/** The store cannot be opened: what was attempted, and what to do. */
class StoreError extends Error {
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
    const holder = holderOf(path);
    if (holder !== undefined)
      throw new StoreError(
        `Another ingestion server, process ${holder}, is using ${path}. Stop it first, or give this one another directory with --data-dir.`,
        { cause: error },
      );
    throw new StoreError(`Cannot open the store in ${path}: ${message}`, { cause: error });
  }
}

/** The process that holds the lock on a store; the engine's own error does not say that this is why it cannot open it. */
function holderOf(path: string): number | undefined {
  const pid = Number(/^PID: (\d+)$/m.exec(readIfThere(join(path, "status")) ?? "")?.[1]);
  try {
    return pid !== process.pid && process.kill(pid, 0) ? pid : undefined;
  } catch (error) {
    // Not ours to signal, so it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM" ? pid : undefined;
  }
}

/** Connects to a ClickHouse server or cluster. @throws {StoreError} */
export async function openServer(url: string): Promise<StoreConnections> {
  // What the client would log it also throws, and where that goes is said once, in one line.
  const client = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
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
