import { styleText } from "node:util";
import type { LineFields } from "../lines/fields/line_fields.ts";
import { printable } from "../telemetry/printable.ts";
import type { Followed } from "./followed.ts";
import type { PreviewLine, RedactedSpan } from "./preview_line.ts";
import { REASONS, reasonText, ruleText } from "./reasons.ts";
import type { RuleNames } from "./rule_names.ts";
import type { PreviewSummary } from "./summary.ts";

/** A file whose lines come next. */
export interface FileHead {
  /** What was given. */
  readonly path: string;
  /** What it is to the rules. */
  readonly as: string;
  /** Undefined where it has no path. */
  readonly followed: Followed | undefined;
  readonly fields: LineFields;
}

/** Columns of the numbers of lines. */
const NUMBERS = 9;

type Style = Parameters<typeof styleText>[0];

/** A preview for people. In front of each line is what becomes of it: `-` not shipped, `~` changed, `+` the agent's own, or nothing. */
export class TextRenderer {
  readonly #names: RuleNames;
  readonly #colours: boolean;

  constructor(names: RuleNames, { colours }: { readonly colours: boolean }) {
    this.#names = names;
    this.#colours = colours;
  }

  file({ path, as, followed, fields }: FileHead): string {
    const name = path === "-" ? "Standard input" : path;
    const other = as === path ? "" : `, as ${as}`;
    const { meta, file, ...others } = fields;
    const told = Object.entries({ ...(file !== as && { file }), ...others }).map(
      ([field, value]) => `${field} ${[value].flat().join(",")}`,
    );
    if (file === undefined) told.unshift("no file");
    if (meta !== undefined) told.push(`meta ${JSON.stringify(meta)}`);
    const why = followed === undefined ? "" : `  ${followed.followed ? "Followed" : "Not followed"}: ${followed.text}`;
    const heads = [why, told.length === 0 ? "" : `  Fields: ${told.join(", ")}`].filter((text) => text !== "");
    const styled = heads.map((text) =>
      this.#styled(followed?.followed === false && text === why ? "yellow" : "dim", printable(text)),
    );
    return `${[this.#styled("bold", printable(`${name}${other}`)), ...styled].join("\n")}\n`;
  }

  line(line: PreviewLine): string {
    const { from, to, part, shipped, isNote, notShipped, changed, redacted } = line;
    const mark = notShipped !== undefined ? "-" : isNote ? "+" : changed ? "~" : " ";
    const number = part === undefined ? (from === to ? String(from) : `${from}-${to}`) : `${from}.${part}`;
    const text = shipped?.line ?? line.text;
    const styled = this.#spans(text, redacted ?? [], notShipped === undefined ? undefined : "dim");
    const why = this.#why(line);
    const [first = "", ...others] = styled.split("\n");
    const rows = [
      `${mark} ${number.padStart(NUMBERS)}  ${first}`,
      ...others.map((other) => `${mark} ${"|".padStart(NUMBERS)}  ${other}`),
    ];
    return `${rows.join("\n")}${why === "" ? "" : `  ${this.#styled("cyan", printable(`← ${why}`))}`}\n`;
  }

  summary(summary: PreviewSummary, notes: readonly string[]): string {
    const { linesRead, linesShipped, joined, parts, ownLines, redacted, bytes, unreadable } = summary;
    const of = [
      ...(joined.events > 0 ? [`${joined.events} joined of ${joined.lines} lines`] : []),
      ...(parts > 0 ? [`${counted(parts, "part")} of long lines`] : []),
      ...(ownLines > 0 ? [`${ownLines} of the agent's own`] : []),
      ...(redacted > 0 ? [`${redacted} redacted`] : []),
    ];
    const { exclusion, inclusion: _, ...others } = summary.notShipped;
    const left = [
      ...summary.excludedBy.map(({ count, ...rule }) => row(count, ruleText(rule))),
      ...(summary.notShipped.inclusion > 0 ? [row(summary.notShipped.inclusion, REASONS.inclusion)] : []),
      ...Object.entries(others).flatMap(([by, count]) =>
        count === 0 ? [] : [row(count, REASONS[by as keyof typeof REASONS])],
      ),
    ];
    const notShipped = Object.values(summary.notShipped).reduce((sum, count) => sum + count, 0);
    const rows = [
      `${counted(linesRead, "line")} read, ${counted(linesShipped, "line")} shipped${of.length === 0 ? "" : `: ${of.join(", ")}`}`,
      ...(notShipped > 0 ? [`${counted(notShipped, "line")} not shipped:`, ...left] : []),
      ...(summary.redactedBy.length > 0
        ? ["Redacted:", ...summary.redactedBy.map(({ count, ...rule }) => row(count, ruleText(rule)))]
        : []),
      `${counted(bytes.read, "byte")} read: ${bytes.shipped} shipped, ${bytes.excluded} excluded, ${bytes.dropped} dropped, ${bytes.empty} of empty lines`,
      ...(unreadable > 0 ? [`${counted(unreadable, "file")} could not be read`] : []),
      ...notes.map((note) => `Note: ${note}`),
    ];
    return `\n${rows.map(printable).join("\n")}\n`;
  }

  #why({ notShipped, changed, redacted }: PreviewLine): string {
    if (notShipped !== undefined) return reasonText(notShipped, this.#names);
    if (!changed) return "";
    if (redacted === undefined) return "redacted, by which rule cannot be told";
    const rules = redacted.flatMap(({ by }) => by.map((rule) => this.#names.line(rule)));
    const told = new Set(rules.map(({ option, rule }) => `${option} ${rule}`));
    return told.size === 0 ? "redacted in another part" : [...told].join(", ");
  }

  /** A text that is safe to show, with what was put into it in another colour. */
  #spans(text: string, spans: readonly RedactedSpan[], style: Style | undefined): string {
    const shown = (part: string, own: Style | undefined): string =>
      part
        .split("\n")
        .map((line) => (own === undefined || line === "" ? visible(line) : this.#styled(own, visible(line))))
        .join("\n");
    let out = "";
    let at = 0;
    for (const { start, end } of spans) {
      out += shown(text.slice(at, start), style) + shown(text.slice(start, end), ["black", "bgYellow"]);
      at = end;
    }
    return out + shown(text.slice(at), style);
  }

  #styled(style: Style, text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text;
  }
}

/** Tabs stay; they do nothing to a terminal. */
function visible(text: string): string {
  return text.split("\t").map(printable).join("\t");
}

function row(count: number, text: string): string {
  return `${String(count).padStart(NUMBERS + 2)}  ${text}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
