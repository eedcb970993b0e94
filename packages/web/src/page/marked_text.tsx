import type { ComponentChild, VNode } from "preact";
import { lineRuns, type Run, type Style } from "./line_text.ts";
import { findWords } from "./query_words.ts";

/** Marks in one text; a line of nothing but matches must not make 100,000 elements. */
const MAX_MARKS = 500;

/** The text of a line: safe, in its terminal colours, the words of the query marked. */
export function MarkedText(props: {
  readonly text: string;
  readonly words: readonly string[];
  readonly breaks?: boolean;
}): VNode {
  const runs = lineRuns(props.text, props.breaks);
  const whole = runs.map((run) => run.text).join("");
  const marks = findWords(whole, props.words, MAX_MARKS);
  const parts: ComponentChild[] = [];
  let at = 0;
  let mark = 0;
  for (const run of runs) {
    const end = at + run.text.length;
    const pieces: ComponentChild[] = [];
    let from = at;
    // A mark can begin in one run and end in another: each run holds its own piece of it.
    while (mark < marks.length) {
      const [markFrom, markTo] = marks[mark] ?? [end, end];
      if (markFrom >= end) break;
      const cutFrom = Math.max(markFrom, from);
      const cutTo = Math.min(markTo, end);
      if (cutFrom > from) pieces.push(whole.slice(from, cutFrom));
      if (cutTo > cutFrom) pieces.push(<mark>{whole.slice(cutFrom, cutTo)}</mark>);
      from = cutTo;
      if (markTo > end) break;
      mark += 1;
    }
    if (from < end) pieces.push(whole.slice(from, end));
    parts.push(...styled(run, pieces));
    at = end;
  }
  return <>{parts}</>;
}

function styled(run: Run, pieces: readonly ComponentChild[]): ComponentChild[] {
  return run.style === null ? [...pieces] : [<span class={styleClass(run.style)}>{pieces}</span>];
}

function styleClass(style: Style): string {
  const names: string[] = [];
  if (style.color !== undefined) names.push(`ansi-${style.color}`);
  for (const name of ["bold", "dim", "italic", "underline", "inverse"] as const)
    if (style[name]) names.push(`ansi-${name}`);
  return names.join(" ");
}
