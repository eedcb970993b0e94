import { styleText } from "node:util";
import { printable } from "../telemetry/printable.ts";
import type { ConfigReport, OptionReport } from "./report.ts";
import { sourceText } from "./source.ts";

export interface RenderOptions {
  readonly colours: boolean;
}

/** Columns that are no wider than this, so that one long value does not push all sources away. */
const MAX_WIDTH = 44;

/** The effective configuration for people: a line for each value, with where it comes from. */
export function renderConfig({ files, options }: ConfigReport, { colours }: RenderOptions): string {
  type Style = Parameters<typeof styleText>[0];
  const styled = (style: Style, text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const rows = options.flatMap(rowsOf);
  const width = (column: "name" | "value"): number =>
    Math.max(...rows.map((row) => row[column].length).filter((length) => length <= MAX_WIDTH));
  const [names, values] = [width("name"), width("value")];

  let text = files
    .map(({ path, error }) => `${error === undefined ? "Read" : `Not read (${error})`}: ${printable(path)}\n`)
    .join("");
  let group = "";
  for (const row of rows) {
    if (row.group !== group) text += `\n${styled("bold", row.group)}\n`;
    group = row.group;
    const source = row.isGiven ? row.source : styled("dim", row.source);
    text += `  ${row.name.padEnd(names)}  ${row.value.padEnd(values)}  ${source}\n`;
  }
  return text;
}

interface Row {
  readonly group: string;
  readonly name: string;
  readonly value: string;
  readonly source: string;
  readonly isGiven: boolean;
}

function rowsOf(option: OptionReport): Row[] {
  const { group, value, sources, defaultText } = option;
  const name = option.yaml ?? option.variable ?? option.flag ?? "";
  const isList = Array.isArray(value);
  const values: readonly unknown[] = isList && value.length > 0 ? value : [isList ? "(empty)" : value];
  return values.map((item, at) => {
    const source = sources[at] ?? sources.at(-1) ?? { kind: "default" };
    const told =
      source.kind === "default" && defaultText !== undefined ? `default: ${defaultText}` : sourceText(source);
    const isGiven = source.kind !== "default";
    return { group, name: at === 0 ? name : "", value: valueText(item), source: printable(told), isGiven };
  });
}

function valueText(value: unknown): string {
  if (value === null) return "(not set)";
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}
