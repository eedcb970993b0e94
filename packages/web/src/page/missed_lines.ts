import type { LineFilter, LinesAnswer, StoredLine } from "@logdna-agent/protocol";
import { fetchLines } from "./api.ts";

/** A missed period is filled up to this many requests of this size; past that it is quicker to load the newest lines anew. */
const PAGES = 10;
const PAGE = 1000;

/**
 * The lines of a filter that are not known yet, oldest first, as after a cut of the live connection.
 *
 * `complete` is false where there were more than are worth fetching; the newest are then missing.
 */
export async function missedLines(
  filter: LineFilter,
  known: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<{ readonly lines: readonly StoredLine[]; readonly complete: boolean }> {
  const lines: StoredLine[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const request = { limit: PAGE, order: "asc", ...(cursor === null ? {} : { cursor }) } as const;
    const answer: LinesAnswer = await fetchLines(filter, request, signal);
    for (const line of answer.lines) if (!known.has(line.id)) lines.push(line);
    cursor = answer.next;
    if (cursor === null) return { lines, complete: true };
  }
  return { lines, complete: false };
}
