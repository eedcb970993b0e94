import { randomUUID } from "node:crypto";
import { constants, mkdirSync, openSync, statfsSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { ContainerRecords } from "./container_records.ts";
import { isFull, makePrivate, openingError, StateError } from "./private_database.ts";
import { prepareSchema, SCHEMA_VERSION } from "./schema.ts";
import { SPOOLED_DEVICE, SpoolRecords } from "./spool_records.ts";

/** A file as the agent knew it when it last wrote its state. */
export interface KnownFile {
  readonly id: number;
  /** Device and inode numbers, as stat(2) gives them. */
  readonly dev: bigint;
  readonly ino: bigint;
  /** Time of birth in nanoseconds since the epoch (statx(2)); 0 where it is not known. It tells a reused inode number. */
  readonly born: bigint;
  /** The name that its lines were shipped under. */
  readonly path: string;
  /** CRC-32 of the first `headLength` bytes. */
  readonly headLength: number;
  readonly headCrc: number;
  readonly checkpoint: Checkpoint;
  /** When it was first not found where it was, in milliseconds since the epoch; 0 for a file that was found. */
  readonly missingSince: number;
}

/** What the state is told of a file. */
export type NewFile = Omit<KnownFile, "id" | "missingSince">;

/** A position in a file up to which everything was acknowledged. */
export interface Checkpoint {
  /** Bytes from the beginning of the file. */
  readonly offset: number;
  /** The bytes right before `offset`: a file that has others there is not the one that was read. */
  readonly anchor: Uint8Array;
  /** Where in a line `offset` stands (see `LinePosition`). */
  readonly lineStart: number;
  readonly part: number;
}

/** A range of one file that travels in a batch. */
export interface StoredRange {
  readonly fileId: number;
  readonly start: number;
  readonly end: number;
  /** Offset at which the line begins that the end stands in; the end itself when no line is cut there. */
  readonly lineStart: number;
}

/** A batch that was handed to delivery and not acknowledged. */
export interface StoredBatch {
  readonly id: string;
  readonly ranges: readonly StoredRange[];
}

const NAME = "state.sqlite";
/** How long a file is remembered of which nothing more is to be read: it may have to be compressed yet. */
const FINISHED_MS = 86_400_000;

/**
 * The agent's memory over restarts: the checkpoint of each file, and which ranges were in flight under which batch id.
 *
 * SQLite in WAL mode with `synchronous = NORMAL`: a transaction survives kill -9 as soon as it is committed; after a power
 * loss the last ones may be gone, which repeats lines and never skips any. The database is opened exclusively, so a
 * second agent on the same directory is refused.
 */
export class StateStore {
  /** The directory that it is in. */
  readonly directory: string;
  /** What is known of files whose rest is in the spool. */
  readonly spool: SpoolRecords;
  /** The names of logs of containers. */
  readonly containers: ContainerRecords;
  readonly #database: DatabaseSync;
  readonly #insertFile: StatementSync;
  readonly #updateFile: StatementSync;
  readonly #setMissing: StatementSync;
  readonly #deleteFile: StatementSync;
  readonly #insertBatch: StatementSync;
  readonly #insertRange: StatementSync;
  readonly #forgetRanges: StatementSync;
  readonly #moveFile: StatementSync;
  readonly #makeRoom: StatementSync;
  readonly #deleteBatch: StatementSync;
  readonly #deleteOtherBatches: StatementSync;
  readonly #setFact: StatementSync;
  readonly #setNewest: StatementSync;
  readonly #addFinished: StatementSync;
  readonly #forgetFinished: StatementSync;
  readonly #finished: StatementSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  /** The newest batch that this run has noted. */
  #newest = "";
  /** What decides how batches are made, as a number; 0 is that of nobody. */
  #madeUnder = 0;
  #aliveBefore: number | undefined;
  readonly #file: string;
  #closed = false;

  private constructor(directory: string, database: DatabaseSync) {
    this.directory = directory;
    this.#file = inodeOf(directory);
    this.#database = database;
    this.spool = new SpoolRecords(database);
    this.containers = new ContainerRecords(database);
    this.#insertFile = database.prepare(
      `INSERT INTO files (dev, ino, path, head_length, head_crc, "offset", anchor, line_start, part, born) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (dev, ino) DO UPDATE SET path = excluded.path, head_length = excluded.head_length, head_crc = excluded.head_crc,
         "offset" = excluded."offset", anchor = excluded.anchor, line_start = excluded.line_start, part = excluded.part,
         born = excluded.born, missing_since = 0
       RETURNING id`,
    );
    this.#updateFile = database.prepare(
      'UPDATE files SET head_length = ?, head_crc = ?, "offset" = ?, anchor = ?, line_start = ?, part = ?, missing_since = 0 WHERE id = ?',
    );
    this.#setMissing = database.prepare("UPDATE files SET missing_since = ? WHERE id = ?");
    this.#deleteFile = database.prepare("DELETE FROM files WHERE id = ?");
    this.#insertBatch = database.prepare("INSERT OR IGNORE INTO batches (id, made_under) VALUES (?, ?)");
    this.#insertRange = database.prepare(
      'INSERT OR REPLACE INTO ranges (batch, file, "start", "end", line_start) VALUES (?, ?, ?, ?, ?)',
    );
    this.#forgetRanges = database.prepare(
      "DELETE FROM ranges WHERE file = (SELECT id FROM files WHERE dev = ? AND ino = ?)",
    );
    this.#moveFile = database.prepare("UPDATE files SET dev = ?, ino = ?, born = ? WHERE id = ?");
    this.#makeRoom = database.prepare("DELETE FROM files WHERE dev = ? AND ino = ? AND id <> ?");
    this.#deleteBatch = database.prepare("DELETE FROM batches WHERE id = ?");
    this.#deleteOtherBatches = database.prepare("DELETE FROM batches WHERE made_under <> ?");
    this.#setNewest = database.prepare(
      "INSERT INTO newest_batch (one, id) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET id = max(id, excluded.id)",
    );
    this.#addFinished = database.prepare(
      "INSERT OR REPLACE INTO finished (path, head_length, head_crc, at) VALUES (?, ?, ?, ?)",
    );
    this.#forgetFinished = database.prepare("DELETE FROM finished WHERE at < ?");
    this.#finished = database.prepare("SELECT head_length, head_crc FROM finished WHERE path = ?");
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#setFact = database.prepare("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)");
  }

  /**
   * Opens or makes the state in a directory, which is made with mode 0700 when missing.
   * @throws {StateError} when the directory or the database cannot be used, with what to do.
   */
  static open(directory: string): StateStore {
    const path = join(directory, NAME);
    let database: DatabaseSync | undefined;
    try {
      const made = mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined;
      makePrivate(directory, path, made);
      database = new DatabaseSync(path);
      database.exec(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
      );
      const newer = prepareSchema(database);
      if (newer !== undefined)
        throw new StateError(
          `The state in ${path} has version ${newer}, this agent knows version ${SCHEMA_VERSION}: it was written by a newer agent. Run that one, or give another directory with --db-path.`,
        );
      lock(database);
      return new StateStore(directory, database);
    } catch (error) {
      // A database that stays open would keep everybody from it, also the next attempt of this process.
      database?.close();
      throw error instanceof StateError ? error : openingError(path, error);
    }
  }

  /** Whether a directory, under whatever name, has this very state; not when its file was removed or replaced there. */
  isAt(directory: string): boolean {
    try {
      return !this.#closed && inodeOf(directory) === this.#file;
    } catch {
      return false;
    }
  }

  /** An error of SQLite as one of this state, with what to do; any other as it is. */
  explain(error: unknown): unknown {
    return error instanceof Error && "errcode" in error ? openingError(join(this.directory, NAME), error) : error;
  }

  /** Every file that was known, in no particular order. */
  files(): KnownFile[] {
    return this.#database
      .prepare("SELECT * FROM files")
      .all()
      .map((row) => ({
        id: Number(row.id),
        dev: BigInt(String(row.dev)),
        ino: BigInt(String(row.ino)),
        born: BigInt(String(row.born)),
        path: String(row.path),
        headLength: Number(row.head_length),
        headCrc: Number(row.head_crc),
        checkpoint: {
          offset: Number(row.offset),
          anchor: new Uint8Array(row.anchor instanceof Uint8Array ? row.anchor : []),
          lineStart: Number(row.line_start),
          part: Number(row.part),
        },
        missingSince: Number(row.missing_since),
      }));
  }

  /** Batches are made from now on in a way that has this digest: those that were made in another are none that can be repeated. */
  makeUnder(digest: number): void {
    this.#madeUnder = digest;
  }

  /** The batches that were in flight when the agent ended and are made in the same way now, oldest first. */
  batches(): StoredBatch[] {
    const byId = new Map<string, StoredRange[]>();
    const made = this.#database.prepare("SELECT id FROM batches WHERE made_under = ? ORDER BY id").all(this.#madeUnder);
    for (const row of made) byId.set(String(row.id), []);
    for (const row of this.#database.prepare("SELECT * FROM ranges").all()) {
      byId.get(String(row.batch))?.push({
        fileId: Number(row.file),
        start: Number(row.start),
        end: Number(row.end),
        lineStart: Number(row.line_start),
      });
    }
    return Array.from(byId, ([id, ranges]) => ({ id, ranges }));
  }

  /**
   * Keeps a file, in the place of what had the same device and inode number; returns its id. Ranges that were on their
   * way under that id are forgotten: they were of the other file.
   */
  addFile(file: NewFile): number {
    const { offset, anchor, lineStart, part } = file.checkpoint;
    this.#forgetRanges.run(String(file.dev), String(file.ino));
    const row = this.#insertFile.get(
      String(file.dev),
      String(file.ino),
      file.path,
      file.headLength,
      file.headCrc,
      offset,
      bound(anchor),
      lineStart,
      part,
      String(file.born),
    );
    return Number(row?.id);
  }

  /** What was read of one inode is to be found under another one from now on. */
  moveFile(id: number, dev: bigint, ino: bigint, born = 0n): void {
    this.transaction(() => {
      this.#makeRoom.run(String(dev), String(ino), id);
      this.#moveFile.run(String(dev), String(ino), String(born), id);
    });
  }

  /** A file was deleted, and what is not acknowledged of its `size` bytes goes to the spool. */
  beginSpool(id: number, size: number): void {
    this.transaction(() => {
      this.moveFile(id, SPOOLED_DEVICE, BigInt(id));
      this.spool.setSize(id, size);
    });
  }

  /** A file is not where it was; it may come back, with what it is in. */
  setMissing(id: number, since: number): void {
    this.#setMissing.run(since, id);
  }

  removeFile(id: number): void {
    this.#deleteFile.run(id);
  }

  saveCheckpoint(file: Omit<NewFile, "dev" | "ino" | "born" | "path"> & { readonly id: number }): void {
    const { offset, anchor, lineStart, part } = file.checkpoint;
    this.#updateFile.run(file.headLength, file.headCrc, offset, bound(anchor), lineStart, part, file.id);
  }

  /** Notes what a batch holds, before it is sent for the first time. */
  addBatch(batch: StoredBatch): void {
    this.transaction(() => {
      this.#insertBatch.run(batch.id, this.#madeUnder);
      for (const range of batch.ranges)
        this.#insertRange.run(batch.id, range.fileId, range.start, range.end, range.lineStart);
    });
    if (batch.id > this.#newest) this.#newest = batch.id;
  }

  /** The newest id that a batch was ever noted under, acknowledged or not: whatever the clock says, later ones are newer. */
  newestBatch(): string | undefined {
    const row = this.#database
      .prepare("SELECT max(id) AS id FROM (SELECT id FROM newest_batch UNION ALL SELECT id FROM batches)")
      .get();
    return row?.id === null || row === undefined ? undefined : String(row.id);
  }

  /** Forgets batches that were made in another way. @returns how many. */
  forgetOtherBatches(): number {
    let batches = 0;
    this.transaction(() => {
      const newest = this.newestBatch();
      if (newest !== undefined) this.#setNewest.run(newest);
      batches = Number(this.#deleteOtherBatches.run(this.#madeUnder).changes);
    });
    return batches;
  }

  removeBatch(id: string): void {
    // While a newer one is there, that tells.
    if (id >= this.#newest) this.#setNewest.run(id);
    this.#deleteBatch.run(id);
  }

  /** When the agent was last known to run, in milliseconds since the epoch; undefined on the first run. */
  lastAlive(): number | undefined {
    const row = this.#database.prepare("SELECT value FROM facts WHERE name = 'alive'").get();
    return row === undefined ? undefined : Number(row.value);
  }

  /** Notes that the agent runs. What was finished more than a day ago is forgotten. */
  setAlive(now: number): void {
    this.#aliveBefore = this.lastAlive() ?? now;
    this.#setFact.run("alive", now);
    this.#forgetFinished.run(now - FINISHED_MS);
  }

  /**
   * When the agent was known to run before that, in milliseconds since the epoch: what was there by then it has seen, also
   * when it stood still since and has just gone on. Undefined on the first run.
   */
  aliveBefore(): number | undefined {
    return this.#aliveBefore ?? this.lastAlive();
  }

  /** Notes the first bytes of a file of which nothing more is to be read, so that a compressed form of it is known. */
  finish({ path, headLength, headCrc }: Pick<KnownFile, "path" | "headLength" | "headCrc">, now: number): void {
    this.#addFinished.run(path, headLength, headCrc, now);
  }

  /** The first bytes of files that had a path, of which nothing more is to be read. */
  finished(path: string): { readonly length: number; readonly crc: number }[] {
    return this.#finished.all(path).map((row) => ({ length: Number(row.head_length), crc: Number(row.head_crc) }));
  }

  /**
   * An empty file beside the state, open for reading and writing, that has no name and is gone with its descriptor.
   * @throws a system error.
   */
  scratchFile(): number {
    const path = join(this.directory, `scratch-${randomUUID()}`);
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    unlinkSync(path);
    return fd;
  }

  /** Bytes that are free where scratch files are. @throws a system error. */
  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize;
  }

  /** Runs writes as one: all of them are kept or none. */
  transaction(write: () => void): void {
    if (this.#database.isTransaction) return write();
    this.#begin.run();
    try {
      write();
      this.#commit.run();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }
}

/**
 * Takes the exclusive lock with a write, so that a second agent fails here and not later. On a full disk nothing can be written:
 * reading takes the lock as well (WAL, "Use of WAL Without Shared-Memory"), and the agent ships with a state that does not move.
 */
function lock(database: DatabaseSync): void {
  try {
    database.exec("BEGIN IMMEDIATE; INSERT OR REPLACE INTO facts (name, value) VALUES ('opened', 0); COMMIT;");
  } catch (error) {
    if (!isFull(error)) throw error;
    if (database.isTransaction) database.exec("ROLLBACK");
    database.prepare("SELECT count(*) FROM facts").get();
  }
}

/** An anchor has as many bytes at most. */
const bindable = new Uint8Array(64);

/**
 * The same bytes, valid until the next call. V8 keeps a small array within its heap until its memory is asked for, as binding it
 * does; from then on it takes 300 bytes more, for each of all files.
 */
function bound(anchor: Uint8Array): Uint8Array {
  if (anchor.length > bindable.length) return anchor;
  bindable.set(anchor);
  return bindable.subarray(0, anchor.length);
}

function inodeOf(directory: string): string {
  const { dev, ino } = statSync(join(directory, NAME), { bigint: true });
  return `${dev}:${ino}`;
}
