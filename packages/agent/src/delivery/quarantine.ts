import { Buffer } from "node:buffer";
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { BodyLine } from "../batch/body_format.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { textOf } from "./halves.ts";

/** A line that the server refuses for good. */
export interface RefusedLine {
  /** As it was encoded; of a line of which the server has the beginning, the rest. */
  readonly line: BodyLine;
  /** Bytes of its text, and one for its line end. */
  readonly bytes: number;
  /** What the server answered, and the beginning of what it said. */
  readonly status: number;
  readonly reason: string;
  /** The id under which the line was sent alone. */
  readonly batch: string;
}

export interface QuarantineOptions {
  /** The state directory. */
  readonly directory: string;
  readonly emit: (event: AgentEvent) => void;
  /** Takes the key out of a text: a line may hold it. Nothing else may be changed, for there is no other copy of the line. */
  readonly conceal: (text: string) => string;
  /** Bytes of one of the two files, at most. */
  readonly maxFile?: number;
  /** Bytes of the text of one line that are kept, at most. */
  readonly maxText?: number;
}

const NAME = "quarantine.jsonl";
const MAX_FILE_BYTES = 5 * 1024 * 1024;
/** In JSON a byte can become six, and the line must fit a file. */
const MAX_TEXT_BYTES = 512 * 1024;

/**
 * The lines that the server refuses for good, kept where a person finds them: `quarantine.jsonl` in the state directory, one JSON
 * object a line, with the time, the file, the text as it was sent (what was not UTF-8 has U+FFFD in its place), the status, the
 * server's reason and the batch id. Before it grows over 5 MiB it becomes `quarantine.jsonl.1`, and the one before that goes.
 *
 * Everything is on the disk when `add` returns. What cannot be written is said and counted, and stops nothing.
 */
export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #path: string;

  constructor(options: QuarantineOptions) {
    this.#options = options;
    this.#path = join(options.directory, NAME);
  }

  /** Appends lines; call before their ranges are acknowledged. After a crash in between, the same line may be added again. */
  add(refused: readonly RefusedLine[]): void {
    if (refused.length === 0) return;
    const { emit, maxFile = MAX_FILE_BYTES } = this.#options;
    let kept = 0;
    try {
      let size = this.#size();
      let pending: Buffer[] = [];
      for (const record of refused.map((line) => this.#record(line))) {
        if (size > 0 && size + record.length > maxFile) {
          kept += this.#append(pending);
          pending = [];
          this.#rotate();
          size = 0;
        }
        pending.push(record);
        size += record.length;
      }
      kept += this.#append(pending);
      emit({ name: "lines_quarantined", path: this.#path, lines: refused.length });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      emit({ name: "quarantine_failed", path: this.#path, lines: refused.length - kept, reason });
    }
  }

  #record({ line, status, reason, batch }: RefusedLine): Buffer {
    const { conceal, maxText = MAX_TEXT_BYTES } = this.#options;
    const text = textOf(line);
    const bytes = Buffer.byteLength(text);
    // Before it is cut and encoded: a part of the key, or one that JSON escapes, would not be found.
    const shown = conceal(text);
    const record = {
      time: new Date().toISOString(),
      file: line.file,
      app: line.app,
      host: line.host,
      env: line.env,
      tags: line.tags,
      line: bytes > maxText ? Buffer.from(shown).toString("utf8", 0, maxText) : shown,
      ...(bytes > maxText ? { line_bytes: bytes } : {}),
      meta: line.meta,
      status,
      reason,
      batch,
    };
    const concealed = (_: string, value: unknown): unknown => (typeof value === "string" ? conceal(value) : value);
    return Buffer.from(`${JSON.stringify(record, concealed)}\n`);
  }

  /** @returns how many there were. */
  #append(records: readonly Buffer[]): number {
    if (records.length === 0) return 0;
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_SYNC, S_IFMT, S_IFREG } = constants;
    // What could have been planted under this name, a link, a pipe, a name of another file, is not written to.
    // O_SYNC: each write is on the disk when it returns. Node does not let a process with permissions call fsync(2).
    const fd = openSync(this.#path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_SYNC, 0o600);
    try {
      const { mode, nlink, uid, size } = fstatSync(fd);
      if ((mode & S_IFMT) !== S_IFREG || nlink !== 1 || uid !== process.geteuid?.())
        throw new Error("it is not a regular file of the agent's with one name; remove it");
      if ((mode & 0o077) !== 0) chmodSync(this.#path, 0o600);
      // A crash of the machine can have cut the last line.
      const last = Buffer.alloc(1, "\n");
      if (size > 0) readSync(fd, last, 0, 1, size - 1);
      const bytes = Buffer.concat([Buffer.from(last[0] === 10 ? "" : "\n"), ...records]);
      try {
        for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
      } catch (error) {
        // All of it or, as when the disk is full, nothing.
        truncateSync(this.#path, size);
        throw error;
      }
    } finally {
      closeSync(fd);
    }
    return records.length;
  }

  #rotate(): void {
    const old = `${this.#path}.1`;
    const lines = linesIn(old);
    renameSync(this.#path, old);
    if (lines > 0) this.#options.emit({ name: "quarantine_full", path: old, lines });
  }

  #size(): number {
    try {
      return lstatSync(this.#path).size;
    } catch {
      return 0;
    }
  }
}

/** Lines of a file that is about to go; 0 where there is none, or where it is not one of ours. */
function linesIn(path: string): number {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || stat.size > 2 * MAX_FILE_BYTES) return 0;
    return readFileSync(path).reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0);
  } catch {
    return 0;
  }
}
