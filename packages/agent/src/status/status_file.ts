import { closeSync, constants, fstatSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { StatusReport } from "./report.ts";

const NAME = "status.json";
const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
/** How often a reader looks again that came in the middle of a change. */
const LOOKS = 5;

/** Tells in the state directory how the agent is, for its user and root alone. Never throws: it is not worth a line. */
export class StatusFile {
  readonly #path: string;

  /** What an earlier run left, whoever may read it, is removed. */
  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, NAME);
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // It cannot be written then either.
    }
  }

  write(report: StatusReport): void {
    try {
      const fd = openSync(this.#path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600);
      try {
        // In one call, and blanks over what was there: that is JSON at any time, and costs no rename.
        const text = `${JSON.stringify(report)}\n`;
        writeSync(fd, text.padEnd(fstatSync(fd).size), 0);
      } finally {
        closeSync(fd);
      }
    } catch {
      // A full disk is told by the state itself.
    }
  }
}

/** @throws an error of the system, or of the content. */
export function readStatus(stateDirectory: string): StatusReport {
  for (let look = 1; ; look += 1) {
    const text = readFileSync(join(stateDirectory, NAME), "utf8");
    try {
      return JSON.parse(text) as StatusReport;
    } catch (error) {
      if (look === LOOKS) throw error;
    }
  }
}
