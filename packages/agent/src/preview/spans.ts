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

/**
 * Spans of a text as those of what is shipped of it, which lacks some of its line ends: a body has no carriage return in front of a
 * newline, and no newline at its end.
 * @returns undefined where that is another text.
 */
export function shippedSpans(
  text: string,
  spans: readonly RedactedSpan[],
  shipped: string,
): RedactedSpan[] | undefined {
  if (text === shipped) return [...spans];
  const places = new Uint32Array(text.length + 1);
  let at = 0;
  for (let place = 0; place < text.length; place++) {
    places[place] = at;
    if (text[place] === shipped[at]) at += 1;
    else if (text[place] !== "\r" && text[place] !== "\n") return undefined;
  }
  places[text.length] = at;
  if (at < shipped.length) return undefined;
  return spans.map(({ start, end, by }) => ({ start: places[start] ?? at, end: places[end] ?? at, by }));
}
