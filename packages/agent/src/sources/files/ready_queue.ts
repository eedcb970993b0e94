import { basename } from "node:path";
import { compareForms } from "./copies.ts";
import type { TailedFile } from "./tailed_file.ts";

/** Unread bytes from which a file counts as behind: two reads of it. */
const BEHIND_BYTES = 256 * 1024;

/**
 * The files that may have something to read, each once. Those that keep up and those that are behind take turns, and among
 * themselves the one that has waited longest comes first: what is written now does not wait for a backlog, however many
 * files it is in, and a backlog does not wait for ever.
 *
 * Files that one log was rotated into come before the log itself, the oldest first. Such a one takes the turn of the
 * newer file, which waits for its next: what is not in the queue is waited for by nobody, but where a path is held.
 */
export class ReadyQueue {
  readonly #onFilled: () => void;
  readonly #current = new Line();
  readonly #behind = new Line();
  /** What is in the lines, by the path that it is shipped under. */
  readonly #byPath = new Map<string, Set<TailedFile>>();
  /** How often a path is held, and the files that wait for its release. */
  readonly #held = new Map<string, { holds: number; readonly files: Set<TailedFile> }>();
  #turnOfBehind = false;

  /** @param onFilled called when the queue is not empty any more. */
  constructor(onFilled: () => void) {
    this.#onFilled = onFilled;
  }

  /** Files that can be taken. */
  get size(): number {
    return this.#current.size + this.#behind.size;
  }

  add(file: TailedFile): void {
    if (file.queued) return;
    file.queued = true;
    const held = this.#held.get(file.path);
    if (held === undefined) this.#enter(file);
    else held.files.add(file);
  }

  take(): TailedFile | undefined {
    const first = this.#turnOfBehind ? this.#behind : this.#current;
    const second = this.#turnOfBehind ? this.#current : this.#behind;
    this.#turnOfBehind = !this.#turnOfBehind;
    const next = first.take() ?? second.take();
    if (next === undefined) return undefined;
    const file = this.#oldestLike(next);
    this.#leave(file);
    if (file !== next) this.#lineOf(next).add(next);
    file.queued = false;
    return file;
  }

  /** Whether a file that was taken has to wait: for an older one of its path, or for the release of that. */
  mustWait(file: TailedFile): boolean {
    return this.#held.has(file.path) || this.#oldestLike(file) !== file;
  }

  /** Nothing of a path can be taken until it is released as often: what comes first of it is being looked for. */
  hold(path: string): void {
    const held = this.#held.get(path);
    if (held !== undefined) {
      held.holds += 1;
      return;
    }
    const files = new Set(this.#byPath.get(path));
    for (const file of files) this.#leave(file);
    this.#held.set(path, { holds: 1, files });
  }

  release(path: string): void {
    const held = this.#held.get(path);
    if (held === undefined) return;
    held.holds -= 1;
    if (held.holds > 0) return;
    this.#held.delete(path);
    for (const file of held.files) this.#enter(file);
  }

  clear(): void {
    this.#current.clear();
    this.#behind.clear();
    this.#byPath.clear();
    this.#held.clear();
  }

  #enter(file: TailedFile): void {
    this.#lineOf(file).add(file);
    const files = this.#byPath.get(file.path);
    if (files === undefined) this.#byPath.set(file.path, new Set([file]));
    else files.add(file);
    if (this.size === 1) this.#onFilled();
  }

  #leave(file: TailedFile): void {
    this.#current.delete(file);
    this.#behind.delete(file);
    const files = this.#byPath.get(file.path);
    files?.delete(file);
    if (files?.size === 0) this.#byPath.delete(file.path);
  }

  #lineOf(file: TailedFile): Line {
    return file.size - file.position.offset > BEHIND_BYTES ? this.#behind : this.#current;
  }

  /** The file to be read first of those with the path of another one. */
  #oldestLike(file: TailedFile): TailedFile {
    let oldest = file;
    for (const other of this.#byPath.get(file.path) ?? []) if (isOlder(other, oldest)) oldest = other;
    return oldest;
  }
}

/**
 * Whether what a file holds was written before what another one does that is shipped under the same path: the one that still
 * has the name is the newest, the others were written to their ends one after the other.
 */
function isOlder(one: TailedFile, other: TailedFile): boolean {
  const isRotated = !one.names.has(one.path);
  if (isRotated === other.names.has(other.path)) return isRotated;
  if (!isRotated) return false;
  // Of what an earlier run has left in the spool, no time is known; files get their ids in their order.
  if (one.mtimeNs === 0n || other.mtimeNs === 0n) return one.id < other.id;
  if (one.mtimeNs !== other.mtimeNs) return one.mtimeNs < other.mtimeNs;
  // Times of modification move with the ticks of the kernel's clock.
  return (compareByName(one, other) || one.seenAt - other.seenAt) < 0;
}

function compareByName(one: TailedFile, other: TailedFile): number {
  const original = basename(one.path);
  for (const name of one.names) {
    for (const another of other.names) {
      const compared = compareForms(basename(name), basename(another), original);
      if (compared !== 0) return compared;
    }
  }
  return 0;
}

/** First in, first out. */
class Line {
  readonly #files = new Set<TailedFile>();
  /** It goes on with what is added behind it; begun anew it would pass over all that was taken (V8 keeps their places). */
  #next = this.#files.values();

  get size(): number {
    return this.#files.size;
  }

  add(file: TailedFile): void {
    this.#files.add(file);
  }

  delete(file: TailedFile): void {
    this.#files.delete(file);
  }

  take(): TailedFile | undefined {
    if (this.#files.size === 0) return undefined;
    let next = this.#next.next();
    if (next.done) {
      this.#next = this.#files.values();
      next = this.#next.next();
    }
    if (next.done) return undefined;
    this.#files.delete(next.value);
    return next.value;
  }

  clear(): void {
    this.#files.clear();
  }
}
