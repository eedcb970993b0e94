/** The model that the files' reader is compared with: which lines were written, where they still are, and what must come of them. */
import assert from "node:assert/strict";

/** What one inode held from its making, or from its last truncation, on: lines in their order. */
export interface Content {
  /** Higher than that of everything that its log held before. */
  readonly id: number;
  /** The log that it was written to. */
  readonly log: string;
  readonly lines: string[];
  /** Nothing on disk has it any more. */
  gone: boolean;
  /** It went by being written over, while the reader may not have had a moment to see it. */
  overwritten: boolean;
  /** Lines from the first on that are acknowledged and saved: after a crash they must not come again. */
  safe: number;
  /** A crash happened after it went: what was not safe then may be lost. */
  excused: boolean;
}

/** A line that was written, and what was seen of it. */
interface Written {
  readonly content: Content;
  readonly index: number;
  /** Read by a reader that has not crashed since, or acknowledged. */
  read: boolean;
  acknowledged: boolean;
  /** Read by any reader. */
  seen: boolean;
}

/** Keeps account of lines. Each is another, so that a loss, a repeat and a wrong order show. */
export class FileModel {
  readonly #written = new Map<string, Written>();
  readonly #contents: Content[] = [];
  /** The index that was read last since the last crash, by content. */
  readonly #last = new Map<Content, number>();
  /** The newest content of each log of which anything was read. */
  readonly #newest = new Map<string, number>();
  readonly #ordered: boolean;

  /** @param ordered whether nothing of a log may come behind what is newer of it. */
  constructor(ordered = true) {
    this.#ordered = ordered;
  }

  create(log: string): Content {
    const id = this.#contents.length;
    const content = { id, log, lines: [], gone: false, overwritten: false, safe: 0, excused: false };
    this.#contents.push(content);
    return content;
  }

  /** The next line of a content. */
  write(content: Content): string {
    const line = `${content.id}.${content.lines.length}`;
    this.#written.set(line, { content, index: content.lines.length, read: false, acknowledged: false, seen: false });
    content.lines.push(line);
    return line;
  }

  /** A line was read. @throws when it should not have been. */
  read(line: string): void {
    const written = this.#written.get(line);
    assert.ok(written !== undefined, `"${line}" was read, and nobody wrote it`);
    const { content, index } = written;
    assert.ok(index >= content.safe, `"${line}" was read again, although it was acknowledged and saved`);
    assert.ok(index > (this.#last.get(content) ?? -1), `"${line}" was read again, or after a later one of its file`);
    this.#last.set(content, index);
    const newest = this.#newest.get(content.log) ?? 0;
    assert.ok(
      !this.#ordered || written.seen || content.id >= newest,
      `"${line}" was read behind what is newer of its log`,
    );
    this.#newest.set(content.log, Math.max(newest, content.id));
    written.read = true;
    written.seen = true;
  }

  acknowledge(lines: readonly string[]): void {
    for (const line of lines) {
      const written = this.#written.get(line);
      if (written !== undefined) written.acknowledged = true;
    }
  }

  /** What is acknowledged without a gap is saved. */
  saved(): void {
    for (const content of this.#contents) {
      let { safe } = content;
      for (; this.#written.get(content.lines[safe] ?? "")?.acknowledged; safe += 1);
      content.safe = safe;
    }
  }

  /** The reader forgets what it had open, and what was not saved. */
  crashed(): void {
    for (const content of this.#contents) if (content.gone) content.excused = true;
    this.#last.clear();
    for (const written of this.#written.values()) {
      if (!written.acknowledged) written.read = false;
      if (written.index >= written.content.safe) written.acknowledged = false;
    }
  }

  /** Checks that every line came that could. */
  complete(): void {
    for (const [line, { content, read }] of this.#written) {
      if (read || content.overwritten || content.excused) continue;
      assert.fail(`"${line}" was never read`);
    }
  }
}
