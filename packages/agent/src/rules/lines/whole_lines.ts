import type { LineLimits } from "../../lines/pieces.ts";

const KiB = 1024;

/** Bytes of a line that are looked at as one. What is beyond them is dropped, since nobody has looked at it. */
const WHOLE_LINE = 1024 * KiB;
/** Bytes behind them that are looked at too: a match that reaches across the end is seen, up to this length. */
const OVERLAP = 64 * KiB;

/** The bounds on lines of a file that rules on the text of lines count for. */
export function limitsUnderRules({ maxPart, maxLine }: LineLimits): LineLimits & { readonly whole: number } {
  const bound = Math.min(maxLine, Math.max(WHOLE_LINE, maxPart));
  return { maxPart, maxLine: bound, whole: bound + OVERLAP };
}
