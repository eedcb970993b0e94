import type { StoredLine } from "@logdna-agent/protocol";
import { Component, type VNode } from "preact";
import { levelKind } from "./levels.ts";
import { MarkedText } from "./marked_text.tsx";
import { clockTime, monthDay } from "./time_text.ts";

/** Characters of a line in its row: more than any screen shows; the detail panel has the whole. */
const ROW_CHARS = 1000;

interface RowProps {
  readonly line: StoredLine;
  readonly seq: number;
  readonly selected: boolean;
  /** Whether the day is shown beside the time. */
  readonly withDay: boolean;
  readonly words: readonly string[];
}

/** One line of the list. A row is drawn again only when something in it changed: thousands pass in a second. */
export class LogRow extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    const now = this.props;
    return (
      next.line !== now.line ||
      next.selected !== now.selected ||
      next.withDay !== now.withDay ||
      next.words !== now.words ||
      next.seq !== now.seq
    );
  }

  override render({ line, seq, selected, withDay, words }: RowProps): VNode {
    const kind = levelKind(line.level);
    return (
      // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, and names its active row
      <div id={`row-${seq}`} data-seq={seq} class={`row level-${kind}`} role="option" aria-selected={selected}>
        <span class="row-time">
          {withDay && <span class="row-day">{monthDay(line.timestamp)} </span>}
          {clockTime(line.timestamp)}
        </span>
        <span class="row-level">{line.level === "" ? "·" : line.level}</span>
        <span class="row-host">{line.host}</span>
        <span class="row-source">{source(line)}</span>
        <span class="row-text">
          <MarkedText text={cut(line.line)} words={words} />
        </span>
      </div>
    );
  }
}

/** Where a line comes from, in few characters: the app, or the last parts of the file's path. */
function source(line: StoredLine): string {
  return line.app !== "" && line.app !== line.file ? line.app : line.file.split("/").slice(-2).join("/");
}

function cut(text: string): string {
  return text.length <= ROW_CHARS ? text : `${text.slice(0, ROW_CHARS)}…`;
}
