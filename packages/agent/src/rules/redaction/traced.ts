/** Something that was put into a text, and what did it. Places are characters or bytes, as the text's own are. */
export interface TracedSpan {
  readonly start: number;
  readonly end: number;
  /** Expressions by their numbers, presets by their names. */
  readonly by: readonly (number | string)[];
}

export interface TracedText {
  readonly text: string;
  /** In order; none overlaps another. */
  readonly spans: readonly TracedSpan[];
}

/** A part of a text that is replaced. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  /** Of what takes its place. */
  readonly length: number;
  readonly by: number | string | readonly (number | string)[];
}

/**
 * What was put into a text after it was edited once more.
 * @param spans of the text before.
 * @param edits of the same text, in order; none overlaps another.
 */
export function afterEdits(spans: readonly TracedSpan[], edits: readonly Edit[]): TracedSpan[] {
  let moved = 0;
  const done = edits.map(({ start, end, length, by }) => {
    const to = start + moved;
    moved += length - (end - start);
    return { old: { start, end }, start: to, end: to + length, by: Array.isArray(by) ? by : [by], moved };
  });
  let next = 0;
  const kept = spans.map(({ start, end, by }) => {
    // Edits that end before a span are before all later ones, too.
    while ((done[next]?.old.end ?? Number.POSITIVE_INFINITY) <= start) next += 1;
    let last = next;
    while ((done[last]?.old.start ?? Number.POSITIVE_INFINITY) < end) last += 1;
    const [first, final] = [done[next], done[last - 1]];
    const isWithin = first !== undefined && first.old.start <= start && last > next;
    const endsWithin = final !== undefined && final.old.end >= end && last > next;
    return {
      start: isWithin ? first.start : start + (done[next - 1]?.moved ?? 0),
      end: endsWithin ? final.end : end + (final?.moved ?? 0),
      by,
    };
  });
  return merged([...kept, ...done]);
}

function merged(spans: readonly TracedSpan[]): TracedSpan[] {
  const sorted = spans.toSorted((a, b) => a.start - b.start || a.end - b.end);
  const all: TracedSpan[] = [];
  for (const { start, end, by } of sorted) {
    const last = all.at(-1);
    if (last === undefined || start >= last.end) all.push({ start, end, by });
    else
      all[all.length - 1] = {
        start: last.start,
        end: Math.max(last.end, end),
        by: [...new Set([...last.by, ...by])],
      };
  }
  return all;
}
