import type { Buffer } from "node:buffer";
import type { LineRule } from "../rules/lines/line_explainer.ts";
import type { RedactedSpan } from "./preview_line.ts";

/** The same in bytes of UTF-8. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
  readonly by: readonly LineRule[];
}

/** Spans of UTF-8, in order, as those of the text. */
export function characterSpans(bytes: Buffer, spans: readonly ByteSpan[]): RedactedSpan[] {
  let at = 0;
  let characters = 0;
  const characterAt = (place: number): number => {
    characters += bytes.toString("utf8", at, place).length;
    at = place;
    return characters;
  };
  return spans.map(({ start, end, by }) => ({ start: characterAt(start), end: characterAt(end), by }));
}
