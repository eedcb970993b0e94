import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { gzipSync } from "node:zlib";
import { type LineId, lineText } from "./ledger.ts";

/** Lines of one file that are in one inode. */
export interface Segment {
  readonly file: string;
  readonly from: number;
  /** The number after the last one. */
  to: number;
}

const NEWLINE = 10;

/** Text that does not compress to nothing, so that bodies have a size. */
const PADDING = Array.from({ length: 2000 }, (_, n) => ((n * 2654435761) >>> 8).toString(36)).join("");

/** A log as a program writes it that numbers its lines, and as it is rotated. Everything is done at once, in this process. */
export class LogFile {
  readonly name: string;
  readonly path: string;
  #fd: number;
  #next = 0;
  #segment: Segment;
  /** Bytes that a full disk did not take: the rest of a line and further ones, which are written before anything else. */
  #unwritten = Buffer.alloc(0);
  /** Lines whose text a server refuses. */
  readonly poison: number[] = [];
  readonly deleted: Segment[] = [];

  constructor(name: string, path: string) {
    this.name = name;
    this.path = path;
    this.#fd = openSync(path, "a", 0o600);
    this.#segment = { file: name, from: 0, to: 0 };
  }

  /** How many lines were written as a whole. */
  get written(): number {
    let held = 0;
    for (const byte of this.#unwritten) if (byte === NEWLINE) held += 1;
    return this.#next - held;
  }

  /** The newest line; undefined when there is none. */
  get newest(): LineId | undefined {
    return this.written === 0 ? undefined : { file: this.name, number: this.written - 1 };
  }

  /** Appends lines with so many bytes of padding; what a full disk does not take is written later, and nothing else before. */
  write(count: number, padding: number, poison = false): void {
    if (!this.#flush()) return;
    let block = "";
    for (const end = this.#next + count; this.#next < end; this.#next += 1) {
      const from = (this.#next * 37) % (PADDING.length - padding);
      const text = PADDING.slice(from, from + padding);
      if (poison) this.poison.push(this.#next);
      block += `${lineText({ file: this.name, number: this.#next }, poison ? `POISON ${text}` : text)}\n`;
    }
    this.#segment.to = this.#next;
    this.#unwritten = Buffer.from(block);
    this.#flush();
  }

  /** Renames it away, as logrotate's `create` does; the program goes on with a new file, or, when lazy, with the next rotation. */
  rename(): void {
    this.#shift();
    renameSync(this.path, `${this.path}.1`);
    this.#reopen();
  }

  /** Copies it and truncates it. Nobody writes in between, so nothing is destroyed by that itself. */
  copyTruncate(): void {
    this.#shift();
    copyFileSync(this.path, `${this.path}.1`);
    truncateSync(this.path, 0);
    this.#segment = { file: this.name, from: this.#next, to: this.#next };
  }

  /** Compresses what was rotated away last, as `gzip` does. */
  compress(): void {
    const from = `${this.path}.1`;
    if (!existsSync(from)) return;
    const { atime, mtime } = statSync(from);
    writeFileSync(`${from}.gz`, gzipSync(readFileSync(from)), { mode: 0o600 });
    utimesSync(`${from}.gz`, atime, mtime);
    unlinkSync(from);
  }

  /** Deletes it; the program goes on with a new file. */
  delete(): void {
    this.deleted.push(this.#segment);
    unlinkSync(this.path);
    this.#reopen();
  }

  close(): void {
    closeSync(this.#fd);
  }

  #reopen(): void {
    closeSync(this.#fd);
    this.#fd = openSync(this.path, "a", 0o600);
    this.#segment = { file: this.name, from: this.#next, to: this.#next };
  }

  /** Makes room for the name `.1`. */
  #shift(): void {
    for (let n = 20; n >= 1; n -= 1) {
      for (const end of ["", ".gz"]) {
        const from = `${this.path}.${n}${end}`;
        if (existsSync(from)) renameSync(from, `${this.path}.${n + 1}${end}`);
      }
    }
  }

  /** Whether everything is written. */
  #flush(): boolean {
    try {
      while (this.#unwritten.length > 0) {
        this.#unwritten = this.#unwritten.subarray(writeSync(this.#fd, this.#unwritten));
      }
      return true;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOSPC") return false;
      throw error;
    }
  }
}
