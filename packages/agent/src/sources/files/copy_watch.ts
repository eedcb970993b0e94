import { closeSync, fstatSync } from "node:fs";
import { type FoundCopy, isCopyOf } from "./copies.ts";
import { hasHead, type TailedFile } from "./tailed_file.ts";

/** How long a new file that may be a copy is held back before it counts as a file of its own. */
const DECIDE_MS = 5000;

interface Suspect {
  readonly path: string;
  readonly fd: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly original: TailedFile;
  readonly since: number;
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
  add(suspect: Suspect): void {
    this.#release(suspect.path);
    this.#suspects.set(suspect.path, suspect);
  }

  /**
   * The copy of a file that was found truncated; the caller owns its descriptor then. A copy that ends before the
   * position of the original holds nothing that was not read, but is one all the same.
   */
  take(original: TailedFile): FoundCopy | undefined {
    for (const suspect of this.#suspects.values()) {
      if (suspect.original !== original || original.head.length === 0) continue;
      const size = Number(fstatSync(suspect.fd, { bigint: true }).size);
      const shorter = size < original.position.offset && size >= original.head.length && matches(suspect);
      if (!shorter && !isCopyOf(suspect.fd, size, original)) continue;
      this.#suspects.delete(suspect.path);
      return { fd: suspect.fd, path: suspect.path, dev: suspect.dev, ino: suspect.ino, size };
    }
    return undefined;
  }

  /** The paths of files that have turned out not to be copies, or for which no truncation followed; forgotten here. */
  decided(now: number): string[] {
    const paths: string[] = [];
    for (const suspect of this.#suspects.values()) {
      const size = Number(fstatSync(suspect.fd, { bigint: true }).size);
      const differs = size >= suspect.original.head.length && !matches(suspect);
      if (differs || now - suspect.since > DECIDE_MS) {
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

function matches(suspect: Suspect): boolean {
  try {
    return hasHead(suspect.fd, suspect.original.head);
  } catch {
    return false;
  }
}
