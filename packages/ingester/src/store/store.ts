import type { Buffer } from "node:buffer";
import type { ClickHouseClient } from "@clickhouse/client";
import type { FacetsAnswer, FacetValue, HistogramAnswer, LinesAnswer, StoredLine } from "@logdna-agent/protocol";
import { FIELDS, type Query } from "../query/query.ts";
import { type Condition, condition } from "../query/sql.ts";
import { BatchMemory } from "./batch_memory.ts";
import type { StoreConnections } from "./connection.ts";
import { type LinePlace, lineId } from "./line_id.ts";
import { CREATE_LINES } from "./schema.ts";
import { Writer } from "./writer.ts";

/** A query took longer than a reader should wait; a narrower one may not. */
export class QueryTooSlow extends Error {
  override readonly name = "QueryTooSlow";
}

/** Seconds that a query may run. */
const MAX_QUERY_SECONDS = 20;
/** How far back the ids of stored batches are read when the server starts. */
const REMEMBERED_HOURS = 24;
const FACET_VALUES = 50;

const LINE_COLUMNS = `toUnixTimestamp64Milli(timestamp) AS ts, toUnixTimestamp64Milli(received) AS rc, host, app, file, level, env,
  tags, line, meta, label, annotation, batch, idx`;

interface LineRow {
  readonly ts: string | number;
  readonly rc: string | number;
  readonly host: string;
  readonly app: string;
  readonly file: string;
  readonly level: string;
  readonly env: string;
  readonly tags: readonly string[];
  readonly line: string;
  readonly meta: string;
  readonly label: Readonly<Record<string, string>>;
  readonly annotation: Readonly<Record<string, string>>;
  readonly batch: string;
  readonly idx: number;
}

export interface Retention {
  readonly maxAgeMs: number | undefined;
  /** Bytes on disk. */
  readonly maxBytes: number | undefined;
}

/** Every line that was received: written once each, durably; read by filter. */
export class Store {
  readonly #connections: StoreConnections;
  readonly #writer: Writer;
  readonly #stored = new BatchMemory();
  /** Batches whose rows are being written. */
  readonly #writing = new Map<string, Promise<void>>();
  #turn = 0;

  private constructor(connections: StoreConnections) {
    this.#connections = connections;
    this.#writer = new Writer(connections.write);
  }

  /** Makes the table where it is missing, and remembers the batches of the last day. */
  static async open(connections: StoreConnections): Promise<Store> {
    await connections.write.command({ query: CREATE_LINES });
    const store = new Store(connections);
    const recent = await store.#rows<{ batch: string }>(
      `SELECT batch FROM lines WHERE received > now() - INTERVAL ${REMEMBERED_HOURS} HOUR GROUP BY batch ORDER BY min(received)`,
      {},
    );
    for (const { batch } of recent) store.#stored.add(batch);
    return store;
  }

  /**
   * Stores the rows of a batch; one that is stored already, or is being stored, is not stored again.
   * @param fresh the id was never sent before, so that only this server's memory needs to be looked at.
   * @returns whether the rows were written by this call.
   * @throws {StoreUnavailable}
   */
  async add(batch: string, fresh: boolean, rows: () => Buffer): Promise<boolean> {
    const running = this.#writing.get(batch);
    if (running !== undefined) {
      await running;
      return false;
    }
    if (this.#stored.has(batch)) return false;
    const writing = this.#write(batch, fresh, rows);
    const settled = writing.then(() => undefined);
    this.#writing.set(batch, settled);
    settled.catch(() => undefined);
    try {
      return await writing;
    } finally {
      this.#writing.delete(batch);
    }
  }

  async #write(batch: string, fresh: boolean, rows: () => Buffer): Promise<boolean> {
    const known = !fresh && (await this.#holds(batch));
    if (!known) await this.#writer.write(rows());
    this.#stored.add(batch);
    return !known;
  }

  async #holds(batch: string): Promise<boolean> {
    const found = await this.#rows("SELECT 1 AS found FROM lines WHERE batch = {batch:String} LIMIT 1", { batch });
    return found.length > 0;
  }

  /** Lines that fit, in order of time; `after` is the place to go on behind, in that order. */
  async lines(query: Query, order: "asc" | "desc", limit: number, after: LinePlace | undefined): Promise<LinesAnswer> {
    const where = condition(query);
    const compare = order === "asc" ? ">" : "<";
    const behind =
      after === undefined
        ? ""
        : ` AND (timestamp, batch, idx) ${compare} (fromUnixTimestamp64Milli({at:Int64}), {batch:String}, {idx:UInt32})`;
    const rows = await this.#rows<LineRow>(
      `SELECT ${LINE_COLUMNS} FROM lines WHERE ${where.sql}${behind}
       ORDER BY timestamp ${order}, batch ${order}, idx ${order} LIMIT ${Math.trunc(limit) + 1}`,
      { ...where.parameters, ...(after && { at: after.timestamp, batch: after.batch, idx: after.idx }) },
    );
    const page = rows.slice(0, limit).map(toLine);
    return { lines: page, next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  /** The line of a place, undefined when it is not there. */
  async line(place: LinePlace): Promise<StoredLine | undefined> {
    const [row] = await this.#rows<LineRow>(
      `SELECT ${LINE_COLUMNS} FROM lines
       WHERE timestamp = fromUnixTimestamp64Milli({at:Int64}) AND batch = {batch:String} AND idx = {idx:UInt32} LIMIT 1`,
      { at: place.timestamp, batch: place.batch, idx: place.idx },
    );
    return row && toLine(row);
  }

  /** Times of the first and the last line that fit. */
  async span(query: Query): Promise<{ from: number; to: number } | undefined> {
    const where = condition(query);
    const [row] = await this.#rows<{ n: string; a: string; b: string }>(
      `SELECT count() AS n, toUnixTimestamp64Milli(min(timestamp)) AS a, toUnixTimestamp64Milli(max(timestamp)) AS b
       FROM lines WHERE ${where.sql}`,
      where.parameters,
    );
    return row === undefined || Number(row.n) === 0 ? undefined : { from: Number(row.a), to: Number(row.b) + 1 };
  }

  /** Counts by time and level, in buckets that begin at multiples of their width. */
  async histogram(query: Query, buckets: number): Promise<HistogramAnswer> {
    const whole =
      query.from !== undefined && query.to !== undefined ? { from: query.from, to: query.to } : await this.span(query);
    const from = query.from ?? whole?.from ?? Date.now() - 1000;
    const to = Math.max(from + 1, query.to ?? whole?.to ?? Date.now());
    const bucketMs = niceWidth((to - from) / buckets);
    const where = condition({ ...query, from, to: query.to ?? to });
    const rows = await this.#rows<{ start: string; level: string; n: string }>(
      `SELECT toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), {width:Int64}) AS start,
         level, count() AS n
       FROM lines WHERE ${where.sql} GROUP BY start, level ORDER BY start`,
      { ...where.parameters, width: bucketMs },
    );
    const byStart = new Map<number, Map<string, number>>();
    for (const { start, level, n } of rows) {
      const counts = byStart.get(Number(start)) ?? new Map<string, number>();
      counts.set(level, Number(n));
      byStart.set(Number(start), counts);
    }
    return {
      from,
      to,
      bucketMs,
      buckets: Array.from(byStart, ([start, counts]) => ({ start, counts: Object.fromEntries(counts) })),
    };
  }

  /** The most frequent values of each field. */
  async facets(query: Query): Promise<FacetsAnswer> {
    const where = condition(query);
    const counts = await Promise.all(FIELDS.map(async (field) => [field, await this.#facet(field, where)] as const));
    const of = (name: string): readonly FacetValue[] => counts.find(([field]) => field === name)?.[1] ?? [];
    return { host: of("host"), app: of("app"), file: of("file"), level: of("level"), tag: of("tag") };
  }

  async #facet(field: (typeof FIELDS)[number], where: Condition): Promise<FacetValue[]> {
    const column = field === "tag" ? "arrayJoin(tags)" : field;
    const rows = await this.#rows<{ value: string; n: string }>(
      `SELECT ${column} AS value, count() AS n FROM lines WHERE ${where.sql}
       GROUP BY value HAVING value != '' ORDER BY n DESC, value LIMIT ${FACET_VALUES}`,
      where.parameters,
    );
    return rows.map(({ value, n }) => ({ value, count: Number(n) }));
  }

  /** Drops the oldest days until the rest is within the bounds; returns the days that were dropped. */
  async retain({ maxAgeMs, maxBytes }: Retention, now = Date.now()): Promise<string[]> {
    const days = await this.#rows<{ day: string; bytes: string }>(
      `SELECT partition AS day, sum(bytes_on_disk) AS bytes FROM system.parts
       WHERE active AND table = 'lines' AND database = currentDatabase() GROUP BY day ORDER BY day DESC`,
      {},
    );
    const dropped: string[] = [];
    let kept = 0;
    for (const { day, bytes } of days) {
      kept += Number(bytes);
      const tooOld = maxAgeMs !== undefined && endOfDay(day) < now - maxAgeMs;
      // The newest day stays: dropping what is being written helps nobody.
      const tooMuch = maxBytes !== undefined && kept > maxBytes && day !== days[0]?.day;
      if (!tooOld && !tooMuch) continue;
      await this.#connections.write.command({ query: `ALTER TABLE lines DROP PARTITION ${Number(day)}` });
      dropped.push(day);
    }
    return dropped;
  }

  /** Waits for what is being written, and closes the store. */
  async close(): Promise<void> {
    await this.#writer.idle();
    await this.#connections.close();
  }

  async #rows<T>(query: string, parameters: Readonly<Record<string, unknown>>): Promise<T[]> {
    const { read, write } = this.#connections;
    this.#turn += 1;
    const client: ClickHouseClient = read[this.#turn % read.length] ?? write;
    try {
      const answer = await client.query({
        query,
        query_params: parameters,
        format: "JSONEachRow",
        clickhouse_settings: { max_execution_time: MAX_QUERY_SECONDS, output_format_json_quote_64bit_integers: 1 },
      });
      return await answer.json<T>();
    } catch (error) {
      if (error instanceof Error && "code" in error && String(error.code) === "159")
        throw new QueryTooSlow(`The query took more than ${MAX_QUERY_SECONDS} s: narrow its time range.`, {
          cause: error,
        });
      throw error;
    }
  }
}

function toLine(row: LineRow): StoredLine {
  const { ts, rc, batch, idx, ...rest } = row;
  const timestamp = Number(ts);
  return { id: lineId({ timestamp, batch, idx }), timestamp, received: Number(rc), ...rest };
}

/** Milliseconds since the epoch at which a day `YYYYMMDD` ends. */
function endOfDay(day: string): number {
  return Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6, 8)) + 1);
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WIDTHS = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  SECOND,
  2 * SECOND,
  5 * SECOND,
  10 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
];

/** The smallest width of a bucket that people read times in and that is at least `ms`. */
function niceWidth(ms: number): number {
  return WIDTHS.find((width) => width >= ms) ?? Math.ceil(ms / DAY) * DAY;
}
