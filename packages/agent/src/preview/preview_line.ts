import type { Against, LineRule } from "../rules/lines/line_explainer.ts";

/** A line of a request, as the server gets it, but for its time. */
export interface WireLine {
  readonly line: string;
  readonly app?: string;
  readonly env?: string;
  readonly host?: string;
  readonly file?: string;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Why something of a file is not shipped. */
export type NotShipped =
  | Against
  /** It is not in the share that is shipped; the rules fail on it; it is longer than a request; it has no text. */
  | { readonly by: "sample" | "undecided" | "too_large" | "empty" }
  /** A rule on its text, of which cannot be told which one. */
  | { readonly by: "rule" };

/** A part of a shipped text that redaction put there, in characters (UTF-16 units). */
export interface RedactedSpan {
  readonly start: number;
  readonly end: number;
  /** One at least. */
  readonly by: readonly LineRule[];
}

/** What becomes of one line of a file, of several that are joined, or of a part of a long one. */
export interface PreviewLine {
  /** Numbers of the lines of the file, from 1. */
  readonly from: number;
  readonly to: number;
  /** The number of the part, from 1, of a line that is longer than LINE_MAX_PART. */
  readonly part: number | undefined;
  /** What is shipped; undefined where nothing is. */
  readonly shipped: WireLine | undefined;
  /** It is a line of the agent's own, in the place of what was dropped of the line. */
  readonly isNote: boolean;
  /** The text as it is in the file, where it is not shipped. */
  readonly text: string;
  readonly notShipped: NotShipped | undefined;
  /** Whether rules put another text in the place of the line's own. */
  readonly changed: boolean;
  /** What of the shipped text is not the line's own; undefined where it is changed and cannot be told. */
  readonly redacted: readonly RedactedSpan[] | undefined;
}
