import type { Chunk } from "../../chunk.ts";
import type { LineLimits } from "../../lines/pieces.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import { ChunkReader, type PerPath, type ReadOutcome } from "./chunk_reader.ts";
import { isComplete, isOver } from "./draining.ts";
import type { HotFiles } from "./hot_files.ts";
import type { ReadyQueue } from "./ready_queue.ts";
import { HEAD_BYTES, hasHead, readHead, type TailedFile } from "./tailed_file.ts";

interface ChunkQueueOptions {
  readonly limits: LineLimits;
  /** What counts for files of a path. */
  readonly perPath?: PerPath;
  readonly ready: ReadyQueue;
  readonly hot: HotFiles;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** Wall clock, in milliseconds since the epoch. */
  readonly wallClock: () => number;
  /** A file is to be read for the first time: what is older of its log is to be put into the queue. */
  readonly onFirst: (file: TailedFile) => void;
  /** A file was truncated or written anew. */
  readonly onRewritten: (file: TailedFile) => void;
  /** The first bytes of a file were read, or more of them. */
  readonly onHead: (file: TailedFile) => void;
  /** A file may have more to read. */
  readonly onReady: (file: TailedFile) => void;
  /** Whether nothing of a path is to be read before `release` is called, once; not asked again for a path that need not wait. */
  readonly waits?: ((path: string, release: () => void) => boolean) | undefined;
  /** It is the turn of a file that cannot be opened by a name. */
  readonly onClosed: (file: TailedFile) => void;
  /** What was unpacked of a file was read. */
  readonly onUnpackedRead: (file: TailedFile) => void;
  /** A file gave lines that may go on, and is to be read again when they have not, after so many milliseconds. */
  readonly onHeld: (ms: number) => void;
}

/** Reads the files that may have something to read, in turn. */
export class ChunkQueue {
  readonly #options: ChunkQueueOptions;
  readonly #reader: ChunkReader;

  constructor(options: ChunkQueueOptions) {
    this.#options = options;
    this.#reader = new ChunkReader(options.limits, options.wallClock, options.perPath);
  }

  /**
   * The next chunk, of the file that has waited longest; undefined when nothing can be read now.
   * A file gives one chunk at a time and goes to the end of the queue, so that one backlog does not hold up the others.
   */
  next(): Chunk | undefined {
    const { ready, hot } = this.#options;
    for (let file = ready.take(); file !== undefined; file = ready.take()) {
      if (!hot.open(file)) {
        this.#options.onClosed(file);
        continue;
      }
      try {
        if (this.#isHeldBack(file) || !this.#mayRead(file)) continue;
        const chunk = this.#read(file);
        if (chunk !== undefined) return chunk;
      } catch (error) {
        hot.fail(file, error);
      }
    }
    return undefined;
  }

  /**
   * Reads a range of a file again, from the file's position on, as the pieces that it was read as before.
   * @returns undefined when it cannot be read any more.
   */
  readAgain(file: TailedFile, range: { readonly end: number; readonly lineStart: number }): Chunk | undefined {
    const { hot } = this.#options;
    if (!hot.open(file)) return undefined;
    try {
      return this.#chunkOf(this.#reader.readAgain(file, range.end, range.lineStart));
    } catch (error) {
      hot.unreadable(file, error);
      return undefined;
    }
  }

  /** A file that waits is open, so that it is not lost when its name goes. */
  #isHeldBack(file: TailedFile): boolean {
    const { ready, waits } = this.#options;
    const { path } = file;
    if (waits?.(path, () => ready.release(path)) !== true) return false;
    ready.hold(path);
    ready.add(file);
    return true;
  }

  /** Nothing of a file is read before what is older of its log was looked for, and that is read first. */
  #mayRead(file: TailedFile): boolean {
    const { ready, onFirst, onReady } = this.#options;
    if (file.olderMet) return true;
    if (file.head.length === 0 && isWhole(file)) {
      file.head = readHead(file.fd);
      if (file.head.length === 0) return false;
      // Many may come at once: their directory is listed once, after the first bytes of all of them were seen.
      if (ready.size > 0) {
        onReady(file);
        return false;
      }
    }
    onFirst(file);
    if (file.queued || file.fd < 0) return false;
    if (!ready.mustWait(file)) return true;
    onReady(file);
    return false;
  }

  #read(file: TailedFile): Chunk | undefined {
    const { clock, perPath, onReady, onRewritten, onUnpackedRead } = this.#options;
    const now = clock();
    const complete = isComplete(file, now);
    // Before its first chunk nothing else tells that it was written anew.
    const begins = file.position.offset === 0 && isWhole(file);
    if (begins || !file.verified) file.verified = hasHead(file.fd, file.head);
    const outcome: ReadOutcome = file.verified
      ? this.#reader.read(file, complete, isOver(file, now))
      : { kind: "rewritten" };
    const isNew = outcome.kind === "chunk" || (outcome.kind === "nothing" && outcome.grown);
    if (isNew && file.held) {
      const ms = perPath?.joinerFor?.(file.path)?.timeout ?? 0;
      file.heldUntil = now + ms;
      this.#options.onHeld(ms);
    }
    switch (outcome.kind) {
      case "rewritten":
        onRewritten(file);
        break;
      case "nothing":
        if (outcome.grown) file.gave(clock());
        if (file.unpacked !== undefined) onUnpackedRead(file);
        else if (file.held) this.#makeRoom(file);
        break;
      case "chunk":
        if (file.head.length < HEAD_BYTES && isWhole(file)) file.head = readHead(file.fd);
        // Should this run end before it is acknowledged, the file is known by it.
        if (file.head.length !== file.headNoted) this.#options.onHead(file);
        file.gave(clock());
        if (outcome.more) onReady(file);
        else if (file.unpacked !== undefined) onUnpackedRead(file);
        else this.#makeRoom(file);
    }
    return this.#chunkOf(outcome);
  }

  /** Closes a file that was read, when too many are open. What may go on is to be read in time, which no event would tell. */
  #makeRoom(file: TailedFile): void {
    const { hot } = this.#options;
    if (!hot.tooMany || file.presence !== "present") return;
    if (file.held) hot.putOff(file);
    else hot.close(file);
  }

  #chunkOf(outcome: ReadOutcome): Chunk | undefined {
    if (outcome.kind !== "chunk") return undefined;
    this.#options.emit({ name: "chunk_read", bytes: outcome.chunk.bytes.length });
    return outcome.chunk;
  }
}

/** Whether an open file is itself, from its beginning, and not what was restored of one. */
function isWhole({ restored, unpacked }: TailedFile): boolean {
  return !restored && unpacked === undefined;
}
