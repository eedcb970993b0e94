import { Buffer } from "node:buffer";
import type { Chunk, ChunkSource, SentRange } from "../chunk.ts";
import type { OwnFields } from "../lines/fields/line_fields.ts";
import type { AgentEvent } from "../telemetry/events.ts";

/** A line of no file. */
export interface PushedLine {
  readonly text: string;
  /** What rules on paths and messages know it by. */
  readonly path: string;
  readonly own: OwnFields;
  /** Called when it is safe at its destination, or given up and counted, and so are all before it. */
  readonly onSafe?: () => void;
}

export interface PushedLinesOptions {
  readonly emit: (event: AgentEvent) => void;
  /** There is something to read. */
  readonly onReady: () => void;
}

/** Bytes that wait to be read, beyond which whoever pushes waits, too. */
const MAX_WAITING_BYTES = 256 * 1024;
/** Lines that were read and are not safe yet, at most. */
const MAX_UNSAFE = 10_000;

interface Held {
  readonly line: PushedLine;
  readonly start: number;
  readonly end: number;
}

/**
 * Lines that come from no file, as chunks: bounded, in their order, and accounted for like the bytes of a file. Nothing of them is on
 * disk; where they can be asked for again, that is the matter of who pushes them.
 */
export class PushedLines implements ChunkSource {
  readonly id = 0;
  readonly #options: PushedLinesOptions;
  #waiting: Held[] = [];
  #waitingBytes = 0;
  /** What was read, until it is safe, in order. */
  #unsafe: Held[] = [];
  #end = 0;
  /** Everything before it is safe. */
  #safe = 0;
  /** Ranges beyond it that are safe, by where they begin. */
  readonly #ahead = new Map<number, number>();
  #room: PromiseWithResolvers<void> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: PushedLinesOptions) {
    this.#options = options;
  }

  get hasReady(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves when there is room for more. */
  push(line: PushedLine): Promise<void> {
    const bytes = Buffer.byteLength(line.text) + 1;
    this.#waiting.push({ line, start: this.#end, end: this.#end + bytes });
    this.#end += bytes;
    this.#waitingBytes += bytes;
    if (this.#waiting.length === 1) this.#options.onReady();
    return this.#hasRoom ? Promise.resolve() : this.room();
  }

  /** Resolves when there is room. */
  room(): Promise<void> {
    if (this.#hasRoom) return Promise.resolve();
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  /** Everything that was pushed is safe. */
  get isSafe(): boolean {
    return this.#waiting.length === 0 && this.#unsafe.length === 0;
  }

  /** Resolves when everything that was pushed is safe. */
  safe(): Promise<void> {
    if (this.isSafe) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  /** Forgets what was not read yet: it is asked for again, by somebody else. */
  clear(): void {
    const [first] = this.#waiting;
    if (first !== undefined) this.#end = first.start;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#tellRoom();
  }

  next(): Chunk | undefined {
    const held = this.#waiting.shift();
    if (held === undefined) return undefined;
    const bytes = Buffer.from(`${held.line.text}\n`);
    this.#waitingBytes -= bytes.length;
    this.#unsafe.push(held);
    this.#tellRoom();
    const { path, own } = held.line;
    this.#options.emit({ name: "chunk_read", bytes: bytes.length });
    return {
      ...{ bytes, start: held.start, file: path, own, readAt: Date.now(), source: this },
      pieces: [{ kind: "lines", from: 0, to: bytes.length }],
      positionAfter: (length) => positionAt(held.start + length),
    };
  }

  sent(start: number, to: { readonly offset: number }): SentRange {
    let end = to.offset;
    let settled = false;
    const safe = (): void => this.#markSafe(start, end);
    return {
      fileId: undefined,
      start,
      get end() {
        return end;
      },
      get lineStart() {
        return end;
      },
      get settled() {
        return settled;
      },
      extend: (further) => {
        end = further.offset;
      },
      acknowledge: () => {
        settled = true;
        safe();
      },
    };
  }

  get #hasRoom(): boolean {
    return this.#waitingBytes < MAX_WAITING_BYTES && this.#unsafe.length < MAX_UNSAFE;
  }

  #markSafe(start: number, end: number): void {
    this.#ahead.set(start, end);
    for (let to = this.#ahead.get(this.#safe); to !== undefined; to = this.#ahead.get(this.#safe)) {
      this.#ahead.delete(this.#safe);
      this.#safe = to;
    }
    let done = 0;
    for (const { end: lineEnd, line } of this.#unsafe) {
      if (lineEnd > this.#safe) break;
      line.onSafe?.();
      done += 1;
    }
    this.#unsafe.splice(0, done);
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (this.#hasRoom) {
      this.#room?.resolve();
      this.#room = undefined;
    }
    if (!this.isSafe) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}

function positionAt(offset: number): ReturnType<Chunk["positionAfter"]> {
  return { offset, anchor: new Uint8Array(0), lineStart: offset, part: 0 };
}
