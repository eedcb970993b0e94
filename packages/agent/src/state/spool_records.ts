import { randomInt } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";

/**
 * The device that the files are noted under whose rest is in the spool, with the id as the inode number: their inodes are
 * other files' soon.
 */
export const SPOOLED_DEVICE = -1n;

/** A run of bytes of a deleted file that is in the spool. */
export interface StoredSegment {
  /** Never given again, also when the segment is gone. */
  readonly id: number;
  readonly fileId: number;
  /** Offsets in the file. */
  readonly start: number;
  readonly end: number;
  /** Bytes on disk. */
  readonly size: number;
}

export const SPOOL_SCHEMA = `
CREATE TABLE spooled (file INTEGER PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE, size INTEGER NOT NULL) STRICT;
CREATE TABLE segments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
  "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, size INTEGER NOT NULL
) STRICT;
CREATE INDEX segments_of_file ON segments (file);
`;

/** What the state knows of the spool: which files have bytes there, and which segment holds which. */
export class SpoolRecords {
  readonly #database: DatabaseSync;
  readonly #setSize: StatementSync;
  readonly #insert: StatementSync;
  readonly #adopt: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#setSize = database.prepare("INSERT OR REPLACE INTO spooled (file, size) VALUES (?, ?)");
    this.#insert = database.prepare('INSERT INTO segments (file, "start", "end", size) VALUES (?, ?, ?, ?)');
    this.#adopt = database.prepare('INSERT INTO segments (id, file, "start", "end", size) VALUES (?, ?, ?, ?, ?)');
    this.#delete = database.prepare("DELETE FROM segments WHERE id = ?");
  }

  /** The size of each file of which something is in the spool, by id. */
  sizes(): Map<number, number> {
    const rows = this.#database.prepare("SELECT file, size FROM spooled").all();
    return new Map(rows.map((row) => [Number(row.file), Number(row.size)]));
  }

  /** Every segment, in the order in which they were made. */
  segments(): StoredSegment[] {
    return this.#database
      .prepare("SELECT * FROM segments ORDER BY id")
      .all()
      .map((row) => ({
        id: Number(row.id),
        fileId: Number(row.file),
        start: Number(row.start),
        end: Number(row.end),
        size: Number(row.size),
      }));
  }

  /** Bytes that the file had when it was last looked at: what is missing of them after a crash is lost. */
  setSize(fileId: number, size: number): void {
    this.#setSize.run(fileId, size);
  }

  /** Notes a segment that is about to get its name; returns its id. */
  add({ fileId, start, end, size }: Omit<StoredSegment, "id">): number {
    return Number(this.#insert.run(fileId, start, end, size).lastInsertRowid);
  }

  /** Notes a segment that is there, under the id that it has. */
  adopt({ id, fileId, start, end, size }: StoredSegment): void {
    this.#adopt.run(id, fileId, start, end, size);
  }

  /** The highest id that was ever given. */
  lastId(): number {
    const row = this.#database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'segments'").get();
    return Number(row?.seq ?? 0);
  }

  /** A number that no other state has. @throws an error of SQLite when it has none yet, and none can be noted. */
  identity(): number {
    const noted = this.#database.prepare("SELECT value FROM facts WHERE name = 'identity'").get();
    if (noted !== undefined) return Number(noted.value);
    const identity = randomInt(2 ** 47);
    this.#database.prepare("INSERT INTO facts (name, value) VALUES ('identity', ?)").run(identity);
    return identity;
  }

  remove(id: number): void {
    this.#delete.run(id);
  }

  /**
   * Makes everything that was written to the state so far survive a power loss as well: what is known of a segment must
   * before the file that it was copied from goes.
   */
  settle(fileId: number, size: number): void {
    this.#database.exec("PRAGMA synchronous = FULL");
    try {
      this.setSize(fileId, size);
    } finally {
      this.#database.exec("PRAGMA synchronous = NORMAL");
    }
  }
}
