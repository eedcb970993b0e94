import { Buffer } from "node:buffer";
import type { LineJoiner } from "../multiline/joiner.ts";
import type { EventPiece } from "../pieces.ts";
import { runtimeTime } from "./runtime_line.ts";
import type { WrittenLine } from "./written_lines.ts";

/** The event that lines of a container are shipped as. */
export function eventOf(lines: readonly WrittenLine[], bytes: Buffer, isParsed: boolean): EventPiece {
  const from = lines[0]?.from ?? 0;
  const to = lines.at(-1)?.to ?? from;
  const piece = {
    kind: "event",
    from,
    to,
    at: lines[0]?.at ?? from,
    lines: lines.reduce((sum, line) => sum + line.lines, 0),
  } as const;
  const first = lines[0]?.parts[0];
  const last = lines.at(-1)?.parts.at(-1);
  if (first === undefined || last === undefined) return { ...piece, text: bytes.subarray(from, to) };
  const { format, stream, time } = first;
  const text = lines.map(({ parts }) => parts.map((part) => part.text).join("")).join(format.between);
  const plain = isParsed ? format.plain(text) : undefined;
  const at = runtimeTime(time);
  if (plain === undefined || at === undefined)
    return { ...piece, text: Buffer.from(format.written(first, text, last), "latin1") };
  return { ...piece, text: plain, said: { time: at, stream, goesOn: !last.ends } };
}

interface Grouping {
  readonly multiline: LineJoiner;
  /** Bytes of the file that may be one event. */
  readonly maxPart: number;
  /** Bytes behind the lines of what goes on. */
  readonly rest: number;
  /** The last lines may be waited for. */
  readonly mayWait: boolean;
}

interface Grouped {
  /** Lines that are one event, or alone. */
  readonly groups: readonly (readonly WrittenLine[])[];
  /** How many lines they are; those behind them are waited for. */
  readonly held: number;
  readonly cut: boolean;
}

/** Joins the lines of a container as it has written them, those of each stream alone as long as nothing of the other comes. */
export function grouped(lines: readonly WrittenLine[], how: Grouping): Grouped {
  const groups: (readonly WrittenLine[])[] = [];
  let cut = false;
  let at = 0;
  while (at < lines.length) {
    const end = endOfStream(lines, at);
    const isLast = end === lines.length;
    const wait = isLast && how.mayWait;
    const { taken, held, open } = firstGroups(lines.slice(at, end), how, wait, isLast ? how.rest : 0);
    groups.push(...taken);
    at += taken.reduce((sum, group) => sum + group.length, 0);
    cut ||= open;
    if (held) return wholeRegions(groups, cut);
  }
  return { groups, held: at, cut };
}

function endOfStream(lines: readonly WrittenLine[], from: number): number {
  const stream = streamOf(lines[from]);
  let end = from + 1;
  while (end < lines.length && streamOf(lines[end]) === stream) end += 1;
  return end;
}

function streamOf(line: WrittenLine | undefined): string {
  return line?.parts[0]?.stream ?? "";
}

/** The groups up to one that takes too many bytes of the file, which is cut; what is behind that is to be looked at anew. */
function firstGroups(
  lines: readonly WrittenLine[],
  { multiline, maxPart }: Grouping,
  mayWait: boolean,
  rest: number,
): { readonly taken: (readonly WrittenLine[])[]; readonly held: boolean; readonly open: boolean } {
  const texts = lines.map(plainText);
  /** Which line begins at a place. */
  const starts = new Map<number, number>();
  let size = 0;
  for (const text of texts) {
    starts.set(size, starts.size);
    size += text.length;
  }
  const bytes = Buffer.concat(texts);
  const pieces = [{ kind: "lines", from: 0, to: size } as const];
  const joined = multiline.join(
    bytes,
    { pieces, consumed: size, position: { lineStart: size, part: 0 } },
    maxPart,
    !mayWait,
  );
  const index = (offset: number): number => starts.get(offset) ?? lines.length;
  const taken: (readonly WrittenLine[])[] = [];
  for (const { kind, from, to } of joined.pieces) {
    const own = lines.slice(index(from), index(to));
    if (kind !== "event") for (const line of own) taken.push([line]);
    else {
      const fitting = fittingIn(own, maxPart);
      taken.push(fitting);
      if (fitting.length < own.length) return { taken, held: false, open: false };
    }
  }
  if (!joined.held) return { taken, held: false, open: joined.cut };
  const own = lines.slice(index(joined.consumed));
  const bytesHeld = (own.at(-1)?.to ?? 0) - (own[0]?.from ?? 0) + rest;
  if (bytesHeld <= maxPart) return { taken, held: true, open: false };
  taken.push(fittingIn(own, maxPart));
  return { taken, held: false, open: false };
}

/** As many of the first lines as take no more bytes of the file than that, one at least. */
function fittingIn(lines: readonly WrittenLine[], maxPart: number): readonly WrittenLine[] {
  const from = lines[0]?.from ?? 0;
  let end = 1;
  while (end < lines.length && (lines[end]?.to ?? 0) - from <= maxPart) end += 1;
  return lines.slice(0, end);
}

/** Lines that stand within each other are waited for together, with what was joined to any of them. */
function wholeRegions(groups: (readonly WrittenLine[])[], cut: boolean): Grouped {
  let held = groups.reduce((sum, group) => sum + group.length, 0);
  for (let last = groups.at(-1); last !== undefined; last = groups.at(-1)) {
    if ((last.at(-1)?.to ?? 0) !== (last.at(-1)?.from ?? 0)) break;
    groups.pop();
    held -= last.length;
  }
  return { groups, held, cut };
}

/** What machines see of a line, with its end. */
function plainText({ parts }: WrittenLine): Buffer {
  const [first] = parts;
  const text = parts.map((part) => part.text).join("");
  const plain = first?.format.plain(text) ?? Buffer.from(text, "latin1");
  const shown = plain.includes(10) ? Buffer.from(plain.filter((byte) => byte !== 10)) : plain;
  return Buffer.concat([shown, LINE_END]);
}

const LINE_END = Buffer.from("\n");
