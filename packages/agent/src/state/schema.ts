import type { DatabaseSync } from "node:sqlite";
import { SPOOL_SCHEMA } from "./spool_records.ts";

export const SCHEMA_VERSION = 4;
/** What version 3 has more than version 2. */
const SCHEMA_3 = `
ALTER TABLE files ADD COLUMN born TEXT NOT NULL DEFAULT '0';
CREATE TABLE newest_batch (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL) STRICT;
CREATE TABLE finished (
  path TEXT NOT NULL, head_length INTEGER NOT NULL, head_crc INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (path, head_length, head_crc)
) STRICT, WITHOUT ROWID;
CREATE INDEX finished_at ON finished (at);
`;
/** What version 4 has more than version 3; under what the batches were made that are there is not known. */
const SCHEMA_4 = "ALTER TABLE batches ADD COLUMN made_under INTEGER NOT NULL DEFAULT 0;";
const SCHEMA = `
CREATE TABLE files (
  id INTEGER PRIMARY KEY AUTOINCREMENT, dev TEXT NOT NULL, ino TEXT NOT NULL, path TEXT NOT NULL,
  head_length INTEGER NOT NULL, head_crc INTEGER NOT NULL,
  "offset" INTEGER NOT NULL, anchor BLOB NOT NULL, line_start INTEGER NOT NULL, part INTEGER NOT NULL,
  missing_since INTEGER NOT NULL DEFAULT 0,
  UNIQUE (dev, ino)
) STRICT;
CREATE TABLE batches (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE ranges (
  batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE, file INTEGER NOT NULL,
  "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, line_start INTEGER NOT NULL,
  PRIMARY KEY (batch, file)
) STRICT, WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
${SPOOL_SCHEMA}
${SCHEMA_3}
${SCHEMA_4}
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** What turns a state of an older version into one of this version; version 1 had no spool. */
const FROM_VERSION_3 = `${SCHEMA_4}
PRAGMA user_version = ${SCHEMA_VERSION};`;
const FROM_VERSION_2 = `${SCHEMA_3}
INSERT INTO newest_batch SELECT 1, max(id) FROM batches HAVING max(id) IS NOT NULL;
${FROM_VERSION_3}`;
const FROM_VERSION_1 = `${SPOOL_SCHEMA} ${FROM_VERSION_2}`;

/**
 * Makes the tables, or those that an older version lacks.
 * @returns the version of a newer agent's database, which is left as it is; undefined otherwise.
 */
export function prepareSchema(database: DatabaseSync): number | undefined {
  const version = Number(database.prepare("PRAGMA user_version").get()?.user_version ?? 0);
  if (version === 0) database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
  else if (version === 1) database.exec(`BEGIN IMMEDIATE; ${FROM_VERSION_1} COMMIT;`);
  else if (version === 2) database.exec(`BEGIN IMMEDIATE; ${FROM_VERSION_2} COMMIT;`);
  else if (version === 3) database.exec(`BEGIN IMMEDIATE; ${FROM_VERSION_3} COMMIT;`);
  else if (version !== SCHEMA_VERSION) return version;
  return undefined;
}
