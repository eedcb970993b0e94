import { useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { overview, show, view } from "./app_state.ts";
import { LEVEL_KINDS } from "./levels.ts";
import { type Stacks, stackLevels } from "./stacks.ts";
import { theme } from "./theme.ts";
import { countText, monthDay, shortClock, shortCount, spanText } from "./time_text.ts";
import { DEFAULT_RANGE } from "./view.ts";

const HEIGHT = 84;
/** A drag shorter than this is a click, in CSS pixels. */
const CLICK = 4;

/** Lines over time by level. A click on a column, or a drag over several, shows that time alone. */
export function Histogram(): VNode {
  const box = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDivElement>(null);
  const chart = useRef<{ plot: uPlot; data: { stacks: Stacks; bucketMs: number; from: number; to: number } } | null>(
    null,
  );
  const pointed = useSignal<number | null>(null);
  const stacks = useComputed(() => (overview.histogram.value === null ? null : stackLevels(overview.histogram.value)));

  useEffect(() => {
    const element = box.current;
    const colours = legend.current;
    const answer = overview.histogram.value;
    const next = stacks.value;
    if (element === null || colours === null || answer === null || next === null) return;
    const data = { stacks: next, bucketMs: answer.bucketMs, from: answer.from, to: answer.to };
    if (chart.current === null) {
      chart.current = { plot: draw(element, colours, pointed, () => chart.current?.data ?? data), data };
    }
    chart.current.data = data;
    chart.current.plot.setData(series(next));
  }, [stacks.value]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const sizes = new ResizeObserver(() => chart.current?.plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizes.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const recolour = (): void => chart.current?.plot.redraw();
    scheme.addEventListener("change", recolour);
    return () => {
      sizes.disconnect();
      scheme.removeEventListener("change", recolour);
      chart.current?.plot.destroy();
      chart.current = null;
    };
  }, []);

  useEffect(() => chart.current?.plot.redraw(), [theme.value]);

  const shown = stacks.value;
  const index = pointed.value;
  const counts = index === null ? null : (shown?.counts[index] ?? null);
  const answer = overview.histogram.value;
  const start = index === null ? undefined : shown?.starts[index];
  const span =
    answer === null ? "" : start === undefined ? spanText(answer.from, answer.to) : bucketText(start, answer.bucketMs);
  const whole = shown?.total ?? 0;
  const total = counts === null ? whole : LEVEL_KINDS.reduce((sum, kind) => sum + counts[kind], 0);

  return (
    <section class="histogram" aria-label="Lines over time">
      <div class="histogram-head" ref={legend}>
        <span class="histogram-span">{span}</span>
        {/* As wide as for the whole, so that nothing moves when a column is pointed at. */}
        <span class="histogram-total" style={{ minWidth: `${countText(whole).length + 6}ch` }}>
          {shown === null ? " " : `${countText(total)} ${total === 1 ? "line" : "lines"}`}
        </span>
        <span class="histogram-levels">
          {LEVEL_KINDS.map((kind) => {
            const all = shown === null ? 0 : sumOf(shown, kind);
            return (
              <span key={kind} class={`swatch level-${kind}${all === 0 ? " swatch-none" : ""}`}>
                {kind}{" "}
                <span class="swatch-count" style={{ minWidth: `${shortCount(all).length}ch` }}>
                  {shortCount(counts === null ? all : counts[kind])}
                </span>
              </span>
            );
          })}
        </span>
        {(view.value.range.kind === "between" || view.value.line !== null) && (
          <button type="button" class="small" onClick={() => show({ ...view.value, line: null, range: DEFAULT_RANGE })}>
            Back to live
          </button>
        )}
      </div>
      <div
        class="histogram-plot"
        ref={box}
        role="img"
        aria-label={shown === null ? "Loading" : `${countText(shown.total)} lines, ${span}. Click to zoom in.`}
      />
    </section>
  );
}

function sumOf(stacks: Stacks, kind: (typeof LEVEL_KINDS)[number]): number {
  return stacks.counts.reduce((sum, column) => sum + column[kind], 0);
}

function bucketText(start: number, bucketMs: number): string {
  return `${monthDay(start)} ${shortClock(start)} – ${shortClock(start + bucketMs)}`;
}

function series(stacks: Stacks): uPlot.AlignedData {
  // Drawn in this order, each over the one before: the highest stack first.
  return [stacks.starts as number[], ...stacks.tops.toReversed().map((row) => row as number[])];
}

function draw(
  element: HTMLElement,
  colours: HTMLElement,
  pointed: { value: number | null },
  data: () => { readonly stacks: Stacks; readonly bucketMs: number; readonly from: number; readonly to: number },
): uPlot {
  // A canvas takes no style variables: the swatches of the legend say what the theme's colours are now.
  const colour = (selector: string): string => {
    const swatch = colours.querySelector(selector);
    return swatch === null ? "" : getComputedStyle(swatch, "::before").backgroundColor;
  };
  const text = (): string => getComputedStyle(colours).color;
  const grid = (): string => getComputedStyle(element).borderBottomColor;
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const bars = uPlot.paths.bars?.({ align: 1, size: [1, 1000], gap: 1 });
  const plot: uPlot = new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      ms: 1,
      legend: { show: false },
      // Half of a label fits beside the last column.
      padding: [6, 18, 0, 0],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: CLICK },
      },
      scales: {
        x: { time: true, range: () => [data().from, data().to] },
        y: { range: (_plot, _min, max) => [0, Math.max(1, max)] },
      },
      axes: [
        {
          stroke: text,
          font,
          size: 20,
          gap: 3,
          space: 80,
          grid: { show: false },
          ticks: { show: true, size: 3, stroke: grid, width: 1 },
          values: (_plot, ticks) => ticks.map((at, i) => tickText(at, (ticks[1] ?? at) - (ticks[0] ?? at), i === 0)),
        },
        {
          stroke: text,
          font,
          size: 44,
          gap: 4,
          space: 26,
          grid: { stroke: grid, width: 1 },
          ticks: { show: false },
          values: (_plot, ticks) => ticks.map((value) => (Number.isInteger(value) ? shortCount(value) : "")),
        },
      ],
      series: [
        {},
        ...LEVEL_KINDS.toReversed().map((kind) => ({
          ...(bars === undefined ? {} : { paths: bars }),
          fill: () => colour(`.level-${kind}`),
          width: 0,
          points: { show: false },
        })),
      ],
      hooks: {
        setCursor: [
          (self) => {
            const { left } = self.cursor;
            pointed.value = left === undefined || left < 0 ? null : columnAt(self.posToVal(left, "x"), data());
          },
        ],
        setSelect: [
          (self) => {
            const { left, width } = self.select;
            if (width < CLICK) return;
            zoom(self.posToVal(left, "x"), self.posToVal(left + width, "x"));
            self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
      },
    },
    series(data().stacks),
    element,
  );
  plot.over.addEventListener("click", () => {
    const index = pointed.value;
    const start = index === null ? undefined : data().stacks.starts[index];
    if (start !== undefined) zoom(start, start + data().bucketMs);
  });
  return plot;
}

function columnAt(at: number, data: { readonly stacks: Stacks; readonly bucketMs: number }): number | null {
  const index = Math.floor((at - (data.stacks.starts[0] ?? at)) / data.bucketMs);
  return index >= 0 && index < data.stacks.starts.length ? index : null;
}

/** Shows a time alone; at least a hundredth of a second, below which there is nothing more to see. */
function zoom(from: number, to: number): void {
  const begin = Math.floor(from);
  show({
    ...view.peek(),
    line: null,
    range: { kind: "between", from: begin, to: Math.max(begin + 10, Math.ceil(to)) },
  });
}

function tickText(at: number, step: number, first: boolean): string {
  if (step >= 86_400_000) return monthDay(at);
  const clock =
    step < 1000
      ? `${shortClock(at)}.${String(at % 1000).padStart(3, "0")}`
      : step < 60_000
        ? shortClock(at)
        : shortClock(at).slice(0, 5);
  return (first && step >= 3_600_000) || clock === "00:00" ? `${monthDay(at)} ${clock}` : clock;
}
