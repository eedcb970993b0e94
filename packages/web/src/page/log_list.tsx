import { signal, useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { feed, view } from "./app_state.ts";
import { EmptyState } from "./empty_state.tsx";
import { Icon } from "./icons.tsx";
import { LogRow } from "./log_row.tsx";
import { queryWords } from "./query_words.ts";
import { shortCount } from "./time_text.ts";
import { RANGES } from "./view.ts";

/** Rows kept ready above and below what is seen. */
const OVERSCAN = 8;
/** Distance from an end, in rows, at which more lines are asked for. */
const NEAR = 40;

const narrow = matchMedia("(max-width: 719px)");
/** Height of a row in CSS pixels; styles/list.css says the same. Narrow screens have two lines of text in a row. */
const rowHeight = signal(narrow.matches ? 38 : 20);
narrow.addEventListener("change", () => {
  rowHeight.value = narrow.matches ? 38 : 20;
});

/**
 * The lines, of which only those in sight are in the document.
 *
 * Rows have one height, so where a row is follows from its number; a virtualiser's measuring would have nothing to measure. What
 * is particular is done here: lines that leave or enter above must not move those in sight, and following sticks to the end.
 */
export function LogList(): VNode {
  const box = useRef<HTMLDivElement>(null);
  /** Where the box stands; the signal beside it only says that it moved. */
  const position = useRef(0);
  const moved = useSignal(0);
  const seen = useSignal(600);
  const before = useRef({ first: feed.buffer.first, end: feed.buffer.first, height: rowHeight.value });
  const words = useComputed(() => queryWords(view.value.q));

  void feed.version.value;
  void moved.value;
  const height = rowHeight.value;
  const following = feed.following.value;
  const { first } = feed.buffer;
  const end = feed.shownEnd;
  const count = end - first;
  const selected = feed.selected.value?.seq;
  const withDay = useMemo(() => {
    const { range } = view.value;
    const span = range.kind === "last" ? RANGES[range.name] : range.to - range.from;
    return span > RANGES["1h"] || view.value.line !== null;
  }, [view.value]);

  const perScreen = Math.ceil(seen.value / height) + 1;
  // Lines that left or entered above since the last drawing: the scroll position is moved by them after this one.
  const shift = (before.current.first - first) * height;
  const top = following ? Math.max(0, count * height - seen.value) : Math.max(0, position.current + shift);
  const from = Math.max(0, Math.min(count - perScreen, Math.floor(top / height)) - OVERSCAN);
  const to = Math.min(count, from + perScreen + 2 * OVERSCAN);

  const inDocument = selected !== undefined && selected >= first + from && selected < first + to;

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const { first: oldFirst } = before.current;
    before.current = { first, end, height };
    if (following) element.scrollTop = element.scrollHeight;
    else if (oldFirst !== first) element.scrollTop += (oldFirst - first) * height;
    position.current = element.scrollTop;
  });

  const { reveal } = feed;
  const target = reveal.value;
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || target === null) return;
    const rowTop = (target.seq - feed.buffer.first) * height;
    const inSight = rowTop >= element.scrollTop && rowTop + height <= element.scrollTop + element.clientHeight;
    if (target.centre) element.scrollTop = rowTop - (element.clientHeight - height) / 2;
    else if (!inSight) element.scrollTop = rowTop < element.scrollTop ? rowTop : rowTop + height - element.clientHeight;
    position.current = element.scrollTop;
    reveal.value = null;
  }, [target]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const sizes = new ResizeObserver(() => {
      seen.value = element.clientHeight;
    });
    sizes.observe(element);
    return () => sizes.disconnect();
  }, []);

  function onScroll(): void {
    const element = box.current;
    if (element === null) return;
    const up = element.scrollTop < position.current;
    position.current = element.scrollTop;
    moved.value = element.scrollTop;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (below < height) {
      // A selection is being read, or copied: scrolling by itself would take it away.
      if (!feed.following.value && feed.selected.value === null) feed.follow();
    } else if (up) feed.hold();
    askForMore();
  }

  /** After each drawing too, not only after scrolling: few lines leave nothing to scroll. */
  function askForMore(): void {
    if (count === 0) return;
    const below = count * height - position.current - seen.value;
    if (following ? count * height < seen.value : position.current < NEAR * height) void feed.loadOlder();
    if (!following && below < NEAR * height) void feed.loadNewer();
  }

  function onWheel(event: WheelEvent): void {
    // Held at once, before the next lines could pull the view back down.
    if (event.deltaY < 0 && (box.current?.scrollTop ?? 0) > 0) feed.hold();
  }

  function onMouseDown(event: MouseEvent): void {
    // Text that is being selected must not scroll away; the scrollbar is no text.
    if (event.offsetX < (box.current?.clientWidth ?? 0)) feed.hold();
  }

  useEffect(askForMore);

  function onClick(event: MouseEvent): void {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-seq]") : null;
    if (row === null || !(getSelection()?.isCollapsed ?? true)) return;
    feed.select(Number(row.dataset.seq), { open: true });
  }

  const rows: VNode[] = [];
  for (let seq = first + from; seq < first + to; seq++) {
    const line = feed.buffer.at(seq);
    if (line === undefined) continue;
    rows.push(
      <LogRow key={seq} line={line} seq={seq} selected={seq === selected} withDay={withDay} words={words.value} />,
    );
  }

  return (
    <div class="list">
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the page's own keys (j, k, Enter) do it from anywhere */}
      <div
        ref={box}
        class="list-scroll"
        role="listbox"
        aria-label="Log lines"
        aria-activedescendant={inDocument ? `row-${selected}` : undefined}
        tabIndex={0}
        onScroll={onScroll}
        onWheel={onWheel}
        onMouseDown={onMouseDown}
        onClick={onClick}
      >
        <Edge />
        <div class="list-height" role="presentation" style={{ height: `${count * height}px` }}>
          <div class="list-rows" role="presentation" style={{ transform: `translateY(${from * height}px)` }}>
            {rows}
          </div>
        </div>
      </div>
      {count === 0 && <EmptyState />}
      <JumpButton below={count * height - top - seen.value >= height / 2 || feed.isCutOff} />
    </div>
  );
}

/** What is above the oldest line, said without taking part in the layout of rows. */
function Edge(): VNode | null {
  if (feed.older.value !== "loading") return null;
  return <div class="list-edge">Loading older lines…</div>;
}

/** `below` says whether there are lines below those in sight. */
function JumpButton({ below }: { readonly below: boolean }): VNode | null {
  const fresh = feed.fresh.value;
  if (!below || feed.following.value || (fresh === 0 && !feed.isLive) || feed.paused.value) return null;
  return (
    <button type="button" class="jump" title="To the newest line (End)" onClick={() => feed.jumpToNewest()}>
      {fresh > 0 ? `${shortCount(fresh)} new ${fresh === 1 ? "line" : "lines"}` : <span class="unseen">Newest</span>}
      <Icon name="down" />
    </button>
  );
}
