/**
 * Charts as SVG that is read by people and screen readers alike: a title and a description in words, every value as text, series told
 * apart by their names at their ends and by dashes, not by colour alone; light or dark as the reader has it.
 */

/** One bar. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
  /** Drawn in the colour that stands out. */
  readonly strong: boolean;
}

/** One line through points. */
export interface Line {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly strong: boolean;
}

export interface Axis {
  readonly title: string;
  readonly scale: "log" | "linear";
}

const WIDTH = 760;
const BAR = { height: 26, gap: 10, left: 230, right: 110, top: 54 } as const;
const PLOT = { left: 64, right: 190, top: 54, bottom: 52, height: 360 } as const;
const DASHES = ["", "7 4", "2 3", "10 3 2 3", "4 4", "1 5"] as const;
const LABEL_GAP = 16;

export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const height = BAR.top + bars.length * (BAR.height + BAR.gap) + 14;
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const room = WIDTH - BAR.left - BAR.right;
  const rows = bars.map(({ label, value, text, strong }, n) => {
    const y = BAR.top + n * (BAR.height + BAR.gap);
    const width = Math.max(1, (value / most) * room);
    const middle = y + BAR.height / 2 + 5;
    return `<text class="label" x="${BAR.left - 10}" y="${middle}" text-anchor="end">${escaped(label)}</text>
<rect class="${strong ? "strong" : "plain"}" x="${BAR.left}" y="${y}" width="${rounded(width)}" height="${BAR.height}" rx="3"/>
<text class="value" x="${rounded(BAR.left + width + 8)}" y="${middle}">${escaped(text)}</text>`;
  });
  const words = bars.map(({ label, text }) => `${label}: ${text}`).join("; ");
  return drawing(title, `${unit}. ${words}.`, height, [heading(title, unit), ...rows].join("\n"));
}

export function lineChart(title: string, x: Axis, y: string, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map((point) => point.x);
  // Points without end cannot be spread over the arguments of one call.
  const [least, toX] = xs.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [
    Infinity,
    -Infinity,
  ] as const);
  const fromX = x.scale === "log" ? least : Math.min(0, least);
  const stepY = niceStep(Math.max(...points.map((point) => point.y), Number.MIN_VALUE) / 5);
  const toY = stepY * Math.ceil(Math.max(...points.map((point) => point.y), stepY) / stepY);
  const of = (value: number): number => (x.scale === "log" ? Math.log(value) : value);
  const width = WIDTH - PLOT.left - PLOT.right;
  const bottom = PLOT.height - PLOT.bottom;
  const placeX = (value: number): number =>
    PLOT.left + (toX === fromX ? 0.5 : (of(value) - of(fromX)) / (of(toX) - of(fromX))) * width;
  const placeY = (value: number): number => bottom - (value / toY) * (bottom - PLOT.top);

  const rules = Array.from({ length: Math.round(toY / stepY) + 1 }, (_, n) => {
    const at = placeY(n * stepY);
    return `<line class="rule" x1="${PLOT.left}" x2="${PLOT.left + width}" y1="${rounded(at)}" y2="${rounded(at)}"/>
<text class="tick" x="${PLOT.left - 8}" y="${rounded(at + 4)}" text-anchor="end">${numberText(n * stepY)}</text>`;
  });
  const ticks = ticksOf(xs, fromX, toX, x.scale).map(
    (value) =>
      `<text class="tick" x="${rounded(placeX(value))}" y="${bottom + 18}" text-anchor="middle">${numberText(value)}</text>`,
  );
  // Names stand at the ends of their lines, moved apart where these are close.
  let lowest = Number.NEGATIVE_INFINITY;
  const ends = lines
    .map((line, n) => ({ line, dash: DASHES[n % DASHES.length], at: placeY(line.points.at(-1)?.y ?? 0) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ line, dash, at }) => {
      lowest = Math.max(at, lowest + LABEL_GAP);
      const path = line.points.map((point) => `${rounded(placeX(point.x))},${rounded(placeY(point.y))}`).join(" ");
      const kind = line.strong ? "strong" : "plain";
      const dots = line.points.length > 12 ? [] : line.points;
      return `<polyline class="line ${kind}" points="${path}" stroke-dasharray="${dash}"/>
${dots.map((point) => `<circle class="${kind}" cx="${rounded(placeX(point.x))}" cy="${rounded(placeY(point.y))}" r="3.5"/>`).join("")}
<text class="label" x="${PLOT.left + width + 10}" y="${rounded(lowest + 4)}">${escaped(line.label)}</text>`;
    });
  const axis = `<text class="tick" x="${PLOT.left + width / 2}" y="${bottom + 40}" text-anchor="middle">${escaped(x.title)}${x.scale === "log" ? " (each step as many times more)" : ""}</text>`;
  const words = lines
    .map(({ label, points: all }) => {
      const shown = all.length > 12 ? [all[0], all.at(-1)] : all;
      return `${label}: ${shown.map((point) => `${numberText(point?.y ?? 0)} at ${numberText(point?.x ?? 0)}`).join(", ")}`;
    })
    .join("; ");
  const content = [heading(title, y), ...rules, ...ticks, axis, ...ends].join("\n");
  return drawing(title, `${y} by ${x.title}. ${words}.`, PLOT.height, content);
}

/** Numbers that are easy to read, no more than a few. */
function ticksOf(xs: readonly number[], from: number, to: number, scale: "log" | "linear"): number[] {
  const all = [...new Set(xs)].toSorted((a, b) => a - b);
  if (scale === "log" || all.length <= 6) return all;
  const step = niceStep((to - from) / 5);
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, n) => (first + n) * step);
}

/** 1, 2 or 5 times a power of ten, and no less than this. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
}

function heading(title: string, unit: string): string {
  return `<text class="title" x="16" y="24">${escaped(title)}</text>
<text class="tick" x="16" y="42">${escaped(unit)}</text>`;
}

function drawing(title: string, description: string, height: number, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(description)}</desc>
<style>
svg { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --rule: #d9dee3; --strong: #0a5cc2; --plain: #848d97; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0d1117; --ink: #f0f6fc; --faint: #a5aeb8; --rule: #2f353d; --strong: #6cb0ff; --plain: #7d8590; }
}
text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.title { font-size: 15px; font-weight: 600; }
.tick { fill: var(--faint); }
.value { font-variant-numeric: tabular-nums; }
.paper { fill: var(--paper); }
.rule { stroke: var(--rule); }
.strong { fill: var(--strong); stroke: none; }
.plain { fill: var(--plain); stroke: none; }
.line { fill: none; stroke-width: 2; }
.line.strong { stroke: var(--strong); stroke-width: 3; }
.line.plain { stroke: var(--plain); }
</style>
<rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>
${content}
</svg>
`;
}

function numberText(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString("en");
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
