import { nextCut, type RuntimeLine, runtimeLine } from "./runtime_line.ts";

/** A line as a container has written it: one of the runtime's, or several; or a line that is no runtime's. */
export interface WrittenLine {
  /**
   * The bytes of the chunk that count for it: of lines that stand within each other those of all count for the last one, and the
   * others stand at the same place and have none.
   */
  readonly from: number;
  readonly to: number;
  /** Where in the chunk it begins: of no other line. */
  readonly at: number;
  /** Lines of the file that count for it. */
  readonly lines: number;
  /** What it consists of; nothing where no runtime has written it, and for several that stay as they are. */
  readonly parts: readonly RuntimeLine[];
}

interface Following {
  /** Bytes that what goes on may come to. */
  readonly maxPart: number;
  /** Bytes behind the text of a line that has not ended yet. */
  readonly rest: number;
  /** What goes on at the end may be waited for. */
  readonly mayWait: boolean;
  /** Lines that are whole stay together, unread. */
  readonly onlyCuts: boolean;
}

/** Lines of the runtime that are read together: those of a line that goes on, and what other streams have in between. */
interface Region {
  readonly from: number;
  to: number;
  lines: number;
  /** Lines that go on, by their stream. */
  readonly open: Map<string, Begun>;
  /** What is whole, in the order in which it was ended. */
  readonly whole: Begun[];
}

interface Begun {
  readonly at: number;
  readonly parts: RuntimeLine[];
}

const NEWLINE = 10;
const RETURN = 13;

/**
 * Reads what a container has written from what its runtime has.
 * @param text whole lines, one character for each byte.
 * @param start where in the chunk it begins.
 * @returns the lines, and where in the chunk something begins that goes on, if that is waited for; where it is not, it is among them.
 */
export function writtenLines(
  text: string,
  start: number,
  { maxPart, rest, mayWait, onlyCuts }: Following,
): { readonly lines: WrittenLine[]; readonly open: number | undefined } {
  const lines: WrittenLine[] = [];
  let region: Region | undefined;
  for (let from = 0; from < text.length; ) {
    if (onlyCuts && region === undefined) {
      const cut = nextCut(text, from);
      if (cut > from) {
        lines.push({ from: start + from, to: start + cut, at: start + from, lines: 1, parts: [] });
        from = cut;
        continue;
      }
    }
    const newline = text.indexOf("\n", from);
    const to = newline < 0 ? text.length : newline + 1;
    const line = runtimeLine(text, from, contentEnd(text, from, to));
    if (region !== undefined && (line === undefined || start + to - region.from > maxPart)) {
      end(region, lines);
      region = undefined;
    }
    if (line === undefined || (region === undefined && line.ends))
      lines.push({
        from: start + from,
        to: start + to,
        at: start + from,
        lines: 1,
        parts: line === undefined ? [] : [line],
      });
    else {
      region ??= { from: start + from, to: start + to, lines: 0, open: new Map(), whole: [] };
      add(region, line, start + from, start + to);
      if (region.open.size === 0) {
        end(region, lines);
        region = undefined;
      }
    }
    from = to;
  }
  if (region === undefined) return { lines, open: undefined };
  // What comes next would not fit: what it is need not be known.
  if (mayWait && start + text.length - region.from + rest <= maxPart) return { lines, open: region.from };
  end(region, lines);
  return { lines, open: mayWait ? undefined : region.from };
}

function add(region: Region, line: RuntimeLine, at: number, to: number): void {
  const begun = region.open.get(line.stream) ?? { at, parts: [] };
  begun.parts.push(line);
  region.to = to;
  region.lines += 1;
  if (!line.ends) region.open.set(line.stream, begun);
  else {
    region.open.delete(line.stream);
    region.whole.push(begun);
  }
}

/** Gives out a region, whatever of it goes on. */
function end({ from, to, lines, open, whole }: Region, out: WrittenLine[]): void {
  const all = [...whole, ...open.values()];
  for (const [n, { at, parts }] of all.entries())
    out.push(
      n === all.length - 1
        ? { from, to, at, lines: lines - all.length + 1, parts }
        : { from, to: from, at, lines: 1, parts },
    );
}

/** Where a line's text ends, without LF or CR LF. */
function contentEnd(text: string, from: number, to: number): number {
  let at = to;
  if (at > from && text.charCodeAt(at - 1) === NEWLINE) at -= 1;
  if (at > from && text.charCodeAt(at - 1) === RETURN) at -= 1;
  return at;
}
