import type { WireLine } from "@logdna-agent/protocol";

/** A line that a writer wrote: its file, and its number in that file. */
export interface LineId {
  readonly file: string;
  readonly number: number;
}

/** What tells a line from all others stands at its beginning: the writer's name of the file, and the number of the line. */
const LINE = /^(f\d+) (\d+) /;

/** The line that stands for a number; see `LINE`. */
export function lineText({ file, number }: LineId, padding: string): string {
  return `${file} ${String(number).padStart(7, "0")} ${padding}`;
}

/** The line that a text stands for; undefined when nobody here wrote it. */
export function lineOf(text: string): LineId | undefined {
  const found = LINE.exec(text);
  return found === null ? undefined : { file: found[1] ?? "", number: Number(found[2]) };
}

/** Numbers `from` to `to`, both included, of one file. */
interface Run {
  readonly file: string;
  readonly from: number;
  to: number;
}

interface StoredBatch {
  readonly all: readonly Run[];
  /** What was not there before. */
  readonly fresh: readonly Run[];
}

/**
 * What a server has stored, in the way ours does: the first arrival of each batch id, and nothing of a later one. It keeps
 * account of each line, so that what is lost, repeated or out of order is known exactly.
 */
export class Ledger {
  readonly #batches = new Map<string, StoredBatch>();
  /** By file and number: how often it was stored. */
  readonly #counts = new Map<string, Uint8Array>();
  readonly #waiting = new Set<{ readonly line: LineId; readonly arrived: () => void }>();
  /** Accepted requests whose batch id had been stored before. */
  repeatedBatches = 0;
  /** Lines that are stored more than once, under several batch ids. */
  storedTwice = 0;
  /** Which ones, by which batch, and in which they were before; the first few. */
  readonly doubled: (Run & { readonly batch: string; readonly before: string })[] = [];
  /** Lines that are stored, each counted once. */
  size = 0;
  /** What arrived and should not have; a few of each. */
  readonly wrong: string[] = [];

  /** Stores an accepted request. */
  store(batchId: string, lines: readonly WireLine[]): void {
    const ids = lines.flatMap(({ line }) => this.#parse(line));
    const before = this.#batches.get(batchId);
    if (before !== undefined) {
      this.repeatedBatches += 1;
      const other = ids.find((id) => !before.all.some((run) => holds(run, id)));
      if (other !== undefined)
        this.#report(`batch ${batchId} came again with a line that it had not: ${other.file} ${other.number}`);
      return;
    }
    const batch = { all: [] as Run[], fresh: [] as Run[] };
    for (const id of ids) {
      append(batch.all, id);
      const counts = this.#countsOf(id);
      const count = (counts[id.number] ?? 0) + 1;
      counts[id.number] = Math.min(255, count);
      if (count > 1) {
        this.storedTwice += 1;
        this.#noteDoubled(batchId, id);
      } else {
        append(batch.fresh, id);
        this.size += 1;
      }
    }
    this.#batches.set(batchId, batch);
    for (const waiter of [...this.#waiting]) if (this.has(waiter.line)) waiter.arrived();
  }

  has({ file, number }: LineId): boolean {
    return (this.#counts.get(file)?.[number] ?? 0) > 0;
  }

  /** Resolves once the line is stored; with false when it is not within `timeoutMs`. */
  arrival(line: LineId, timeoutMs: number): Promise<boolean> {
    if (this.has(line)) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = (arrived: boolean): void => {
      clearTimeout(timer);
      this.#waiting.delete(waiter);
      resolve(arrived);
    };
    const timer = setTimeout(() => end(false), timeoutMs);
    const waiter = { line, arrived: () => end(true) };
    this.#waiting.add(waiter);
    return promise;
  }

  /**
   * The first place in each file where a line stands behind a later one. Requests overtake each other, so the order is that
   * in which the server gives lines back: by the ids of the batches, in which each line first arrived.
   */
  disorder(): string[] {
    const last = new Map<string, number>();
    const found: string[] = [];
    const ordered = [...this.#batches].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [id, { fresh }] of ordered) {
      for (const { file, from, to } of fresh) {
        const before = last.get(file) ?? -1;
        if (from < before) found.push(`${file}: ${from} stands behind ${before}, in batch ${id}`);
        last.set(file, Math.max(before, to));
      }
    }
    return found;
  }

  #parse(line: string): LineId[] {
    const found = lineOf(line);
    if (found !== undefined) return [found];
    this.#report(`a line that nobody wrote: ${JSON.stringify(line.slice(0, 80))}`);
    return [];
  }

  #noteDoubled(batch: string, { file, number }: LineId): void {
    const last = this.doubled.at(-1);
    if (last?.batch === batch && last.file === file && last.to + 1 === number) last.to = number;
    else if (this.doubled.length < 5) {
      const holding = [...this.#batches].find(([, { fresh }]) => fresh.some((run) => holds(run, { file, number })));
      this.doubled.push({ batch, before: holding?.[0] ?? batch, file, from: number, to: number });
    }
  }

  #report(what: string): void {
    if (this.wrong.length < 5) this.wrong.push(what);
  }

  #countsOf({ file, number }: LineId): Uint8Array {
    const counts = this.#counts.get(file) ?? new Uint8Array(1024);
    if (number < counts.length && this.#counts.has(file)) return counts;
    const grown = new Uint8Array(Math.max(counts.length, 2 * (number + 1)));
    grown.set(counts);
    this.#counts.set(file, grown);
    return grown;
  }
}

function holds({ file, from, to }: Run, id: LineId): boolean {
  return file === id.file && from <= id.number && id.number <= to;
}

/** Lengthens the last run by a line, or begins another one. */
function append(runs: Run[], { file, number }: LineId): void {
  const last = runs.at(-1);
  if (last?.file === file && last.to + 1 === number) last.to = number;
  else runs.push({ file, from: number, to: number });
}
