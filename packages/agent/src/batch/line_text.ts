import { Buffer, isUtf8 } from "node:buffer";

/**
 * The text of a run of lines, one character of latin1 for each byte of UTF-8, so that it can be escaped without being decoded;
 * written as latin1 it is UTF-8 again. What is not UTF-8 becomes U+FFFD; of CR LF the LF stays; the last newline is left out.
 */
export function runText(run: Buffer): string {
  const ended = run.length > 0 && run[run.length - 1] === 10;
  const trimmed = ended ? run.subarray(0, run.length - 1) : run;
  const text = isUtf8(trimmed) ? trimmed.toString("latin1") : Buffer.from(trimmed.toString("utf8")).toString("latin1");
  if (!text.includes("\r")) return text;
  const whole = text.replaceAll("\r\n", "\n");
  return ended && whole.endsWith("\r") ? whole.slice(0, -1) : whole;
}

/** U+007F stands for the newline between two lines while they are escaped: JSON leaves it as it is. */
export const MARK = "\x7f";
