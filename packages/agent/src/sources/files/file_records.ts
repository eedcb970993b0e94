import type { KnownFile, NewFile, StateStore } from "../../state/state_store.ts";
import type { AgentEvent } from "../../telemetry/events.ts";
import { RESTORED_DEVICE } from "./earlier_files.ts";
import { TailedFile } from "./tailed_file.ts";

/** What the state is told of the files. State that cannot be written costs repeats after a crash: reading goes on. */
export class FileRecords {
  readonly #state: StateStore;
  readonly #emit: (event: AgentEvent) => void;
  /** Files whose checkpoint is ahead of the state. */
  readonly #moved = new Set<TailedFile>();
  /** Files that were found in the first scan, which are written as one; undefined after it. */
  #unsaved: TailedFile[] | undefined = [];

  readonly #wallClock: () => number;

  /** Files of which nothing more is to be read, but something is on its way that could be read again after a crash. */
  readonly #leaving = new Set<TailedFile>();

  /** Files that were added in a transaction that has not ended. */
  readonly #added = new Set<TailedFile>();

  /** @param wallClock in milliseconds since the epoch. */
  constructor(state: StateStore, emit: (event: AgentEvent) => void, wallClock: () => number) {
    this.#state = state;
    this.#wallClock = wallClock;
    this.#emit = emit;
  }

  /** A file whose acknowledgements are noted here. */
  create(init: Omit<ConstructorParameters<typeof TailedFile>[0], "onAcknowledged">): TailedFile {
    return new TailedFile({
      ...init,
      onAcknowledged: (file) => {
        if (file.inFlight === 0 && this.#leaving.delete(file)) this.abandon(file);
        else this.changed(file);
      },
    });
  }

  /** Keeps a file that the state does not know. */
  keep(file: TailedFile): void {
    if (this.#unsaved === undefined) this.#write("note a file", () => this.#add(file));
    else this.#unsaved.push(file);
  }

  /** Ends the first scan: what was found is written. */
  scanned(): void {
    const unsaved = this.#unsaved ?? [];
    this.#unsaved = undefined;
    this.#write("note the files", () => {
      this.#state.transaction(() => {
        for (const file of unsaved) if (!file.abandoned) this.#addWithin(file);
      });
      this.#added.clear();
    });
    this.#takeBack();
  }

  /** The state is behind what is known of a file: the next checkpoints tell it. */
  changed(file: TailedFile): void {
    if (!file.abandoned) this.#moved.add(file);
  }

  /** Writes the checkpoints that have moved. @throws an error of the state. */
  saveCheckpoints(): void {
    this.#takeBack();
    for (const file of this.#moved) {
      if (file.id !== 0) this.#save(file);
      // It could not be noted when it was found.
      else if (!file.abandoned) this.#addWithin(file);
    }
  }

  /** They are in the state for good. */
  checkpointsSaved(): void {
    this.#added.clear();
    this.#moved.clear();
  }

  /** Writes them at once: what was acknowledged is about to be removed, and must not be looked for after a crash. */
  saveNow(): void {
    if (this.#moved.size === 0) return;
    this.#write("save a checkpoint", () => {
      this.#state.transaction(() => this.saveCheckpoints());
      this.checkpointsSaved();
    });
  }

  /**
   * The first bytes of a file were read, or more of them. By them it is known to the next run if this one ends before
   * any of it is acknowledged.
   */
  headRead(file: TailedFile): void {
    const { id, checkpoint } = file;
    if (id === 0 || checkpoint.offset > 0) return this.changed(file);
    this.#write("note the beginning of a file", () => this.#save(file));
  }

  /** The file is to be found under the inode that it has now. */
  becameCopy(file: TailedFile): void {
    const { id, dev, ino, born } = file;
    if (id !== 0) this.#write("note a copy", () => this.#state.moveFile(id, dev, ino, born));
  }

  /** The inode number of a file of an earlier run is another file's: its record makes room for that. */
  setAside({ id }: KnownFile): void {
    this.#write("note a replaced file", () => this.#state.moveFile(id, RESTORED_DEVICE, BigInt(id)));
  }

  /** A file was deleted, and goes to the spool; it has an id in the state. @throws an error of the state. */
  beginSpool(file: TailedFile, size: number): void {
    if (file.id === 0) this.#add(file);
    this.#state.beginSpool(file.id, size);
  }

  /**
   * Nothing more is to be read of a file. What is on its way and not acknowledged can be restored once more if this run
   * ends: then the file is kept until it is.
   */
  leave(file: TailedFile): void {
    if (file.id === 0 || file.dev !== RESTORED_DEVICE || file.inFlight === 0) return this.abandon(file);
    this.#leaving.add(file);
    const { path, head } = file;
    this.#write("note what was read of a file", () =>
      this.#state.finish({ path, headLength: head.length, headCrc: head.crc }, this.#wallClock()),
    );
  }

  /**
   * What was read of a file is acknowledged to nobody any more, also while lines of it are on their way: nobody could read
   * them again, and its inode may be another file's soon.
   */
  abandon(file: TailedFile): void {
    const { id, path, head } = file;
    file.id = 0;
    file.abandoned = true;
    if (id !== 0) this.#remove({ id, path, headLength: head.length, headCrc: head.crc });
  }

  /** @param moved its record was moved to another inode, and goes back. */
  missing(known: KnownFile, moved: boolean): void {
    const { id, dev, ino, born, missingSince } = known;
    this.#write("note a missing file", () => {
      if (moved) this.#state.moveFile(id, dev, ino, born);
      this.#state.setMissing(id, missingSince);
    });
  }

  /** A file of an earlier run will not come back. */
  forget(known: KnownFile): void {
    this.#remove(known);
  }

  #addWithin(file: TailedFile): void {
    this.#add(file);
    this.#added.add(file);
  }

  /** The last transaction was not committed, as on a full disk: what was added in it has no place in the state. */
  #takeBack(): void {
    for (const file of this.#added) {
      file.id = 0;
      this.#moved.add(file);
    }
    this.#added.clear();
  }

  #add(file: TailedFile): void {
    file.id = this.#state.addFile(recordOf(file));
    file.headNoted = file.head.length;
  }

  #save(file: TailedFile): void {
    const { id, head, checkpoint } = file;
    this.#state.saveCheckpoint({ id, headLength: head.length, headCrc: head.crc, checkpoint });
    file.headNoted = head.length;
  }

  #remove(known: Pick<KnownFile, "id" | "path" | "headLength" | "headCrc">): void {
    this.#write("forget a file", () => {
      this.#state.removeFile(known.id);
      if (known.headLength > 0) this.#state.finish(known, this.#wallClock());
    });
  }

  #write(attempt: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#emit({ name: "checkpoint_failed", attempt, reason: error instanceof Error ? error.message : "" });
    }
  }
}

/** What the state keeps of a file. */
export function recordOf(file: TailedFile): NewFile {
  return {
    dev: file.dev,
    ino: file.ino,
    born: file.born,
    path: file.path,
    headLength: file.head.length,
    headCrc: file.head.crc,
    checkpoint: file.checkpoint,
  };
}
