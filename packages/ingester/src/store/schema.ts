/**
 * The index of texts that a server of ClickHouse keeps, in place of `text_index.ts`: which runs of four bytes each 8,192 lines have. Of more lines together nearly every run of four hexadecimal
 * digits would be there, and ids not be found by it.
 */
export const WORDS_TYPE = "ngrambf_v1(4, 16384, 1, 0)";
export const WORDS_GRANULARITY = 1;

/** Counts the batches in the order in which they were stored; 0 where several servers store them. */
const BLOCK_COLUMN = "block UInt64 CODEC(Delta(8), ZSTD(1))";

/**
 * The table of lines.
 *
 * - Sorted by time, then batch and place in it: ids of one agent's batches sort in the order of their lines, so lines of a
 *   file keep their order even when batches arrive out of order or within the same millisecond.
 * - A partition holds one day of arrivals. A batch has one time of arrival, so it is never split over partitions, and
 *   retention drops whole partitions.
 * - Every insert is on disk before it returns: file and directory are synced.
 */
const CREATE_LINES = `
CREATE TABLE IF NOT EXISTS lines (
  timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  received DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
  host LowCardinality(String),
  app LowCardinality(String),
  file LowCardinality(String),
  level LowCardinality(String),
  env LowCardinality(String),
  tags Array(LowCardinality(String)),
  line String CODEC(ZSTD(1)),
  meta String CODEC(ZSTD(1)),
  label Map(LowCardinality(String), String),
  annotation Map(LowCardinality(String), String),
  batch String CODEC(ZSTD(1)),
  idx UInt32 CODEC(Delta(4), ZSTD(1)),
  ${BLOCK_COLUMN},
  INDEX batches batch TYPE bloom_filter(0.001) GRANULARITY 4
) ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (timestamp, batch, idx)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
  min_compressed_bytes_to_fsync_after_merge = 1, index_granularity = 8192`;

/**
 * Statements that make the table, and bring one of an earlier version up to date.
 * @param alone whether an index of texts of the engine's own is not wanted.
 * @param settings of the table, besides those that every one has.
 */
export function schemaStatements(alone: boolean, settings: string | undefined): string[] {
  // One statement for all: each takes some milliseconds of a start.
  const changes = [
    `ADD COLUMN IF NOT EXISTS ${BLOCK_COLUMN}`,
    ...(alone ? ["DROP INDEX IF EXISTS words"] : []),
    ...(settings === undefined ? [] : [`MODIFY SETTING ${settings}`]),
  ];
  return [CREATE_LINES, `ALTER TABLE lines ${changes.join(", ")}`];
}
