import type { Buffer } from "node:buffer";
import { existsSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { createChdbConnection } from "chdb/connection";
import { readIfThere, STORE_DIRECTORY } from "../private_files.ts";
import { literal } from "../query/literal.ts";
import type { StoreTable } from "./tables.ts";

/** The store cannot be opened: what was attempted, and what to do. */
class StoreError extends Error {
  override readonly name = "StoreError";
}

/** Connections to one database: the same client and SQL for the embedded engine and for a server. */
export interface StoreConnections {
  /** For changing the table, so that a slow search holds up nothing. */
  readonly write: ClickHouseClient;
  /** For asking whether a batch is stored, which an agent waits for. */
  readonly check: ClickHouseClient;
  /** For reading: as many queries may run at once, one on each. */
  readonly read: readonly ClickHouseClient[];
  /** Inserts blocks of rows (`native.ts`): all of them or none. Resolves when they are on disk. */
  insert(table: StoreTable, rows: readonly Buffer[]): Promise<void>;
  /** No other program stores lines there, so that this one can keep an index of texts of its own. */
  readonly alone: boolean;
  /** Settings of the table that this engine is to have, also where the table is older than they are. */
  readonly tableSettings?: string;
  close(): Promise<void>;
}

/** Beneath the engine's directory: where rows are put for it to read them. */
const INCOMING_DIRECTORY = "incoming";

type CustomConnection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>["connection"]>;

/** Searches that may run at once in the embedded engine. */
const EMBEDDED_READERS = 2;
/** Searches that may run at once on a server. */
const SERVER_READERS = 8;

const INSERT_SETTINGS = {
  // One block, so that the insert is one part: all of its lines are there, or none.
  max_insert_block_size: 1_000_000,
  min_insert_block_size_rows: 1_000_000,
  min_insert_block_size_bytes: 0,
  async_insert: 0,
};

const EMBEDDED_INSERT_SETTINGS = {
  ...INSERT_SETTINGS,
  // More would only wait for each other.
  max_threads: 1,
  max_insert_threads: 1,
};

/** Fewer and larger merges: each costs about as much processor time as the insert did. */
const EMBEDDED_TABLE_SETTINGS = "merge_selector_base = 20";

/** Opens the embedded engine in a directory of its own. @throws {StoreError} */
export async function openEmbedded(dataDirectory: string): Promise<StoreConnections> {
  const path = join(dataDirectory, STORE_DIRECTORY);
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw new StoreError(
      `${path} is a symbolic link, which is not followed: name the directory that it leads to with --data-dir.`,
    );
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const clientOf = (connection: unknown): ClickHouseClient =>
    // Both packages carry their own copy of the same types, which TypeScript takes for different ones.
    createClient({ connection: connection as CustomConnection });
  try {
    const writing = createChdbConnection({ path });
    const write = clientOf(writing);
    await write.command({ query: "SELECT 1" });
    const [check, ...read] = Array.from({ length: 1 + EMBEDDED_READERS }, () =>
      clientOf(createChdbConnection({ path })),
    );
    return {
      write,
      check: check ?? write,
      read,
      insert: fileInsert(write, join(path, INCOMING_DIRECTORY)),
      alone: true,
      tableSettings: EMBEDDED_TABLE_SETTINGS,
      close: () => closeAll([write, check ?? write, ...read]),
    };
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

/**
 * Inserts through a file that is gone before it would get to the disk: the package takes rows within a statement in formats of
 * text alone, all of which would have to be parsed.
 */
function fileInsert(client: ClickHouseClient, directory: string): StoreConnections["insert"] {
  // What a crash left.
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  const settings = Object.entries(EMBEDDED_INSERT_SETTINGS).map(([name, value]) => `${name} = ${literal(value)}`);
  let inserts = 0;
  return async (table, rows) => {
    const columns = Object.keys(table.columns).join(", ");
    const types = Object.entries(table.columns).map(([name, type]) => `${name} ${type}`);
    inserts += 1;
    const file = join(directory, `${inserts}.native`);
    try {
      await writeFile(file, rows, { mode: 0o600, flag: "wx" });
      await client.command({
        query: `INSERT INTO ${table.name} (${columns}) SELECT ${columns}
          FROM file(${literal(file)}, Native, ${literal(types.join(", "))}) SETTINGS ${settings.join(", ")}`,
      });
    } finally {
      await rm(file, { force: true });
    }
  };
}

/** The process that holds the lock on a store; the engine's own error does not say that this is why it cannot open it. */
function holderOf(path: string): number | undefined {
  const pid = Number(/^PID: (\d+)$/m.exec(readIfThere(join(path, "status")) ?? "")?.[1]);
  if (Number.isNaN(pid) || pid === process.pid) return undefined;
  // Confined, a process may signal no other, and is not told whether there is one.
  if (process.platform === "linux") return existsSync(`/proc/${pid}`) ? pid : undefined;
  try {
    return process.kill(pid, 0) ? pid : undefined;
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
  return {
    write: client,
    check: client,
    read: Array.from({ length: SERVER_READERS }, () => client),
    alone: false,
    insert: async ({ name, columns }, rows) => {
      const { stream } = await client.exec({
        query: `INSERT INTO ${name} (${Object.keys(columns).join(", ")}) FORMAT Native`,
        values: Readable.from(rows, { objectMode: false }),
        clickhouse_settings: Object.fromEntries(
          Object.entries(INSERT_SETTINGS).map(([name, value]) => [name, String(value)]),
        ),
      });
      for await (const _ of stream);
    },
    close: () => closeAll([client]),
  };
}

async function closeAll(clients: readonly ClickHouseClient[]): Promise<void> {
  for (const client of new Set(clients)) await client.close();
}
