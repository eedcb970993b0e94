import type { ClickHouseClient } from "@clickhouse/client";
import type { FacetsAnswer, FacetValue, HistogramAnswer, LinesAnswer, StoredLine } from "@logdna-agent/protocol";
import { literal, timeLiteral } from "../query/literal.ts";
import { FIELDS, type Query } from "../query/query.ts";
import { COLUMN, condition } from "../query/sql.ts";
import { BatchMemory } from "./batch_memory.ts";
import { pool } from "./buffer_pool.ts";
import type { StoreConnections } from "./connection.ts";
import type { LineColumns } from "./line_columns.ts";
import { type LinePlace, lineId } from "./line_id.ts";
import { rowsOf, sizeOf } from "./native.ts";
import { Readers } from "./readers.ts";
import { schemaStatements, WORDS_GRANULARITY, WORDS_TYPE } from "./schema.ts";
import { LINES } from "./tables.ts";
import { TextIndex, type TimeRange, within } from "./text_index.ts";
import { niceWidth } from "./widths.ts";
import { Writer } from "./writer.ts";

/** A query took longer than a reader should wait; a narrower one may not. */
export class QueryTooSlow extends Error {
  override readonly name = "QueryTooSlow";
}

/** Seconds that a query may run. */
const MAX_QUERY_SECONDS = 20;
const FACET_VALUES = 50;
/** Bytes of text that a page of lines ends at; one line is in it in any case. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** Bytes beyond which a line in a list is cut, and the characters that are left of it. */
const MAX_LISTED_BYTES = 64 * 1024;
const LISTED_CHARACTERS = 16 * 1024;

/** Ranges of time that a search for texts begins with, those of the first lines of a page, and that one may have. */
const FIRST_RANGES = 128;
const MAX_RANGES = 256;

const LINE_COLUMNS = `toUnixTimestamp64Milli(timestamp) AS ts, toUnixTimestamp64Milli(received) AS rc, host, app, file, level, env,
  tags, line, meta, label, annotation, batch, idx`;

/** What lists show of a line. Other names than the table's, so that conditions on its columns stay what they are. */
const LISTED_COLUMNS = `timestamp, received, host, app, file, level, env, tags,
  if(length(line) > ${MAX_LISTED_BYTES}, substringUTF8(line, 1, ${LISTED_CHARACTERS}), line) AS listed,
  if(length(meta) > ${MAX_LISTED_BYTES}, '', meta) AS listed_meta, label, annotation, batch, idx, length(line) AS whole,
  length(listed) < whole OR length(listed_meta) < length(meta) AS cut,
  length(listed) + length(listed_meta) + length(toString(label)) + length(toString(annotation)) AS bytes`;

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

interface ListedRow extends LineRow {
  readonly whole: string;
  readonly cut: number;
  readonly found: string;
}

export interface Retention {
  readonly maxAgeMs: number | undefined;
  /** Bytes on disk. */
  readonly maxBytes: number | undefined;
}

/** Every line that was received: written once each, durably; read by filter. */
export class Store {
  readonly #connections: StoreConnections;
  readonly #readers: Readers;
  readonly #checkers: Readers;
  readonly #writer: Writer;
  readonly #stored = new BatchMemory();
  readonly #index: TextIndex | undefined;
  /** The number of the last batch that was written. */
  #block: number;
  /** Batches whose rows are being written. */
  readonly #writing = new Map<string, Promise<void>>();

  private constructor(connections: StoreConnections, index: TextIndex | undefined, block: number) {
    this.#connections = connections;
    this.#readers = new Readers(connections.read);
    this.#checkers = new Readers([connections.check]);
    this.#index = index;
    this.#block = block;
    this.#writer = new Writer(async (rows, group) => {
      await index?.cover(group);
      await connections.insert(LINES, rows);
    });
  }

  /** Makes the table where it is missing, and gives one of an earlier version what has changed since. */
  static async open(connections: StoreConnections): Promise<Store> {
    const { write, tableSettings } = connections;
    for (const query of schemaStatements(connections.alone, tableSettings)) await write.command({ query });
    if (!connections.alone) {
      await renewIndex(write);
      return new Store(connections, undefined, 0);
    }
    const rows = <T>(query: string): Promise<T[]> => selected<T>(write, query);
    const [last] = await rows<{ block: string }>("SELECT max(block) AS block FROM lines");
    const index = await TextIndex.open(connections, rows, Number(last?.block ?? 0));
    return new Store(connections, index, index.lastBlock);
  }

  /**
   * Stores the rows of a batch; one that is stored already, or is being stored, is not stored again.
   * @param fresh the id was never sent before, so that only this server's memory needs to be looked at.
   * @returns whether the rows were written by this call.
   * @throws {StoreUnavailable | UnstorableRows}
   */
  async add(batch: string, fresh: boolean, lines: () => LineColumns): Promise<boolean> {
    const running = this.#writing.get(batch);
    if (running !== undefined) {
      await running;
      return false;
    }
    if (this.#stored.has(batch)) return false;
    const writing = this.#write(batch, fresh, lines);
    const settled = writing.then(() => undefined);
    this.#writing.set(batch, settled);
    settled.catch(() => undefined);
    try {
      return await writing;
    } finally {
      this.#writing.delete(batch);
    }
  }

  async #write(batch: string, fresh: boolean, lines: () => LineColumns): Promise<boolean> {
    const known = !fresh && (await this.#holds(batch));
    if (!known) await this.#insert(lines(), batch);
    this.#stored.add(batch);
    return !known;
  }

  async #insert(lines: LineColumns, batch: string): Promise<void> {
    if (this.#index !== undefined) this.#block += 1;
    const memory = pool.take(sizeOf(lines, batch));
    const rows = rowsOf(lines, batch, this.#block, memory);
    try {
      await this.#writer.write({ lines, block: this.#block, rows });
    } finally {
      pool.give(memory);
    }
  }

  async #holds(batch: string): Promise<boolean> {
    const query = `SELECT 1 AS found FROM lines WHERE batch = ${literal(batch)} LIMIT 1`;
    const found = await this.#checkers.run((client) => selected(client, query));
    return found.length > 0;
  }

  /**
   * Lines that fit, in order of time; `after` is the place to go on behind, in that order. Long lines are cut, and the page
   * ends where it holds enough text.
   */
  async lines(
    query: Query,
    order: "asc" | "desc",
    limit: number,
    after?: LinePlace,
    signal?: AbortSignal,
  ): Promise<LinesAnswer> {
    const sorting = `timestamp ${order}, batch ${order}, idx ${order}`;
    const where = `${condition(query)}${after === undefined ? "" : behind(after, order)}`;
    const select = (ranges: string): string =>
      `SELECT ${LINE_COLUMNS.replace("line, meta", "listed AS line, listed_meta AS meta")}, whole, cut, found FROM (
         SELECT *, count() OVER () AS found, row_number() OVER page AS nth, sum(bytes) OVER page AS total FROM (
           SELECT ${LISTED_COLUMNS} FROM lines WHERE ${where}${ranges} ORDER BY ${sorting} LIMIT ${Math.trunc(limit) + 1}
         ) WINDOW page AS (ORDER BY ${sorting} ROWS UNBOUNDED PRECEDING)
       ) WHERE nth = 1 OR (nth <= ${Math.trunc(limit)} AND total <= ${MAX_PAGE_BYTES}) ORDER BY nth`;
    let rows: ListedRow[] = [];
    for await (const ranges of this.#parts(query, order, after, signal)) {
      rows = await this.#rows<ListedRow>(select(ranges), signal);
      if (Number(rows[0]?.found ?? 0) > limit) break;
    }
    const page = rows.map(({ whole, cut, found: _, ...row }) => ({
      ...toLine(row),
      ...(cut === 1 && { wholeBytes: Number(whole) }),
    }));
    return { lines: page, next: Number(rows[0]?.found ?? 0) > rows.length ? (page.at(-1)?.id ?? null) : null };
  }

  /** Conditions under which lines may have the texts of a query, each of more times than the one before, the last of all of them. */
  async *#parts(
    query: Query,
    order: "asc" | "desc",
    after: LinePlace | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<string> {
    const bound =
      after &&
      (order === "desc"
        ? { to: Math.min(query.to ?? Infinity, after.timestamp + 1) }
        : { from: Math.max(query.from ?? -Infinity, after.timestamp) });
    const all = await this.#ranges({ ...query, ...bound }, signal);
    if (all === undefined) {
      yield "";
      return;
    }
    if (order === "desc") all.reverse();
    for (let count = FIRST_RANGES; count < all.length; count *= 8) {
      const first = all.slice(0, count);
      // The last one may be read in part, and of what is behind it only a part.
      const { from, to } = first.at(-1) ?? { from: 0, to: 0 };
      const bound = order === "desc" ? `timestamp >= ${timeLiteral(from)}` : `timestamp <= ${timeLiteral(to)}`;
      yield ` AND ${within(first)} AND ${bound}`;
    }
    yield all.length > MAX_RANGES ? "" : ` AND ${within(all)}`;
  }

  async #ranges(query: Query, signal: AbortSignal | undefined): Promise<TimeRange[] | undefined> {
    return this.#index?.rangesOf(query, (text) => this.#rows(text, signal));
  }

  /** The query as a condition, with what the index of texts knows of it. */
  async #condition(query: Query, signal: AbortSignal | undefined): Promise<string> {
    const ranges = await this.#ranges(query, signal);
    return ranges === undefined || ranges.length > MAX_RANGES
      ? condition(query)
      : `${condition(query)} AND ${within(ranges)}`;
  }

  /** The line of a place, whole; undefined when it is not there. */
  async line({ timestamp, batch, idx }: LinePlace, signal?: AbortSignal): Promise<StoredLine | undefined> {
    const [row] = await this.#rows<LineRow>(
      `SELECT ${LINE_COLUMNS} FROM lines
       WHERE timestamp = ${timeLiteral(timestamp)} AND batch = ${literal(batch)} AND idx = ${literal(idx)} LIMIT 1`,
      signal,
    );
    return row && toLine(row);
  }

  /** Times of the first and the last line that fit. */
  async span(query: Query, signal?: AbortSignal): Promise<{ from: number; to: number } | undefined> {
    const [row] = await this.#rows<{ n: string; a: string; b: string }>(
      `SELECT count() AS n, toUnixTimestamp64Milli(min(timestamp)) AS a, toUnixTimestamp64Milli(max(timestamp)) AS b
       FROM lines WHERE ${await this.#condition(query, signal)}`,
      signal,
    );
    return row === undefined || Number(row.n) === 0 ? undefined : { from: Number(row.a), to: Number(row.b) + 1 };
  }

  /** Counts by time and level, in buckets that begin at multiples of their width. */
  async histogram(query: Query, buckets: number, signal?: AbortSignal): Promise<HistogramAnswer> {
    const whole =
      query.from !== undefined && query.to !== undefined
        ? { from: query.from, to: query.to }
        : await this.span(query, signal);
    const from = query.from ?? whole?.from ?? Date.now() - 1000;
    const to = Math.max(from + 1, query.to ?? whole?.to ?? Date.now());
    const bucketMs = niceWidth((to - from) / buckets);
    const where = await this.#condition({ ...query, from, to: query.to ?? to }, signal);
    const rows = await this.#rows<{ start: string; level: string; n: string }>(
      `SELECT toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), ${literal(bucketMs)}) AS start,
         level, count() AS n
       FROM lines WHERE ${where} GROUP BY start, level ORDER BY start`,
      signal,
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
  async facets(query: Query, signal?: AbortSignal): Promise<FacetsAnswer> {
    const columns = FIELDS.map((field) => COLUMN[field]);
    const texts = columns.filter((column) => column !== COLUMN.tag);
    // The table is read once; what each row of a grouping set is about is told by the column that it is grouped by.
    const counts = `SELECT multiIf(${columns.map((column) => `grouping(${column}) = 0, '${column}'`)}, '') AS name,
       ${columns}, count() AS n FROM lines WHERE ${await this.#condition(query, signal)}
       GROUP BY GROUPING SETS (${columns.map((column) => `(${column})`)})`;
    const rows = await this.#rows<{ name: string; value: string; n: string }>(
      `SELECT name, arrayJoin(if(name = 'tags', CAST(tags, 'Array(String)'), [concat(${texts})])) AS value, sum(n) AS n
       FROM (${counts}) GROUP BY name, value HAVING value != '' ORDER BY n DESC, value LIMIT ${FACET_VALUES} BY name`,
      signal,
    );
    const of = (name: string): FacetValue[] =>
      rows.flatMap(({ name: column, value, n }) => (column === name ? [{ value, count: Number(n) }] : []));
    return {
      host: of("host"),
      app: of("app"),
      file: of("file"),
      level: of("level"),
      env: of("env"),
      tag: of(COLUMN.tag),
    };
  }

  /** Drops the oldest days until the rest is within the bounds; returns the days that were dropped. */
  async retain({ maxAgeMs, maxBytes }: Retention, now = Date.now()): Promise<string[]> {
    const days = await this.#rows<{ day: string; bytes: string }>(
      `SELECT partition AS day, sum(bytes_on_disk) AS bytes FROM system.parts
       WHERE active AND table IN ('lines', 'grams') AND database = currentDatabase() GROUP BY day ORDER BY day DESC`,
    );
    const dropped: string[] = [];
    let kept = 0;
    for (const { day, bytes } of days) {
      kept += Number(bytes);
      const tooOld = maxAgeMs !== undefined && endOfDay(day) < now - maxAgeMs;
      // The newest day stays: dropping what is being written helps nobody.
      const tooMuch = maxBytes !== undefined && kept > maxBytes && day !== days[0]?.day;
      if (!tooOld && !tooMuch) continue;
      const { write, alone } = this.#connections;
      await write.command({ query: `ALTER TABLE lines DROP PARTITION ${Number(day)}` });
      if (alone) await write.command({ query: `ALTER TABLE grams DROP PARTITION ${Number(day)}` });
      dropped.push(day);
    }
    return dropped;
  }

  /** Waits for what is being written, and closes the store. */
  async close(): Promise<void> {
    await this.#writer.idle();
    await this.#connections.close();
  }

  #rows<T>(query: string, signal?: AbortSignal): Promise<T[]> {
    return this.#readers.run((client) => selected<T>(client, query), signal);
  }
}

/**
 * Replaces an index of texts that an earlier version made; it is made anew in the background, and searches look at all lines until
 * then.
 */
async function renewIndex(client: ClickHouseClient): Promise<void> {
  const [index] = await selected<{ type: string; granularity: string }>(
    client,
    `SELECT type_full AS type, granularity FROM system.data_skipping_indices
     WHERE database = currentDatabase() AND table = 'lines' AND name = 'words'`,
  );
  if (index?.type === WORDS_TYPE && Number(index.granularity) === WORDS_GRANULARITY) return;
  const add = `ADD INDEX words lower(line) TYPE ${WORDS_TYPE} GRANULARITY ${WORDS_GRANULARITY}`;
  await client.command({ query: `ALTER TABLE lines ${index === undefined ? "" : "DROP INDEX words, "}${add}` });
  await client.command({ query: "ALTER TABLE lines MATERIALIZE INDEX words SETTINGS mutations_sync = 0" });
}

/** @throws {QueryTooSlow} */
async function selected<T>(client: ClickHouseClient, query: string): Promise<T[]> {
  try {
    const answer = await client.query({
      query,
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

/** The condition of being behind a place in an order. */
function behind({ timestamp, batch, idx }: LinePlace, order: "asc" | "desc"): string {
  const place = `(${timeLiteral(timestamp)}, ${literal(batch)}, toUInt32(${literal(idx)}))`;
  return ` AND (timestamp, batch, idx) ${order === "asc" ? ">" : "<"} ${place}`;
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
