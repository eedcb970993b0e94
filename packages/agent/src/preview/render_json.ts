import { printableJson } from "../telemetry/printable.ts";
import type { PreviewLine } from "./preview_line.ts";
import { rulesOf } from "./reasons.ts";
import type { FileHead } from "./render.ts";
import type { RuleNames } from "./rule_names.ts";
import type { PreviewSummary } from "./summary.ts";

/** A preview for programs: one object a line, whose `kind` is `file`, `line`, `error`, and last `summary`. */
export class JsonRenderer {
  readonly #names: RuleNames;
  #file = "";

  constructor(names: RuleNames) {
    this.#names = names;
  }

  file({ path, as, followed, fields }: FileHead): string {
    this.#file = path;
    const { followed: isFollowed, rule, text } = followed ?? {};
    return json({ kind: "file", path, as, followed: isFollowed, why: text, rule, fields });
  }

  line({ from, to, part, shipped, isNote, text, notShipped, changed, redacted }: PreviewLine): string {
    const { line, ...fields } = shipped ?? {};
    return json({
      kind: "line",
      path: this.#file,
      from,
      to,
      part,
      shipped: shipped !== undefined,
      ...(isNote && { note: true }),
      text: line ?? text,
      ...(shipped !== undefined && { fields }),
      ...(changed && {
        redactions:
          redacted?.map(({ start, end, by }) => ({ start, end, by: by.map((one) => this.#names.line(one)) })) ?? null,
      }),
      ...(notShipped !== undefined && { excluded: { by: notShipped.by, rules: rulesOf(notShipped, this.#names) } }),
    });
  }

  error(path: string, reason: string): string {
    return json({ kind: "error", path, error: reason });
  }

  summary(summary: PreviewSummary, notes: readonly string[]): string {
    return json({ kind: "summary", ...summary, notes });
  }
}

function json(value: unknown): string {
  return `${printableJson(JSON.stringify(value))}\n`;
}
