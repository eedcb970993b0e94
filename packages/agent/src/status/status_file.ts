import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, rmSync, type Stats, writeSync } from "node:fs";
import { join } from "node:path";
import type { StatusReport } from "./report.ts";

/** The file in the state directory. */
export const STATUS_FILE = "status.json";
const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
/** A report is smaller: what is larger is none of an agent's. */
const MAX_BYTES = 1024 * 1024;
/** The file grows by so much at once, so that a report seldom needs space of its own on a full disk. */
const STEP_BYTES = 8192;

/** Tells in the state directory how the agent is, for its user and root alone. Never throws: it is not worth a line. */
export class StatusFile {
  readonly #path: string;
  /** Bytes of the file that may be other than blanks. */
  #used = MAX_BYTES;

  /** What an earlier run left, whoever may read it, is removed. */
  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, STATUS_FILE);
    this.#remove();
  }

  write(report: StatusReport): void {
    try {
      const fd = this.#open();
      try {
        if (!this.#put(fd, report))
          this.#put(fd, { ...report, lastError: undefined, backlog: { ...report.backlog, files: [] } });
      } finally {
        closeSync(fd);
      }
    } catch {
      // A full disk is told by the state itself.
    }
  }

  /** What another program of the same user has put there gives way. @throws an error of the system. */
  #open(): number {
    for (let isFirst = true; ; isFirst = false) {
      let fd = -1;
      try {
        fd = openSync(this.#path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
        const stat = fstatSync(fd);
        if (isUsable(stat) && stat.nlink === 1) return fd;
        throw new Error("it is no file of the agent's");
      } catch (error) {
        if (fd >= 0) closeSync(fd);
        if (!isFirst) throw error;
        this.#remove();
        this.#used = MAX_BYTES;
      }
    }
  }

  /**
   * Writes a report in one call, with blanks over what was there: so the file is JSON at any time, and no rename is needed. Its
   * space is taken before, as blanks: on a full disk the old report is not cut.
   * @returns whether there is room for it.
   */
  #put(fd: number, report: StatusReport): boolean {
    const text = Buffer.from(`${JSON.stringify(report)}\n`);
    let { size } = fstatSync(fd);
    const wanted = Math.ceil(text.length / STEP_BYTES) * STEP_BYTES;
    if (size < text.length) {
      try {
        size += writeSync(fd, Buffer.alloc(wanted - size, " "), 0, wanted - size, size);
      } catch {
        return false;
      }
    }
    if (size < text.length) return false;
    const padded = Buffer.alloc(Math.max(text.length, Math.min(size, this.#used)), " ");
    text.copy(padded);
    writeSync(fd, padded, 0, padded.length, 0);
    this.#used = text.length;
    return true;
  }

  #remove(): void {
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // It cannot be written then either.
    }
  }
}

/** Whether it can be a report. */
export function isUsable(stat: Stats): boolean {
  return stat.isFile() && stat.size <= MAX_BYTES;
}
