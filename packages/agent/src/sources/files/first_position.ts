import { Buffer } from "node:buffer";
import { readSync } from "node:fs";
import type { Checkpoint } from "../../state/state_store.ts";
import { ANCHOR_BYTES, BEGINNING } from "./tailed_file.ts";

/**
 * Where reading begins in a file that exists when the agent starts.
 *
 * - `resume` (nothing set): a known file resumes, an unknown one starts at its end.
 * - `none`: at the end, known or not.
 * - `smallfiles`: resumes; an unknown file under 8 KiB from its start, a larger one from its end.
 * - `start`: resumes; an unknown file from its start.
 * - `tail`: resumes; an unknown file from its start only if it was created after the agent's start.
 */
export type Lookback = "resume" | "none" | "smallfiles" | "start" | "tail";

const SMALL_FILE_BYTES = 8192;

/** What is known of an unknown file when it is found. */
export interface UnknownFile {
  readonly size: number;
  /** Time of birth in milliseconds since the epoch; 0 where the file system does not tell. */
  readonly bornAt: number;
  /** Time of the last change of status, in milliseconds since the epoch (stat(2)). */
  readonly changedAt: number;
  /** It appeared under the eyes of the agent. */
  readonly appeared: boolean;
  /** Another file was followed under its name by an earlier run: it is what the log went on with. */
  readonly succeeds: boolean;
}

/** The moments that tell old files from new ones, in milliseconds since the epoch. */
export interface AgentLife {
  readonly startedAt: number;
  /** Until when an earlier run has seen every file for certain; undefined on the first run. */
  readonly lastAlive: number | undefined;
}

/**
 * Whether an unknown file is read from its beginning; otherwise from its end.
 *
 * A file that was born between two runs is no old file: an agent that runs all the time would have read it from its
 * start, and a rotation while the agent was down must not cost its first lines. Whatever the clocks say, so is one under a
 * name that another one had. `none` and `tail` mean exactly what they
 * mean in the existing agent, so for them the run begins with this start.
 */
export function fromBeginning(lookback: Lookback, file: UnknownFile, life: AgentLife): boolean {
  if (file.appeared) return true;
  // Without a time of birth, a status change since then is the best hint that errs on the side of repeating.
  const born = file.bornAt > 0 ? file.bornAt : file.changedAt;
  if (born > life.startedAt) return true;
  const { lastAlive } = life;
  // A time that lies in the future was taken with a clock that was put right since, and says nothing.
  const bornSinceLastRun = lastAlive !== undefined && (born > lastAlive || lastAlive > life.startedAt);
  const isNew = file.succeeds || bornSinceLastRun;
  switch (lookback) {
    case "start":
      return true;
    case "smallfiles":
      return file.size < SMALL_FILE_BYTES || isNew;
    case "resume":
      return isNew;
    case "none":
    case "tail":
      return false;
  }
}

/**
 * The position at the end of an open file: behind its last newline, so that a line that is being written is shipped
 * whole once it ends. A last line longer than `maxLine` bytes is begun where it stands.
 * @throws a system error.
 */
export function endPosition(fd: number, size: number, maxLine: number): Checkpoint {
  if (size === 0) return BEGINNING;
  const length = Math.min(size, Math.max(maxLine, ANCHOR_BYTES) + ANCHOR_BYTES);
  const buffer = Buffer.allocUnsafe(length);
  const tail = buffer.subarray(0, readSync(fd, buffer, 0, length, size - length));
  const newline = tail.lastIndexOf(10);
  const behind = newline >= 0 ? newline + 1 : length === size ? 0 : tail.length;
  const offset = size - length + behind;
  const anchor = new Uint8Array(tail.subarray(Math.max(0, behind - ANCHOR_BYTES), behind));
  return { offset, anchor, lineStart: offset, part: 0 };
}

/** The position behind every byte of an open file, whether the last line has ended or not. @throws a system error. */
export function endOfFile(fd: number, size: number): Checkpoint {
  const length = Math.min(size, ANCHOR_BYTES);
  const anchor = new Uint8Array(length);
  readSync(fd, anchor, 0, length, size - length);
  return { offset: size, anchor, lineStart: size, part: 0 };
}
