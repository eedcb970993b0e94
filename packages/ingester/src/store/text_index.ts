import type { Buffer } from "node:buffer";
import type { ClickHouseClient } from "@clickhouse/client";
import { literal, timeLiteral } from "../query/literal.ts";
import type { Query } from "../query/query.ts";
import { BlockWriter } from "./block_writer.ts";
import { GramSet, placesOf } from "./grams.ts";
import { eachText, type LineColumns } from "./line_columns.ts";
import { GRAMS, type StoreTable } from "./tables.ts";

/** Lines of a batch, and the number under which they are stored. */
export interface NumberedLines {
  readonly block: number;
  readonly lines: LineColumns;
}

/** Times between which lines are, both inclusive, in milliseconds since the epoch. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** What the index needs of the store. */
export interface IndexConnection {
  readonly write: ClickHouseClient;
  insert(table: StoreTable, rows: readonly Buffer[]): Promise<void>;
}

type Rows = <T>(query: string) => Promise<T[]>;

/** Lines of one set: of more, too many bits would be set. */
const SET_LINES = 8192;
/** Times that tell how the times of a group are spread. */
const SAMPLES = 1024;
/** Lines that a start reads again, at most; where more are not in the index, they are searched without it. */
const MAX_READ_AGAIN = 500_000;
/** Sets that tell whether a text is worth looking up: those of the latest lines. */
const TRIED_SETS = 64;

const CREATE_GRAMS = `
CREATE TABLE IF NOT EXISTS grams (
  block UInt64,
  received DateTime64(3, 'UTC'),
  low DateTime64(3, 'UTC'),
  high DateTime64(3, 'UTC'),
  bits String CODEC(NONE)
) ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (low, block)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
  min_compressed_bytes_to_fsync_after_merge = 1`;

/**
 * Tells between which times lines may be that have a text: for each some thousand lines that were stored one after the other and are
 * close in time, which runs of four bytes they have. It is made once, when lines are stored; an index of the engine's own would be made
 * anew by each merge, which costs twenty times as much. It is on disk before the lines are, but for the latest of them, which a start
 * reads again.
 */
export class TextIndex {
  readonly #connection: IndexConnection;
  /** Of lines that are fewer than a set has room for. */
  #open = new GramSet();
  /** What is being written to disk. */
  #writing: readonly GramSet[] = [];

  private constructor(connection: IndexConnection) {
    this.#connection = connection;
  }

  /** The number of the last block that is stored or was about to be: the next one is behind it, or a start would not read it again. */
  lastBlock = 0;

  /** @param last the number of the last block of lines. */
  static async open(connection: IndexConnection, rows: Rows, last: number): Promise<TextIndex> {
    await connection.write.command({ query: CREATE_GRAMS });
    const index = new TextIndex(connection);
    await index.#readAgain(rows, last);
    return index;
  }

  /** Takes up lines that will be stored next. Resolves when it is as durable as it has to be before they are. */
  async cover(group: readonly NumberedLines[]): Promise<void> {
    const block = group.at(-1)?.block ?? 0;
    const total = group.reduce((sum, { lines }) => sum + lines.rows, 0);
    let sets: GramSet[];
    if (total < SET_LINES) {
      addTo(group, () => this.#open);
      if (this.#open.lines < SET_LINES) return;
      sets = [this.#open];
    } else {
      sets = spread(group, Math.round(total / SET_LINES));
      if (this.#open.lines > 0) sets.push(this.#open);
    }
    await this.#write(block, sets);
  }

  async #write(block: number, sets: readonly GramSet[]): Promise<void> {
    this.#writing = sets;
    // Where this fails the lines will come again, and be taken up again.
    await this.#connection.insert(GRAMS, [rowsOf(block, sets)]);
    this.#writing = [];
    if (sets.includes(this.#open)) this.#open = new GramSet();
  }

  /** Between which times lines are that may have all of the texts, in order; undefined where that is all the same. */
  async rangesOf(query: Query, rows: Rows): Promise<TimeRange[] | undefined> {
    const places = [...new Set(query.contains.flatMap(placesOf))];
    if (places.length === 0) return undefined;
    // Before what is on disk is asked for, so that nothing is between both.
    const inMemory = [...this.#writing, this.#open];
    const overlap = [
      "1",
      ...(query.from === undefined ? [] : [`high >= ${timeLiteral(query.from)}`]),
      ...(query.to === undefined ? [] : [`low < ${timeLiteral(query.to)}`]),
    ].join(" AND ");
    const has = `(empty(bits) OR (${places.map(hasPlace).join(" AND ")}))`;
    const [tried] = await rows<{ sets: string; found: string }>(
      `SELECT count() AS sets, countIf(${has}) AS found FROM (SELECT bits FROM grams WHERE ${overlap} ORDER BY low DESC LIMIT ${TRIED_SETS})`,
    );
    if (Number(tried?.found) * 2 > TRIED_SETS) return undefined;
    const found = await rows<{ a: string; b: string }>(
      `SELECT toUnixTimestamp64Milli(low) AS a, toUnixTimestamp64Milli(high) AS b FROM grams WHERE ${overlap} AND ${has}`,
    );
    const ranges = found.map(({ a, b }) => ({ from: Number(a), to: Number(b) }));
    for (const set of inMemory) if (set.lines > 0 && set.has(places)) ranges.push({ from: set.low, to: set.high });
    return united(ranges);
  }

  /** Takes up again what was stored and is not in the index: the last lines before an end, and those of an earlier version. */
  async #readAgain(rows: Rows, last: number): Promise<void> {
    const [covered] = await rows<{ sets: string; block: string }>(
      "SELECT count() AS sets, max(block) AS block FROM grams",
    );
    const block = Number(covered?.block);
    this.lastBlock = Math.max(last, block);
    const where = Number(covered?.sets) === 0 ? "1" : `block > ${literal(block)}`;
    const [left] = await rows<{ n: string; r: string; a: string; b: string }>(
      `SELECT count() AS n, toUnixTimestamp64Milli(max(received)) AS r, toUnixTimestamp64Milli(min(timestamp)) AS a,
         toUnixTimestamp64Milli(max(timestamp)) AS b FROM lines WHERE ${where}`,
    );
    if (left === undefined || Number(left.n) === 0) return;
    if (Number(left.n) > MAX_READ_AGAIN) {
      const range = { lastReceived: Number(left.r), low: Number(left.a), high: Number(left.b), bytes: "" as const };
      await this.#connection.insert(GRAMS, [rowsOf(last, [range])]);
      return;
    }
    const lines = await rows<{ ts: string; rc: string; line: string }>(
      `SELECT toUnixTimestamp64Milli(timestamp) AS ts, toUnixTimestamp64Milli(received) AS rc, line FROM lines WHERE ${where}`,
    );
    const sets = [new GramSet()];
    for (const { ts, rc, line } of lines.toSorted((a, b) => Number(a.ts) - Number(b.ts))) {
      if ((sets.at(-1)?.lines ?? 0) >= SET_LINES) sets.push(new GramSet());
      const bytes = new TextEncoder().encode(line);
      sets.at(-1)?.add(bytes, 0, bytes.length, Number(ts), Number(rc));
    }
    await this.#write(last, sets);
  }
}

/** SQL for whether a set has a place. */
function hasPlace(place: number): string {
  return `bitTest(reinterpretAsUInt8(substring(bits, ${(place >>> 3) + 1}, 1)), ${place & 7})`;
}

function addTo(group: readonly NumberedLines[], setOf: (timestamp: number) => GramSet): void {
  for (const { lines } of group) {
    const { timestamps, texts, fields } = lines;
    const received = fields[0]?.received ?? 0;
    eachText(lines, (row, from, to) => {
      const timestamp = timestamps[row] ?? 0;
      setOf(timestamp).add(texts, from, to, timestamp, received);
    });
  }
}

/** Puts lines into so many sets, by time, as many into each as a sample of their times allows. */
function spread(group: readonly NumberedLines[], count: number): GramSet[] {
  const total = group.reduce((sum, { lines }) => sum + lines.rows, 0);
  const step = Math.max(1, Math.floor(total / SAMPLES));
  const times: number[] = [];
  for (const { lines } of group)
    for (let row = 0; row < lines.rows; row += step) times.push(lines.timestamps[row] ?? 0);
  times.sort((a, b) => a - b);
  const bounds = Array.from({ length: count - 1 }, (_, n) => times[Math.floor(((n + 1) * times.length) / count)] ?? 0);
  const sets = Array.from({ length: count }, () => new GramSet());
  addTo(group, (timestamp) => {
    let n = 0;
    while (n < bounds.length && timestamp >= (bounds[n] ?? 0)) n += 1;
    // There is one more of them than bounds.
    return sets[n] as GramSet;
  });
  return sets.filter(({ lines }) => lines > 0);
}

/** Sets as the store takes them, in the order of `GRAMS`. */
function rowsOf(
  block: number,
  sets: readonly {
    readonly lastReceived: number;
    readonly low: number;
    readonly high: number;
    readonly bytes: Buffer | "";
  }[],
): Buffer {
  const writer = new BlockWriter(sets.length * 17_000 + 4096);
  const column = (name: string): BlockWriter => writer.text(name).text(GRAMS.columns[name] ?? "");
  writer.varint(Object.keys(GRAMS.columns).length).varint(sets.length);
  column("block").integers64(sets.length, () => block);
  column("received").integers64(sets.length, (n) => sets[n]?.lastReceived ?? 0);
  column("low").integers64(sets.length, (n) => sets[n]?.low ?? 0);
  column("high").integers64(sets.length, (n) => sets[n]?.high ?? 0);
  column("bits");
  for (const { bytes } of sets) {
    writer.varint(bytes.length);
    if (bytes !== "") writer.copy(bytes);
  }
  return writer.bytes();
}

/** The same times in ranges that do not overlap, in order. */
function united(ranges: readonly TimeRange[]): TimeRange[] {
  const all: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else all.push({ from, to });
  }
  return all;
}

/**
 * The condition of being in any of the ranges, as a hint of what need not be read: nothing is asked of each line that is, which would
 * cost more than looking for the text in it.
 */
export function within(ranges: readonly TimeRange[]): string {
  if (ranges.length === 0) return "0";
  const each = ranges.map(({ from, to }) => `(timestamp >= ${timeLiteral(from)} AND timestamp <= ${timeLiteral(to)})`);
  return `indexHint(${each.join(" OR ")})`;
}
