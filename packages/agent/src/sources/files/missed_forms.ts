import type { Buffer } from "node:buffer";
import { basename, dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { type CompressedForms, stemOf } from "./compressed.ts";
import { isRotationOf, rotatedFrom } from "./copies.ts";
import { statOf } from "./stat_of.ts";
import { HEAD_BYTES, type Head, type TailedFile } from "./tailed_file.ts";

interface MissedFormsOptions {
  /** Whether a path is to be shipped. */
  readonly includes: (path: string) => boolean;
  readonly compressed: CompressedForms;
  /** Every file that is known and whose lines are shipped under a path. */
  readonly filesOf: (path: string) => Iterable<TailedFile>;
  /** The heads of other files that had a path: those of an earlier run, and those that nothing more is read of. */
  readonly otherHeads: (path: string) => Iterable<Head>;
  /** Nothing of a path is to be read until it is released: what comes first of it is being looked for. */
  readonly hold: (path: string) => void;
  readonly release: (path: string) => void;
  /** A compressed form of a followed file was found, which is not waited for if it has no name. */
  readonly onForm: (file: TailedFile) => void;
  /**
   * A compressed form is of nothing that is known. Its path is held while it is unpacked, also after this one releases it.
   * @param form where it is.
   * @param path the name that it had.
   */
  readonly onMissed: (form: string, path: string, head: Head) => void;
  /** It could not be read. */
  readonly onUnreadable: (form: string, error: unknown) => void;
}

/**
 * Compressed files that came while nobody looked, called like a rotated form of a log. Mostly they are what was read, or is
 * known, of that log; one that begins like nothing that is known was written, rotated and compressed in that time, and is
 * read from its beginning.
 */
export class MissedForms {
  readonly #options: MissedFormsOptions;
  /** What is looked into now, or will be, and the logs whose names it had: one at a time, so that few files are open. */
  readonly #forms = new Map<string, string>();
  #works = true;
  #closed = false;

  constructor(options: MissedFormsOptions) {
    this.#options = options;
  }

  /** The log that a compressed file is, by its name, a rotated form of; undefined when there is none that is shipped. */
  originalOf(form: string): string | undefined {
    const stem = stemOf(basename(form));
    if (stem === undefined) return undefined;
    const directory = dirname(form);
    return rotatedFrom(stem)
      .filter((name) => isRotationOf(stem, name))
      .map((name) => join(directory, name))
      .find(this.#options.includes);
  }

  /** A compressed file came that is called like a form of the log `path`. */
  add(form: string, path: string): void {
    // While it is being compressed, what it is made of is there, and is known.
    if (this.#forms.has(form) || statOf(form.slice(0, form.lastIndexOf("."))) !== undefined) return;
    this.#forms.set(form, path);
    this.#options.hold(path);
    if (!this.#works) void this.#work();
  }

  /** The first scan has ended: everything that is known was met. */
  scanned(): void {
    void this.#work();
  }

  close(): void {
    this.#closed = true;
  }

  async #work(): Promise<void> {
    this.#works = true;
    // What is added meanwhile comes behind.
    for (const [form, path] of this.#forms) {
      if (this.#closed) break;
      await this.#examine(form, path);
    }
    this.#works = false;
  }

  async #examine(form: string, path: string): Promise<void> {
    const { compressed, release, onForm, onMissed, onUnreadable } = this.#options;
    try {
      const bytes = await compressed.firstBytes(form, HEAD_BYTES);
      if (bytes === undefined || bytes.length === 0) return;
      const known = this.#knownBy(bytes, path);
      if (known === undefined) onMissed(form, path, { length: bytes.length, crc: crc32(bytes) });
      else if (known !== "other") onForm(known);
    } catch (error) {
      onUnreadable(form, error);
    } finally {
      this.#forms.delete(form);
      release(path);
    }
  }

  /** The file that begins like this; "other" when it is none that is followed. */
  #knownBy(bytes: Buffer, path: string): TailedFile | "other" | undefined {
    for (const file of this.#options.filesOf(path)) if (begins(bytes, file.head)) return file;
    for (const head of this.#options.otherHeads(path)) if (begins(bytes, head)) return "other";
    return undefined;
  }
}

function begins(bytes: Buffer, head: Head): boolean {
  if (head.length === 0) return false;
  if (bytes.length >= head.length) return crc32(bytes.subarray(0, head.length)) === head.crc;
  return head.bytes !== undefined && bytes.equals(head.bytes.subarray(0, bytes.length));
}
