import type { LineFilter, LinesAnswer, StoredLine } from "@logdna-agent/protocol";
import { fetchLines } from "./api.ts";
import type { LineBuffer } from "./line_buffer.ts";

const PAGE = 300;

/** Lines that are not held yet, oldest first, and whether there are more behind them. */
interface HistoryPage {
  readonly lines: readonly StoredLine[];
  readonly more: boolean;
}

/** The stored lines of a view, page by page: the first page, and those that go on at either end of what is held. */
export class HistoryPages {
  /** Its times stay as they were when the view was opened. */
  readonly filter: LineFilter;
  #olderCursor: string | null = null;
  #newerCursor: string | null = null;

  constructor(filter: LineFilter) {
    this.filter = filter;
  }

  /** The newest lines, or those around one line. */
  async first(around: string | null, signal: AbortSignal): Promise<LinesAnswer> {
    const where = around === null ? {} : { around };
    const answer = await fetchLines(this.filter, { limit: PAGE, order: "desc", ...where }, signal);
    this.#olderCursor = around === null ? answer.next : null;
    this.#newerCursor = null;
    return answer;
  }

  async older(held: LineBuffer, signal: AbortSignal): Promise<HistoryPage> {
    const oldest = held.at(held.first);
    const fresh = this.#olderCursor === null && oldest !== undefined;
    const filter = fresh ? { ...this.filter, to: oldest.timestamp + 1 } : this.filter;
    const cursor = this.#olderCursor === null ? {} : { cursor: this.#olderCursor };
    const answer = await fetchLines(filter, { limit: PAGE, order: "desc", ...cursor }, signal);
    this.#olderCursor = answer.next;
    return page(answer.lines.toReversed(), answer.next, held);
  }

  async newer(held: LineBuffer, signal: AbortSignal): Promise<HistoryPage> {
    const newest = held.at(held.end - 1);
    const filter = newest === undefined ? this.filter : { ...this.filter, from: newest.timestamp };
    const cursor = this.#newerCursor === null ? {} : { cursor: this.#newerCursor };
    const answer = await fetchLines(filter, { limit: PAGE, order: "asc", ...cursor }, signal);
    // The filter starts at the newest line, so the cursor only serves for more lines of that same millisecond.
    this.#newerCursor = answer.lines.every((line) => line.timestamp === newest?.timestamp) ? answer.next : null;
    return page(answer.lines, answer.next, held);
  }

  /** The oldest lines left memory: a cursor from before would leave a gap. */
  oldestLeft(): void {
    this.#olderCursor = null;
  }

  /** The newest lines left memory. */
  newestLeft(): void {
    this.#newerCursor = null;
  }
}

function page(lines: readonly StoredLine[], next: string | null, held: LineBuffer): HistoryPage {
  // Also lines that arrived late, and are held although they are older.
  const known = held.ids();
  return { lines: lines.filter((line) => !known.has(line.id)), more: next !== null };
}
