import { type BigIntStats, fstatSync, lstatSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { stemOf } from "./compressed.ts";
import { compareForms, isRotationOf, namesIn, rotatedFrom } from "./copies.ts";
import type { FileNames } from "./file_names.ts";
import type { HotFiles } from "./hot_files.ts";
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
  readonly at: number;
  /** The names of rotated forms, compressed ones too, by the name that each is a form of. */
  readonly forms: ReadonlyMap<string, readonly string[]>;
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
    const { names, meet, checkContents } = this.#options;
    const { path } = file;
    const forms = this.#formsOf(file);
    for (const form of forms) {
      const known = names.of(keyOf(form));
      if (known !== undefined && names.at(form.path) !== known) meet(form.path);
    }
    // A truncated file gives what it held to its copy, which is known by that.
    checkContents(path);
    for (const form of forms) if (names.of(keyOf(form)) === undefined) meet(form.path);
    for (const other of names.shippedAs(path)) {
      this.#look(other, other !== file);
      // What comes into an empty file comes later.
      if (other.head.length > 0) other.olderMet = true;
    }
    file.olderMet = true;
  }

  /** Sees what a file is now; one that has something unread goes into the queue, where it `waits` for that. */
  #look(file: TailedFile, waits: boolean): void {
    const { names, clock, onReady } = this.#options;
    if (file.restored || file.unpacked !== undefined) return;
    if (file.fd < 0) names.refresh(file, "deleted");
    const stat = file.fd < 0 ? firstStat(file.names) : statOf(file.fd);
    if (stat === undefined) return;
    const size = Number(stat.size);
    const isChanged = file.fd < 0 && (size !== file.size || stat.mtimeNs !== file.mtimeNs);
    file.sees(size, clock());
    file.mtimeNs = stat.mtimeNs;
    if (waits && (isChanged || size > file.position.offset + file.pending)) onReady(file);
  }

  /** The rotated forms of the log of a file, the oldest first. */
  #formsOf({ path, seenAt }: TailedFile): Form[] {
    const directory = dirname(path);
    let listing = this.#listings.get(directory);
    if (listing === undefined || listing.at < seenAt) {
      if (this.#listings.size >= MAX_DIRECTORIES) this.#listings.clear();
      listing = { at: moment(), forms: formsIn(directory) };
      this.#listings.set(directory, listing);
    }
    const original = basename(path);
    const forms: Form[] = [];
    for (const name of listing.forms.get(original) ?? []) {
      const stat = statOf(join(directory, name));
      if (stat?.isFile()) forms.push({ path: join(directory, name), stem: stemOf(name) ?? name, stat });
    }
    return forms.sort((a, b) => Number(a.stat.mtimeNs - b.stat.mtimeNs) || compareForms(a.stem, b.stem, original));
  }
}

function formsIn(directory: string): Map<string, string[]> {
  const forms = new Map<string, string[]>();
  for (const name of namesIn(directory)) {
    const stem = stemOf(name) ?? name;
    for (const original of rotatedFrom(stem)) {
      if (!isRotationOf(stem, original)) continue;
      const others = forms.get(original);
      if (others === undefined) forms.set(original, [name]);
      else others.push(name);
    }
  }
  return forms;
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

/** What a name, or an open file, is now; undefined where that cannot be told. */
function statOf(file: string | number): BigIntStats | undefined {
  try {
    return typeof file === "string" ? lstatSync(file, { bigint: true }) : fstatSync(file, { bigint: true });
  } catch {
    return undefined;
  }
}
