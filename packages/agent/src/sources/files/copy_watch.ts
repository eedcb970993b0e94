import { closeSync, fstatSync } from "node:fs";
import { type FoundCopy, reachOfCopy } from "./copies.ts";
import { compareHead, type TailedFile } from "./tailed_file.ts";

/** How long a new file that may be a copy is held back, after it last grew, before it counts as a file of its own. */
const DECIDE_MS = 5000;

interface Suspect {
  readonly path: string;
  readonly fd: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly original: TailedFile;
  /** When it was found or last grew; milliseconds of a monotonic clock. */
  since: number;
  size: number;
}

/**
 * New files that may be the copy of a tailed one, made just before that one is truncated.
 *
 * Each is held open, so that it can still be read after a compressor has taken its name away, and is not shipped under
 * its own name while it may be a copy: its lines are those of the original.
 */
export class CopyWatch {
  readonly #suspects = new Map<string, Suspect>();

  get size(): number {
    return this.#suspects.size;
  }

  has(path: string): boolean {
    return this.#suspects.has(path);
  }

  /** Takes over an open descriptor. */
  add(suspect: Omit<Suspect, "size">): void {
    this.#release(suspect.path);
    this.#suspects.set(suspect.path, { ...suspect, size: 0 });
  }

  /** The copy of a file that was found truncated; the caller owns its descriptor then. */
  take(original: TailedFile): FoundCopy | undefined {
    for (const suspect of this.#suspects.values()) {
      if (suspect.original !== original || original.head.length === 0) continue;
      const size = sizeOf(suspect);
      const reach = reachOfCopy(suspect.fd, size, original);
      if (reach === undefined) continue;
      this.#suspects.delete(suspect.path);
      const { fd, path, dev, ino } = suspect;
      return { fd, path, dev, ino, size, reaches: reach === "beyond" };
    }
    return undefined;
  }

  /** The paths of files that have turned out not to be copies, or for which no truncation followed; forgotten here. */
  decided(now: number): string[] {
    const paths: string[] = [];
    for (const suspect of this.#suspects.values()) {
      const size = sizeOf(suspect);
      if (size !== suspect.size) {
        suspect.size = size;
        suspect.since = now;
      }
      if (differs(suspect) || now - suspect.since > DECIDE_MS) {
        this.#release(suspect.path);
        paths.push(suspect.path);
      }
    }
    return paths;
  }

  /** Follows a file that was renamed while it is held. */
  renamed(from: string, to: string): void {
    const suspect = this.#suspects.get(from);
    if (suspect === undefined) return;
    this.#suspects.delete(from);
    this.#suspects.set(to, { ...suspect, path: to });
  }

  close(): void {
    for (const path of [...this.#suspects.keys()]) this.#release(path);
  }

  #release(path: string): void {
    const suspect = this.#suspects.get(path);
    if (suspect === undefined) return;
    closeSync(suspect.fd);
    this.#suspects.delete(path);
  }
}

function sizeOf(suspect: Suspect): number {
  return Number(fstatSync(suspect.fd, { bigint: true }).size);
}

function differs(suspect: Suspect): boolean {
  try {
    return compareHead(suspect.fd, suspect.size, suspect.original.head) === "other";
  } catch {
    return true;
  }
}
