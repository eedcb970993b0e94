import type { Chunk } from "../../chunk.ts";
import type { PieceList } from "./piece_list.ts";
import { Hits, RunText } from "./run_text.ts";
import type { Reason, TextRules } from "./text_rules.ts";

export interface LinesPassOptions {
  readonly chunk: Chunk;
  /** The run of whole lines within the chunk. */
  readonly from: number;
  readonly to: number;
  readonly rules: TextRules;
  /** Why a line is not shipped whose text may be, by where it begins in the file; undefined where no such rule is. */
  readonly reasonAt: ((offset: number) => Reason | undefined) | undefined;
  readonly list: PieceList;
}

/** One pass of the rules over a run of whole lines. Places are those of the run. */
export class LinesPass {
  readonly #options: LinesPassOptions;
  readonly #run: RunText;
  readonly #inclusion: Hits;
  readonly #exclusion: Hits;
  readonly #redaction: Hits;

  constructor(options: LinesPassOptions) {
    const { chunk, from, to, rules } = options;
    this.#options = options;
    this.#run = new RunText(chunk.bytes.subarray(from, to));
    this.#inclusion = new Hits(this.#run, rules.inclusion?.candidates);
    this.#exclusion = new Hits(this.#run, rules.exclusion?.candidates);
    this.#redaction = new Hits(this.#run, rules.redaction?.candidates);
  }

  apply(): void {
    const end = this.#run.text.length;
    const { rules, chunk } = this.#options;
    if (rules.inclusion === undefined) return this.#exclude(0, end);
    this.#walk(0, end, this.#inclusion, {
      others: (from, to) => this.#leaveOut(from, to, "rule"),
      candidate: (from, to) => {
        const reason = rules.notIncluded(this.#run.line(from, to), chunk.file);
        if (reason === undefined) this.#exclude(from, to);
        else this.#leaveOut(from, to, reason);
      },
    });
  }

  #exclude(start: number, end: number): void {
    const { rules, chunk } = this.#options;
    if (rules.exclusion === undefined) return this.#thin(start, end);
    this.#walk(start, end, this.#exclusion, {
      others: (from, to) => this.#thin(from, to),
      candidate: (from, to) => {
        const reason = rules.excluded(this.#run.line(from, to), chunk.file);
        if (reason === undefined) this.#thin(from, to);
        else this.#leaveOut(from, to, reason);
      },
    });
  }

  /** Share and rate: they ask nothing of the text, but count no empty lines. */
  #thin(start: number, end: number): void {
    const { reasonAt, chunk, from: base } = this.#options;
    if (reasonAt === undefined) return this.#redact(start, end);
    let kept = start;
    for (let from = start; from < end; ) {
      const to = this.#run.endOf(from);
      const reason = this.#run.line(from, to) === "" ? undefined : reasonAt(chunk.start + base + from);
      if (reason !== undefined) {
        if (kept < from) this.#redact(kept, from);
        this.#leaveOut(from, to, reason);
        kept = to;
      }
      from = to;
    }
    if (kept < end) this.#redact(kept, end);
  }

  #redact(start: number, end: number): void {
    const { rules, chunk } = this.#options;
    if (rules.redaction === undefined) return this.#keep(start, end);
    this.#walk(start, end, this.#redaction, {
      others: (from, to) => this.#keep(from, to),
      candidate: (from, to) => {
        const text = rules.redacted(this.#run.line(from, to), chunk.file);
        if (text === undefined) return this.#keep(from, to);
        const { from: base, list } = this.#options;
        list.push({
          ...{ kind: "replaced", text, of: undefined },
          from: base + from,
          to: base + this.#run.byteAt(to),
        });
      },
    });
  }

  #keep(from: number, to: number): void {
    const { from: base, list } = this.#options;
    list.keep(base + from, base + this.#run.byteAt(to));
  }

  #leaveOut(from: number, to: number, reason: Reason): void {
    const { from: base, list } = this.#options;
    list.leaveOut(base + from, base + this.#run.byteAt(to), this.#run.linesBetween(from, to), reason);
  }

  /** Goes over lines: those with a hit one by one, those between them as runs. */
  #walk(
    start: number,
    end: number,
    hits: Hits,
    visit: {
      readonly others: (from: number, to: number) => void;
      readonly candidate: (from: number, to: number) => void;
    },
  ): void {
    for (let at = start; at < end; ) {
      const hit = hits.from(at);
      if (hit >= end) return visit.others(at, end);
      const from = this.#run.startOf(hit, at);
      if (from > at) visit.others(at, from);
      const to = this.#run.endOf(hit);
      visit.candidate(from, to);
      at = to;
    }
  }
}
