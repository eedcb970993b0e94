/** Writes what is recorded in `bench/results` into `docs/performance.md`, between its markers, with a chart for each measure. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bar, barChart, type Line, lineChart } from "./chart.ts";
import { machineText } from "./machine.ts";
import type { Measure } from "./measure.ts";
import { MEASURES } from "./measures/mod.ts";
import { type Result, savedResults } from "./result.ts";
import { markdownText, tableOf } from "./tables.ts";

const ROOT = join(import.meta.dirname, "..");
export const RESULTS = join(ROOT, "bench/results");
const CHARTS = "performance";

/** Writes the page and its charts: of every measure what is recorded, or that nothing is. */
export function writeReport(resultsDirectory = RESULTS, docs = join(ROOT, "docs")): void {
  const results = savedResults(resultsDirectory);
  mkdirSync(join(docs, CHARTS), { recursive: true });
  const path = join(docs, "performance.md");
  let text = readFileSync(path, "utf8");
  for (const measure of MEASURES) {
    const result = results.find((each) => each.measure === measure.name);
    text = replaceBlock(text, measure.name, blockOf(measure, result));
    if (result !== undefined) writeFileSync(join(docs, CHARTS, `${measure.name}.svg`), chartOf(measure, result));
  }
  writeFileSync(path, text);
}

/** Puts a text between the two markers of a name. @throws {Error} when the document does not have them. */
export function replaceBlock(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- bench ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no markers "${begin}" and "${end}".`);
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`;
}

function blockOf(measure: Measure, result: Result | undefined): string {
  if (result === undefined)
    return `${measure.about}\n\nNot recorded yet: \`npm run bench -- ${measure.name} --record\`.`;
  const { command, date, input, machine, runs, subjects } = result;
  const failures = result.cases.flatMap(({ subject, x = "", failed }) =>
    failed === undefined ? [] : [`${subject} ${x} failed: ${failed.split("\n")[0]}`],
  );
  const known = subjects.map(({ name, version, work }) => `${name} ${version}: ${work}`);
  return [
    `${measure.about} ${input}. ${runs === 1 ? "One run of each" : `Medians of ${runs} interleaved runs`}.`,
    markdownText(tableOf(measure, result)),
    `![${measure.name}, the numbers of the table as a chart](${CHARTS}/${measure.name}.svg)`,
    `\`${command}\`, ${date}; ${machineText(machine)}. ${[...known, ...failures].join(". ")}.`,
  ].join("\n\n");
}

function chartOf(measure: Measure, result: Result): string {
  const { chart, metrics } = measure;
  // What failed is told in the table.
  const cases = result.cases.filter(({ failed }) => failed === undefined);
  const isFirst = (subject: string): boolean => subject === cases[0]?.subject;
  const subjects = [...new Set(cases.map(({ subject }) => subject))];
  if (chart.kind === "tracks") {
    const lines: Line[] = cases.map(({ subject, track = [] }) => ({
      label: subject,
      points: track.map(({ seconds, rss }) => ({ x: seconds, y: rss / 1e6 })),
      strong: isFirst(subject),
    }));
    return lineChart(`${measure.name}: memory over time`, { title: "seconds", scale: "linear" }, "RSS, MB", lines);
  }
  const metric = metrics.find(({ key }) => key === chart.metric);
  if (metric === undefined) throw new Error(`${measure.name} draws ${chart.metric}, and has no such metric.`);
  const better = metric.better === undefined ? "" : `, ${metric.better} is better`;
  const unit = `${metric.title}${better}`;
  if (chart.kind === "bars") {
    const bars: Bar[] = cases.map(({ subject, medians }) => {
      const value = medians[chart.metric] ?? 0;
      return { label: subject, value, text: value.toFixed(metric.digits), strong: isFirst(subject) };
    });
    return barChart(measure.name, unit, bars);
  }
  const lines: Line[] = subjects.map((subject) => ({
    label: subject,
    points: cases
      .filter((each) => each.subject === subject)
      .map(({ x = 0, medians }) => ({ x, y: medians[chart.metric] ?? 0 })),
    strong: isFirst(subject),
  }));
  return lineChart(measure.name, { title: measure.axis ?? "", scale: chart.scale }, unit, lines);
}
