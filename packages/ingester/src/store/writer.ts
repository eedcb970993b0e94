import type { Buffer } from "node:buffer";
import type { NumberedLines } from "./text_index.ts";

/** Lines of a batch, and as rows (`native.ts`). */
export interface Rows extends NumberedLines {
  readonly rows: Buffer;
}

interface Pending extends Rows {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Bytes of rows in one insert: parts of this size merge well, and the memory that one takes stays small. */
const MAX_INSERT_BYTES = 32 * 1024 * 1024;

/** The store cannot take lines now, such as with a full disk; they may be sent again later. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/** The store can never take these lines. */
export class UnstorableRows extends Error {
  override readonly name = "UnstorableRows";
}

/**
 * ClickHouse's codes of errors that are the rows' fault: what cannot be parsed, is out of range or of a wrong type. Every
 * other error may pass, and the rows are worth another attempt.
 */
const DATA_ERRORS: ReadonlySet<number> = new Set([
  6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 130, 131, 190, 321, 349, 467,
]);

/**
 * Writes rows durably. What arrives while an insert runs goes into the next one, all together: with many senders each
 * sync of the disk serves many requests, and with one it costs no delay.
 */
export class Writer {
  readonly #insert: (rows: readonly Buffer[], group: readonly NumberedLines[]) => Promise<void>;
  #pending: Pending[] = [];
  #running: Promise<void> | undefined;

  /** @param insert stores all of the rows or none, durably. */
  constructor(insert: (rows: readonly Buffer[], group: readonly NumberedLines[]) => Promise<void>) {
    this.#insert = insert;
  }

  /** Resolves when the rows are on disk. @throws {StoreUnavailable | UnstorableRows} */
  write(rows: Rows): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.push({ ...rows, resolve, reject });
    this.#running ??= this.#drain();
    return promise;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    // Requests that arrived in the same turn of the loop go together.
    await new Promise(setImmediate);
    while (this.#pending.length > 0) await this.#store(this.#take());
    this.#running = undefined;
  }

  /** Stores rows together; where some of them cannot be stored, each for itself, so that they hold up no others. */
  async #store(group: readonly Pending[]): Promise<void> {
    try {
      await this.#insert(
        group.map(({ rows }) => rows),
        group,
      );
      for (const { resolve } of group) resolve();
    } catch (error) {
      const faulty = DATA_ERRORS.has(codeOf(error));
      if (faulty && group.length > 1) {
        for (const one of group) await this.#store([one]);
        return;
      }
      const Reason = faulty ? UnstorableRows : StoreUnavailable;
      const reason = new Reason(error instanceof Error ? error.message : String(error), { cause: error });
      for (const { reject } of group) reject(reason);
    }
  }

  #take(): Pending[] {
    let size = 0;
    let count = 0;
    for (const { rows } of this.#pending) {
      if (count > 0 && size + rows.length > MAX_INSERT_BYTES) break;
      size += rows.length;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }
}

/** ClickHouse's code of an error; NaN for an error of another origin. */
function codeOf(error: unknown): number {
  if (!(error instanceof Error)) return Number.NaN;
  if ("clickhouseCode" in error && error.clickhouseCode !== undefined) return Number(error.clickhouseCode);
  return "code" in error ? Number(error.code) : Number.NaN;
}
