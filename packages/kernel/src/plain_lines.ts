import { Buffer } from "node:buffer";

/**
 * What the kernel has to make of a run, line by line in plain JavaScript: the strings of its lines as JSON, one character of
 * latin1 for each byte, where each begins in the run, and the bytes of empty lines.
 * @param isSingle the run is one line, whatever newlines it has within.
 */
export function plainLines(run: Buffer, isSingle: boolean): { lines: string[]; starts: number[]; emptyBytes: number } {
  const lines: string[] = [];
  const starts: number[] = [];
  let emptyBytes = 0;
  for (let from = 0; from < run.length; ) {
    const newline = isSingle ? run.lastIndexOf(10) : run.indexOf(10, from);
    const isEnded = isSingle ? newline === run.length - 1 : newline >= 0;
    const to = isEnded ? newline + 1 : run.length;
    let text = run.toString("utf8", from, isEnded ? newline : to);
    if (isEnded && text.endsWith("\r")) text = text.slice(0, -1);
    if (text === "") emptyBytes += to - from;
    else {
      lines.push(Buffer.from(JSON.stringify(text.replaceAll("\r\n", "\n"))).toString("latin1"));
      starts.push(from);
    }
    from = to;
  }
  return { lines, starts, emptyBytes };
}
