import { BatchIds } from "./batch/batch_ids.ts";
import { type Batch, type BatchBytes, Batcher, type BatcherOptions, bytesOf } from "./batch/batcher.ts";
import type { BodyFormat } from "./batch/body_format.ts";
import type { BodyEncoder } from "./batch/encoder.ts";
import type { Chunk } from "./chunk.ts";
import type { BackoffOptions } from "./delivery/backoff.ts";
import { Deliverer, type Refused, type RenewableKey, type Sender } from "./delivery/deliverer.ts";
import type { RefusedLine } from "./delivery/quarantine.ts";
import type { StateStore, StoredBatch } from "./state/state_store.ts";
import type { AgentEvent } from "./telemetry/events.ts";

/** What gives chunks when asked. */
interface ChunkQueue {
  readonly hasReady: boolean;
  next(): Chunk | undefined;
  /** Writes the checkpoints that acknowledgements have moved to the state, within the caller's transaction. */
  saveCheckpoints(): void;
  /** That transaction was committed: they need not be written again. */
  checkpointsSaved(): void;
}

/** What changes or leaves out lines before they are put into bodies; see `CompiledLineRules`. */
interface ChunkRules {
  readonly hasLimits: boolean;
  apply(chunk: Chunk): Chunk;
  notes(isLast?: boolean): Chunk[];
}

export interface PipelineOptions {
  readonly queue: ChunkQueue;
  /** The rules for lines; undefined where there are none. */
  readonly rules?: ChunkRules | undefined;
  readonly encoder: BodyEncoder;
  /** The format that it encodes; that of the LogDNA protocol where none is given. */
  readonly format?: BodyFormat;
  /** See `BatcherOptions`. */
  readonly fieldsOf?: BatcherOptions["fieldsOf"];
  readonly sender: Sender;
  readonly state: Pick<StateStore, "addBatch" | "removeBatch" | "transaction">;
  readonly emit: (event: AgentEvent) => void;
  readonly maxInFlight: number;
  /** A line waits for others at most this long, in milliseconds. */
  readonly flushMs: number;
  readonly backoff: BackoffOptions;
  readonly slowRetryMs: number;
  readonly trialMs: number;
  /** Keeps lines that the server refuses for good. */
  readonly setAside: (refused: readonly RefusedLine[]) => void;
  readonly key: RenewableKey;
}

/** Time that reading and encoding may take before other work gets its turn, in milliseconds. */
const TURN_MS = 8;
/**
 * Time between two flushes of bodies that are not full. With few of them a lone line leaves almost at once; from about 25 a
 * second on, lines are collected, because each request costs about 0.5 ms of CPU whatever its size.
 */
const FLUSH_GAP_MS = { calm: 2, busy: 100 } as const;
const CALM_FLUSHES_PER_SECOND = 25;

/**
 * How long an acknowledgement may wait to be written to the state, in milliseconds. The next batch that is noted takes it along: two
 * transactions cost twice as much as one. Until then a crash repeats the batch, under its id.
 */
const SAVE_MS = 500;
/** So many do not wait: the window alone is to bound what a crash repeats. */
const SAVE_BATCHES = 2;

/** How often files are looked for of which lines were dropped, and which have nothing to say that with. */
const NOTES_MS = 1000;

/** How many times as many batches may be acknowledged before an earlier one while a refused line waits in one. */
const AHEAD_OF_HELD = 4;

/**
 * The flow from chunks to acknowledgements. Everything is pulled: chunks are read only while delivery has room, so when
 * it slows down, reading slows down, and nothing is queued without a bound.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #batcher: Batcher;
  readonly #deliverer: Deliverer;
  readonly #ids: BatchIds;
  #pumping = false;
  #stopped = false;
  #ended = false;
  #flushTimer: NodeJS.Timeout | undefined;
  readonly #notesTimer: NodeJS.Timeout | undefined;
  #openedAt = 0;
  /** When the last flushes happened, a ring of as many as a calm second has. */
  readonly #flushes = new Float64Array(CALM_FLUSHES_PER_SECOND).fill(-1e9);
  #flushCount = 0;
  /**
   * Batches that were acknowledged before an earlier one of the same file. The state keeps them until the checkpoint has
   * passed them: after a crash their lines are sent again, and must go under the id that they went under before.
   */
  readonly #ahead = new Set<Batch>();
  /** Batches that were given out and are not settled. */
  readonly #unsettled = new Set<Batch>();
  /** Ids of batches that the state has, and that are not settled. What it could not be told of is not among them. */
  readonly #noted = new Set<string>();
  /** Ids of batches that the checkpoints have passed, and that the state still has. */
  readonly #passed = new Set<string>();
  /** The state does not know yet what was acknowledged. */
  #unsaved = false;
  #saveTimer: NodeJS.Timeout | undefined;
  /** The id that the next batch must have: it repeats one of an earlier run. */
  #repeated: string | undefined;

  /** @param newest the newest batch id of an earlier run. */
  constructor(options: PipelineOptions, newest: string | undefined) {
    this.#options = options;
    this.#ids = new BatchIds(newest);
    this.#batcher = new Batcher({
      encoder: options.encoder,
      nextId: () => this.#ids.next(),
      onBatch: (batch) => this.#send(batch),
      emit: options.emit,
      fieldsOf: options.fieldsOf,
    });
    this.#deliverer = new Deliverer({
      ...options,
      onSettled: (batch, refused) => this.#settled(batch, refused),
      onRoom: () => this.wake(),
    });
    if (options.rules?.hasLimits === true)
      this.#notesTimer = setInterval(() => this.#addNotes(false), NOTES_MS).unref();
  }

  /** Batches under way. */
  get inFlight(): number {
    return this.#deliverer.inFlight;
  }

  /** Bytes that were read of which nobody knows yet what becomes of them. */
  get bytesInFlight(): number {
    // What was under way at the end is told as given back.
    if (this.#ended) return 0;
    let bytes = this.#batcher.bytes;
    for (const { ranges } of this.#unsettled) bytes += bytesOf(ranges);
    return bytes;
  }

  /** There may be something to read. */
  wake(): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    setImmediate(() => this.#pump());
  }

  /**
   * Sends a batch of an earlier run again, under its id and with the same lines, so that a server that has it already
   * stores nothing twice. Call before anything else is read.
   */
  repeat(stored: StoredBatch, chunks: Iterable<Chunk>): void {
    this.#repeated = stored.id;
    for (const chunk of chunks) this.#add(chunk);
    // Of a batch whose files are gone nothing can be sent again.
    if (this.#batcher.empty) this.#write("forget a batch", () => this.#options.state.removeBatch(stored.id));
    else this.#batcher.flush(stored.id);
    this.#repeated = undefined;
  }

  /**
   * Reads what fits into the window, sends it and waits for the answers.
   * @returns whether everything that was read was acknowledged within `timeoutMs`.
   */
  async finish(timeoutMs: number): Promise<boolean> {
    this.#stopped = true;
    clearTimeout(this.#flushTimer);
    clearInterval(this.#notesTimer);
    const until = performance.now() + timeoutMs / 2;
    while (this.#hasRoom && performance.now() < until) {
      const chunk = this.#options.queue.next();
      if (chunk === undefined) break;
      this.#add(chunk);
    }
    this.#addNotes(true);
    this.#flush();
    try {
      await this.#deliverer.drained(AbortSignal.timeout(timeoutMs));
      return true;
    } catch {
      return false;
    } finally {
      this.#deliverer.stop();
      this.#save();
      const bytes = this.bytesInFlight;
      this.#ended = true;
      if (bytes > 0) this.#options.emit({ name: "read_given_back", bytes });
    }
  }

  /**
   * Batches that were acknowledged before an earlier one count as well: after a crash they come again, and one slow answer
   * must not make them many.
   */
  get #hasRoom(): boolean {
    const { hasRoom, holds, wantsWitness } = this.#deliverer;
    // A line that is refused must not hold up the others, and without others it is not known what to do with it.
    const mayBeAhead = this.#options.maxInFlight * (holds ? AHEAD_OF_HELD : 1);
    return hasRoom && (this.#ahead.size < mayBeAhead || wantsWitness);
  }

  #pump(): void {
    this.#pumping = false;
    if (this.#stopped) return;
    const until = performance.now() + TURN_MS;
    while (this.#hasRoom) {
      const chunk = this.#options.queue.next();
      if (chunk === undefined) break;
      if (this.#batcher.empty) this.#openedAt = performance.now();
      this.#add(chunk);
      if (performance.now() > until) break;
    }
    if (this.#hasRoom && this.#options.queue.hasReady) this.wake();
    else this.#planFlush();
  }

  #add(chunk: Chunk): void {
    this.#batcher.add(this.#options.rules?.apply(chunk) ?? chunk);
  }

  /** Adds lines that tell what was dropped. They are no part of any file, so they wait for nothing but room. */
  #addNotes(isLast: boolean): void {
    const { rules } = this.#options;
    if (rules === undefined || (!isLast && !this.#hasRoom)) return;
    if (this.#batcher.empty) this.#openedAt = performance.now();
    for (const note of rules.notes(isLast)) this.#batcher.add(note);
    this.#planFlush();
  }

  /** Decides when a body that is not full leaves. */
  #planFlush(): void {
    if (this.#batcher.empty || this.#stopped) return;
    clearTimeout(this.#flushTimer);
    const now = performance.now();
    const latest = this.#openedAt + this.#options.flushMs;
    // With a request under way, lines are collected until its answer comes: that adapts to the server by itself.
    const at = this.#deliverer.atWork > 0 ? latest : Math.min(latest, this.#lastFlush() + this.#flushGap(now));
    if (at <= now && this.#hasRoom) this.#flush();
    else if (this.#hasRoom) this.#flushTimer = setTimeout(() => this.#planFlush(), Math.max(1, at - now));
  }

  #flush(): void {
    if (this.#batcher.empty) return;
    this.#flushes[this.#flushCount % CALM_FLUSHES_PER_SECOND] = performance.now();
    this.#flushCount += 1;
    this.#batcher.flush();
  }

  #lastFlush(): number {
    return this.#flushes[(this.#flushCount + CALM_FLUSHES_PER_SECOND - 1) % CALM_FLUSHES_PER_SECOND] ?? 0;
  }

  #flushGap(now: number): number {
    const oldest = this.#flushes[this.#flushCount % CALM_FLUSHES_PER_SECOND] ?? 0;
    return now - oldest > 1000 ? FLUSH_GAP_MS.calm : FLUSH_GAP_MS.busy;
  }

  #send(batch: Batch): void {
    this.#unsettled.add(batch);
    if (batch.lines === 0) {
      // Nothing but empty or dropped lines: there is nothing to send.
      this.#settled(batch, { lines: 0, bytes: 0 });
      return;
    }
    const repeated = batch.id === this.#repeated;
    const ranges = batch.ranges.flatMap(({ fileId, start, end, lineStart }) =>
      fileId === undefined || fileId === 0 ? [] : [{ fileId, start, end, lineStart }],
    );
    if (repeated) this.#noted.add(batch.id);
    else
      this.#write("note a batch", () => {
        this.#transaction(() => this.#options.state.addBatch({ id: batch.id, ranges }));
        this.#noted.add(batch.id);
      });
    this.#deliverer.submit(batch, repeated);
  }

  #settled(batch: Batch, refused: Refused): void {
    this.#unsettled.delete(batch);
    for (const range of batch.ranges) range.acknowledge();
    this.#ahead.add(batch);
    for (const done of [...this.#ahead].filter(({ ranges }) => ranges.every(({ settled }) => settled))) {
      this.#ahead.delete(done);
      if (this.#noted.delete(done.id)) this.#passed.add(done.id);
    }
    this.#unsaved = true;
    if (this.#ended || this.#passed.size >= SAVE_BATCHES) this.#save();
    else this.#saveTimer ??= setTimeout(() => this.#save(), SAVE_MS);
    this.#options.emit({
      name: "batch_settled",
      ...withRefused(batch, refused),
      ...batch.leftOut,
      lines: batch.lines - refused.lines,
      refused: refused.lines,
    });
    this.wake();
    if (!this.#stopped) this.#planFlush();
  }

  #save(): void {
    if (this.#unsaved) this.#write("save a checkpoint", () => this.#transaction(() => undefined));
  }

  /** Writes to the state, and with it what was acknowledged since. */
  #transaction(write: () => void): void {
    const { state, queue } = this.#options;
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    if (!this.#unsaved) return state.transaction(write);
    state.transaction(() => {
      write();
      queue.saveCheckpoints();
      for (const id of this.#passed) state.removeBatch(id);
    });
    queue.checkpointsSaved();
    this.#passed.clear();
    this.#unsaved = false;
  }

  /** State that cannot be written costs repeats after a crash and nothing else: shipping goes on. */
  #write(attempt: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#options.emit({ name: "checkpoint_failed", attempt, reason: error instanceof Error ? error.message : "" });
    }
  }
}

/** Bytes of a batch, those of refused lines with the dropped ones. Their texts tell them but for the kind of line end. */
function withRefused({ lines, bytes }: Batch, refused: Refused): BatchBytes {
  const moved = refused.lines === lines ? bytes.shipped : Math.min(refused.bytes, bytes.shipped);
  return { ...bytes, shipped: bytes.shipped - moved, dropped: bytes.dropped + moved };
}
