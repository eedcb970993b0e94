/** Results as tables, for terminals and for Markdown. */
import type { CaseResult } from "./interleave.ts";
import type { Measure, Metric } from "./measure.ts";
import type { Result } from "./result.ts";

type Table = readonly (readonly string[])[];

/** The head and a row for each case. Behind the metric that is drawn stands how many times better the first case is. */
export function tableOf(measure: Measure, result: Pick<Result, "cases">): Table {
  const compared = "metric" in measure.chart ? measure.chart.metric : measure.metrics[0]?.key;
  const metrics = measure.metrics;
  const head = [
    "",
    ...(measure.axis === undefined ? [] : [measure.axis]),
    ...metrics.flatMap(({ key, title, better }) =>
      key === compared && better !== undefined ? [title, "first ÷ this"] : [title],
    ),
  ];
  const rows = result.cases.map((each) => [
    each.subject,
    ...(measure.axis === undefined ? [] : [(each.x ?? 0).toLocaleString("en")]),
    ...metrics.flatMap((metric) => {
      const value = valueText(metric, each.medians[metric.key]);
      if (metric.key !== compared || metric.better === undefined) return [value];
      return [value, ratioText(metric, firstLike(each, result.cases), each)];
    }),
  ]);
  return [head, ...rows];
}

export function terminalText(table: Table): string {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  "),
  );
  return `${lines.join("\n")}\n`;
}

export function markdownText([head = [], ...rows]: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map(line).join("\n");
}

/** The first case of the same point: what others are compared with. */
function firstLike(each: CaseResult, cases: readonly CaseResult[]): CaseResult {
  return cases.find(({ x }) => x === each.x) ?? each;
}

function valueText({ digits }: Metric, value: number | null | undefined): string {
  // JSON has no NaN: what has no value comes back as null.
  if (value === undefined || value === null || Number.isNaN(value)) return "–";
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Above 1 where the first is better. */
function ratioText({ key, better }: Metric, first: CaseResult, each: CaseResult): string {
  const [one, other] = [first.medians[key] ?? 0, each.medians[key] ?? 0];
  const ratio = better === "more" ? one / other : other / one;
  return Number.isFinite(ratio) ? `${ratio.toFixed(2)} ×` : "–";
}
