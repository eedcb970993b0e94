import type { BigIntStats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isRotationOf, rotatedFrom } from "./copies.ts";
import type { AgentLife, Lookback } from "./first_position.ts";
import { inodeKey } from "./tailed_file.ts";

export interface MissedNamesOptions {
  /** Whether a path is to be shipped. */
  readonly includes: (path: string) => boolean;
  readonly lookback: Lookback;
  readonly life: AgentLife;
}

/** Rotated forms that are remembered as not followed; so many have hundreds of logs. */
const MAX_PASSED = 10_000;

/** Which rotated forms are of logs that nobody looked at while they had their own names, and which are not followed. */
export class MissedNames {
  readonly #options: MissedNamesOptions;
  /** What was there before the first run, and copies that were not made by rotations. */
  readonly #passed = new Set<string>();

  constructor(options: MissedNamesOptions) {
    this.#options = options;
  }

  /**
   * The name that a file had while nobody looked: it is called like a rotated form of a file that the rules include, by a
   * number or a date, and is younger than the last moment at which the agent is known to have looked.
   */
  missedAs(path: string, stat: BigIntStats, appeared: boolean): string | undefined {
    const { life, lookback, includes } = this.#options;
    const original = this.nameBefore(path);
    // With these two, what came while the agent was down is skipped, whatever it is called.
    const seen = lookback === "none" || lookback === "tail" ? life.startedAt : life.lastAlive;
    const born = Number(stat.birthtimeMs) || Number(stat.ctimeMs);
    const isNew = appeared || (seen !== undefined && born > seen);
    if (original !== undefined && !isNew && !includes(path)) this.passOver(stat);
    return isNew ? original : undefined;
  }

  /** The name of the log that a name is, by a number or a date, a rotated form of; undefined where there is none that ships. */
  nameBefore(path: string): string | undefined {
    const directory = dirname(path);
    const name = basename(path);
    return rotatedFrom(name)
      .filter((candidate) => isRotationOf(name, candidate))
      .map((candidate) => join(directory, candidate))
      .find(this.#options.includes);
  }

  /** A rotated form is not followed, also when rotation gives it another name. */
  passOver(stat: BigIntStats): void {
    if (this.#passed.size < MAX_PASSED) this.#passed.add(contentKey(stat));
  }

  isPassed(stat: BigIntStats): boolean {
    return this.#passed.has(contentKey(stat));
  }
}

/** Tells a file that nobody writes to from others, also where an inode number is used again and no birth is known. */
function contentKey({ dev, ino, birthtimeNs, mtimeNs, size }: BigIntStats): string {
  return `${inodeKey(dev, ino)}:${birthtimeNs}:${mtimeNs}:${size}`;
}
