import type { NotShipped } from "./preview_line.ts";
import type { PreviewedChunk } from "./previewer.ts";
import type { NamedRule, RuleNames } from "./rule_names.ts";

/** How often a rule has done something. */
interface RuleCount extends NamedRule {
  readonly count: number;
}

/** What became of all lines that were looked at. */
export interface PreviewSummary {
  readonly files: number;
  /** Files of which not everything could be read. */
  readonly unreadable: number;
  /** Lines of the files. */
  readonly linesRead: number;
  /** Lines of requests: one for an event, or for a part of a long line. */
  readonly linesShipped: number;
  /** How many of these are several lines that are joined, and how many lines these are. */
  readonly joined: { readonly events: number; readonly lines: number };
  /** How many of them are parts of long lines, and how many the agent's own. */
  readonly parts: number;
  readonly ownLines: number;
  /** How many of them are not as they are in the file. */
  readonly redacted: number;
  /** Lines of the files that are not shipped, by reason. */
  readonly notShipped: Readonly<Record<NotShipped["by"], number>>;
  /** Lines that each rule has left out; where there are inclusions, those that none of them matches are told by `notShipped`. */
  readonly excludedBy: readonly RuleCount[];
  /** Places that each rule has redacted. */
  readonly redactedBy: readonly RuleCount[];
  /** Of the files. The first is the sum of the others. */
  readonly bytes: {
    readonly read: number;
    readonly shipped: number;
    readonly empty: number;
    readonly excluded: number;
    readonly dropped: number;
  };
}

/** Counts what becomes of lines. */
export class Tally {
  readonly #names: RuleNames;
  #files = 0;
  #unreadable = 0;
  #linesRead = 0;
  #linesShipped = 0;
  #joined = { events: 0, lines: 0 };
  #parts = 0;
  #ownLines = 0;
  #redacted = 0;
  readonly #notShipped = { exclusion: 0, inclusion: 0, rule: 0, sample: 0, undecided: 0, too_large: 0, empty: 0 };
  readonly #excludedBy = new Map<NamedRule, number>();
  readonly #redactedBy = new Map<NamedRule, number>();
  readonly #bytes = { shipped: 0, empty: 0, excluded: 0, dropped: 0 };
  #last = 0;

  constructor(names: RuleNames) {
    this.#names = names;
  }

  /** A file begins. */
  begin(): void {
    this.#files += 1;
    this.#last = 0;
  }

  /** The file could not be read, or not to its end. */
  fail(): void {
    this.#unreadable += 1;
  }

  add({ lines, bytes }: PreviewedChunk): void {
    for (const kind of ["shipped", "empty", "excluded", "dropped"] as const) this.#bytes[kind] += bytes[kind];
    for (const { from, to, part, shipped, isNote, notShipped, changed, redacted } of lines) {
      // Parts of one line, and what is said of its end, are of a line that was counted.
      const begun = Math.max(0, to - Math.max(from - 1, this.#last));
      this.#last = Math.max(this.#last, to);
      this.#linesRead += begun;
      // A part may have no share of a redacted text that is shorter than the line; its line ships.
      const hasShare = part === undefined || notShipped?.by !== "empty";
      if (notShipped !== undefined && hasShare) {
        this.#notShipped[notShipped.by] += begun;
        if (notShipped.by === "exclusion") countIn(this.#excludedBy, this.#names.line(notShipped.rule), begun);
      }
      if (shipped === undefined) continue;
      this.#linesShipped += 1;
      if (isNote) this.#ownLines += 1;
      else if (part !== undefined) this.#parts += 1;
      else if (to > from) this.#joined = { events: this.#joined.events + 1, lines: this.#joined.lines + begun };
      if (changed) this.#redacted += 1;
      for (const { by } of redacted ?? []) for (const rule of by) countIn(this.#redactedBy, this.#names.line(rule), 1);
    }
  }

  get summary(): PreviewSummary {
    const { shipped, empty, excluded, dropped } = this.#bytes;
    return {
      files: this.#files,
      unreadable: this.#unreadable,
      linesRead: this.#linesRead,
      linesShipped: this.#linesShipped,
      joined: this.#joined,
      parts: this.#parts,
      ownLines: this.#ownLines,
      redacted: this.#redacted,
      notShipped: this.#notShipped,
      excludedBy: countsOf(this.#excludedBy),
      redactedBy: countsOf(this.#redactedBy),
      bytes: { read: shipped + empty + excluded + dropped, shipped, empty, excluded, dropped },
    };
  }
}

function countIn(counts: Map<NamedRule, number>, rule: NamedRule, more: number): void {
  counts.set(rule, (counts.get(rule) ?? 0) + more);
}

function countsOf(counts: ReadonlyMap<NamedRule, number>): RuleCount[] {
  return [...counts].map(([rule, count]) => ({ ...rule, count }));
}
