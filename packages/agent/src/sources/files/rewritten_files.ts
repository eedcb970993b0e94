import { type BigIntStats, closeSync, fstatSync } from "node:fs";
import type { AgentEvent } from "../../telemetry/events.ts";
import { type FoundCopy, findCopy } from "./copies.ts";
import type { CopyWatch } from "./copy_watch.ts";
import type { FileNames } from "./file_names.ts";
import type { FileRecords } from "./file_records.ts";
import { endOfFile } from "./first_position.ts";
import type { HotFiles } from "./hot_files.ts";
import type { LogRoots } from "./open_log.ts";
import { BEGINNING, bornApart, hasAnchor, hasHead, inodeKey, readHead, type TailedFile } from "./tailed_file.ts";

interface RewrittenFilesOptions {
  readonly roots: LogRoots;
  /** Whether a path is to be shipped. */
  readonly includes: (path: string) => boolean;
  readonly names: FileNames;
  readonly hot: HotFiles;
  readonly records: FileRecords;
  readonly copies: CopyWatch;
  readonly emit: (event: AgentEvent) => void;
  readonly clock: () => number;
  /** A file may have something to read. */
  readonly onReady: (file: TailedFile) => void;
  /** There is no copy of what a file held. */
  readonly onNoCopy: (file: TailedFile) => void;
  /** There is a copy of what a file held, and nothing in it that was not read. */
  readonly onShortCopy: (file: TailedFile) => void;
  /** The inode number of a closed file is another file's. */
  readonly onReplaced: (file: TailedFile) => void;
}

/**
 * Files that were truncated or written anew. Where a copy of the old content exists, the copy becomes the file that was
 * followed so far, with its position and everything on its way, as if it had been renamed; the file itself begins anew.
 */
export class RewrittenFiles {
  readonly #options: RewrittenFilesOptions;

  constructor(options: RewrittenFilesOptions) {
    this.#options = options;
  }

  /** @param file one that is open. @throws a system error. */
  rewritten(file: TailedFile): void {
    const { names, hot, records, copies, roots, emit, onReady, onNoCopy } = this.#options;
    const { dev, ino, born, path, position } = file;
    const stat = fstatSync(file.fd, { bigint: true });
    const truncated = file.isTruncatedAt(Number(stat.size));
    // Of what has grown beyond its old position again, nobody can tell how much there was before.
    if (!truncated) file.size = position.offset;
    const copy = copies.take(
      file,
      findCopy(file, roots, (fd, other) => this.#isKnown(fd, other)),
    );
    const useful = copy !== undefined && this.#isUseful(copy);
    emit({ name: "file_truncated", path, offset: position.offset, recovered: useful ? copy.path : undefined });
    const itsNames = names.release(file);
    const fd = hot.release(file);
    if (copy === undefined) onNoCopy(file);
    else this.#goOn(file, copy, useful);
    const fresh = names.follow(records.create({ dev, ino, born, path, head: readHead(fd), position: BEGINNING }));
    hot.add(fresh, fd);
    for (const name of itsNames) names.attach(name, fresh);
    fresh.mtimeNs = stat.mtimeNs;
    // It was rotated away after it was truncated.
    if (!names.isIncluded(fresh)) fresh.presence = "rotated";
    records.keep(fresh);
    onReady(fresh);
  }

  /**
   * A closed file is gone. It may have been truncated before: then a file is held that is the copy of it.
   * @returns false when there is none.
   */
  gone(file: TailedFile): boolean {
    const { names, copies, emit } = this.#options;
    const copy = copies.take(file, undefined);
    if (copy === undefined) return false;
    const useful = this.#isUseful(copy);
    const { path, position } = file;
    emit({ name: "file_truncated", path, offset: position.offset, recovered: useful ? copy.path : undefined });
    names.release(file);
    this.#goOn(file, copy, useful);
    return true;
  }

  /** Whether a copy holds what a file did, and is not followed itself. */
  #isUseful({ reaches, dev, ino }: FoundCopy): boolean {
    return reaches && this.#options.names.of(inodeKey(dev, ino)) === undefined;
  }

  /** What was read of a file goes on in its copy. @param useful the copy has it; otherwise nothing in it was not read. */
  #goOn(file: TailedFile, copy: FoundCopy, useful: boolean): void {
    if (useful) return this.#becomeCopy(file, copy);
    this.#options.onShortCopy(file);
    this.#followCopy(copy, file.path);
  }

  /** Whether an open file is followed or held, and no other one that got the inode number of one that was deleted while closed. */
  #isKnown(fd: number, stat: BigIntStats): boolean {
    const { names, copies, onReplaced } = this.#options;
    const key = inodeKey(stat.dev, stat.ino);
    const known = names.of(key);
    if (known === undefined) return copies.holds(key);
    const { head, position } = known;
    if (known.fd >= 0 || !bornApart(stat.birthtimeNs, known.born)) return true;
    if (position.offset > 0 && hasHead(fd, head) && hasAnchor(fd, position)) return true;
    onReplaced(known);
    return false;
  }

  #becomeCopy(file: TailedFile, copy: FoundCopy): void {
    const { names, hot, records, clock, onReady } = this.#options;
    file.dev = copy.dev;
    file.ino = copy.ino;
    const stat = fstatSync(copy.fd, { bigint: true });
    file.born = stat.birthtimeNs;
    file.mtimeNs = stat.mtimeNs;
    file.size = copy.size;
    file.pending = 0;
    // The file may have grown behind the copy before anything of that was read.
    if (copy.size < file.head.length) file.head = readHead(copy.fd);
    file.presence = "rotated";
    file.grownAt = clock();
    records.becameCopy(file);
    names.follow(file);
    hot.add(file, copy.fd);
    names.attach(copy.path, file);
    onReady(file);
  }

  /**
   * Follows a copy that holds nothing new from its end on, so that it is known whenever it is met, also when it is rotated
   * to another name.
   */
  #followCopy(copy: FoundCopy, original: string): void {
    const { names, hot, records, includes, clock } = this.#options;
    const { fd, dev, ino, size } = copy;
    if (names.of(inodeKey(dev, ino)) !== undefined) return closeSync(fd);
    const { birthtimeNs: born, mtimeNs } = fstatSync(fd, { bigint: true });
    const path = includes(copy.path) ? copy.path : original;
    const file = names.follow(
      records.create({ dev, ino, born, path, head: readHead(fd), position: endOfFile(fd, size) }),
    );
    file.size = size;
    file.mtimeNs = mtimeNs;
    file.presence = "rotated";
    file.grownAt = clock();
    hot.add(file, fd);
    names.attach(copy.path, file);
    records.keep(file);
  }
}
