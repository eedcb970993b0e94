import type { BigIntStats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { stemOf } from "./compressed.ts";
import { compareForms, isRotationOf, namesIn, withoutExtension } from "./copies.ts";
import type { FileNames } from "./file_names.ts";
import type { HotFiles } from "./hot_files.ts";
import { statOf } from "./stat_of.ts";
import { inodeKey, moment, type TailedFile } from "./tailed_file.ts";

interface OlderFilesOptions {
  readonly names: FileNames;
  readonly hot: HotFiles;
  readonly clock: () => number;
  /** A name is what no event has told of yet. */
  readonly meet: (path: string) => void;
  /** Sees whether the files of a log still hold what they held. */
  readonly checkContents: (path: string) => void;
  /** A file may have something to read. */
  readonly onReady: (file: TailedFile) => void;
}

/** A name that a log was rotated to, as it is on the disk. */
interface Form {
  readonly path: string;
  /** Without the extension of a compressor. */
  readonly stem: string;
  readonly stat: BigIntStats;
}

interface Listing {
  /** The moment of it. */
  readonly at: number;
  /** When the entries of the directory had last changed then, in nanoseconds since the epoch. */
  readonly changed: bigint;
  /** In the order of their code units, so that those with a common beginning stand together. */
  readonly names: readonly string[];
}

/** Directories whose names are remembered. */
const MAX_DIRECTORIES = 100;

/**
 * Finds what is older than a file of the same log, before anything of that file is read.
 *
 * Events tell of rotations after they happened, much later where the agent stood still, and a poll may come before them. So
 * they cannot tell what to read first; the disk can. Whatever is older than what a file holds was there, under a name
 * that rotation gives, before the file held that: a listing that was made after it was seen there has it.
 */
export class OlderFiles {
  readonly #options: OlderFilesOptions;
  readonly #listings = new Map<string, Listing>();

  constructor(options: OlderFilesOptions) {
    this.#options = options;
  }

  /**
   * Meets everything that the log of a file was rotated into and that is not known yet, under the names that it has now, and
   * puts what is unread of it into the queue.
   * @param file an open one, whose first bytes are known.
   */
  meet(file: TailedFile): void {
    const { names } = this.#options;
    const { path } = file;
    const listing = this.#listingFor(file);
    const forms = formsOf(path, listing);
    // Most logs were never rotated.
    if (forms.length > 0 || names.shippedAs(path).length > 1) this.#meetAll(path, forms, file);
    // What comes into an empty file comes later.
    for (const other of names.shippedAs(path))
      if (other.head.length > 0 && other.seenAt < listing.at) other.olderMet = true;
    file.olderMet = true;
  }

  #meetAll(path: string, forms: readonly Form[], file: TailedFile): void {
    const { names, meet, checkContents } = this.#options;
    for (const form of forms) {
      const known = names.of(keyOf(form));
      if (known !== undefined && names.at(form.path) !== known) meet(form.path);
    }
    // A truncated file gives what it held to its copy, which is known by that.
    checkContents(path);
    for (const form of forms) if (names.of(keyOf(form)) === undefined) meet(form.path);
    for (const other of names.shippedAs(path)) this.#look(other, other !== file);
  }

  /** Sees what a file is now; one that has something unread goes into the queue, where it `waits` for that. */
  #look(file: TailedFile, waits: boolean): void {
    const { names, clock, onReady } = this.#options;
    if (file.restored || file.unpacked !== undefined) return;
    names.refresh(file, "deleted");
    const stat = file.fd < 0 ? firstStat(file.names) : statOf(file.fd);
    if (stat === undefined) return;
    const size = Number(stat.size);
    const isChanged = file.fd < 0 && (size !== file.size || stat.mtimeNs !== file.mtimeNs);
    file.sees(size, clock());
    file.mtimeNs = stat.mtimeNs;
    if (waits && (isChanged || size > file.position.offset + file.pending)) onReady(file);
  }

  /** What is in the directory of a file: many files that come at once share a listing. */
  #listingFor({ path, seenAt }: TailedFile): Listing {
    const directory = dirname(path);
    const known = this.#listings.get(directory);
    const changed = statOf(directory)?.mtimeNs ?? 0n;
    if (known !== undefined && known.at > seenAt && known.changed === changed) return known;
    if (this.#listings.size >= MAX_DIRECTORIES) this.#listings.clear();
    const listing = { at: moment(), changed, names: namesIn(directory).sort() };
    this.#listings.set(directory, listing);
    return listing;
  }
}

/** The rotated forms of a log, the oldest first. */
function formsOf(path: string, listing: Listing): Form[] {
  const original = basename(path);
  const forms: Form[] = [];
  const beginning = withoutExtension(original);
  const names = [".", "-"].flatMap((separator) => [...beginningWith(beginning + separator, listing.names)]);
  for (const name of names) {
    const stem = stemOf(name) ?? name;
    if (!isRotationOf(stem, original)) continue;
    const form = join(dirname(path), name);
    const stat = statOf(form);
    if (stat?.isFile()) forms.push({ path: form, stem, stat });
  }
  return forms.sort((a, b) => Number(a.stat.mtimeNs - b.stat.mtimeNs) || compareForms(a.stem, b.stem, original));
}

function* beginningWith(beginning: string, sorted: readonly string[]): Generator<string> {
  let low = 0;
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") < beginning) low = middle + 1;
    else high = middle;
  }
  for (let name = sorted[low]; name?.startsWith(beginning); name = sorted[low]) {
    yield name;
    low += 1;
  }
}

function keyOf({ stat }: Form): string {
  return inodeKey(stat.dev, stat.ino);
}

function firstStat(paths: Iterable<string>): BigIntStats | undefined {
  for (const path of paths) {
    const stat = statOf(path);
    if (stat?.isFile()) return stat;
  }
  return undefined;
}
