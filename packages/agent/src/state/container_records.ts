import type { DatabaseSync } from "node:sqlite";

/** The name of a log of a container, which a link has given it. */
export interface ContainerRecord {
  readonly log: string;
  readonly link: string;
}

/** An older version leaves the table alone, so it needs no version of the schema. */
const TABLE =
  "CREATE TABLE IF NOT EXISTS container_names (log TEXT PRIMARY KEY, link TEXT NOT NULL) STRICT, WITHOUT ROWID";

/** Which names the logs of containers have: a log may be deleted, with its link, before all of it is shipped. */
export class ContainerRecords {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws an error of SQLite. */
  all(): ContainerRecord[] {
    // Not with the other tables: without it, as on a full disk, the state is of use all the same.
    this.#database.exec(TABLE);
    return this.#database
      .prepare("SELECT log, link FROM container_names")
      .all()
      .map(({ log, link }) => ({ log: String(log), link: String(link) }));
  }

  /** @throws an error of SQLite. */
  put(records: readonly ContainerRecord[]): void {
    this.#database.exec(TABLE);
    const put = this.#database.prepare("INSERT OR REPLACE INTO container_names (log, link) VALUES (?, ?)");
    for (const { log, link } of records) put.run(log, link);
  }

  /** @throws an error of SQLite. */
  forget(logs: readonly string[]): void {
    if (logs.length === 0) return;
    const forget = this.#database.prepare("DELETE FROM container_names WHERE log = ?");
    for (const log of logs) forget.run(log);
  }
}
