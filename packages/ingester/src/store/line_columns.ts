import type { Buffer } from "node:buffer";
import type { StoredLine } from "@logdna-agent/protocol";
import { BlockWriter } from "./block_writer.ts";
import { lineId } from "./line_id.ts";

/** A line that is to be stored; its id is made of its place. */
export type ReceivedLine = Omit<StoredLine, "id">;

/** What many lines have in common. The level is undefined where the text of each tells it. */
export type LineFields = Omit<ReceivedLine, "timestamp" | "line" | "level"> & { readonly level: string | undefined };

/** Lines of a request, column by column: an object for each would cost more than all else that is done with it. */
export interface LineColumns {
  readonly rows: number;
  /** For each line, milliseconds since the epoch. */
  readonly timestamps: Float64Array;
  /** For each line. */
  readonly levels: readonly string[];
  /** For each line, which of `fields` are its. */
  readonly fieldsOf: Uint32Array;
  readonly fields: readonly LineFields[];
  /** For each line its text in UTF-8, behind its length as a varint. */
  readonly texts: Buffer;
  /** To be called once nothing of them is used any more. */
  readonly release?: () => void;
}

/** The same lines by column. */
export function columnsOf(lines: readonly ReceivedLine[]): LineColumns {
  const texts = new BlockWriter(lines.reduce((sum, { line }) => sum + line.length + 4, 0));
  for (const { line } of lines) texts.text(line);
  return {
    rows: lines.length,
    timestamps: Float64Array.from(lines, ({ timestamp }) => timestamp),
    levels: lines.map(({ level }) => level),
    fieldsOf: Uint32Array.from(lines, (_, n) => n),
    fields: lines,
    texts: texts.bytes(),
  };
}

/** Calls back for each line with the place of its text. */
export function eachText(
  { rows, texts }: Pick<LineColumns, "rows" | "texts">,
  line: (row: number, from: number, to: number) => void,
): void {
  for (let row = 0, at = 0; row < rows; row += 1) {
    let length = 0;
    for (let shift = 1, byte = 0x80; byte >= 0x80; shift *= 128) {
      byte = texts[at++] ?? 0;
      length += (byte & 0x7f) * shift;
    }
    line(row, at, at + length);
    at += length;
  }
}

/** The same lines as they are stored, each with its id. */
export function linesOf(columns: LineColumns, batch: string): StoredLine[] {
  const { timestamps, levels, fieldsOf, fields, texts } = columns;
  const lines: StoredLine[] = [];
  eachText(columns, (idx, from, to) => {
    const timestamp = timestamps[idx] ?? 0;
    // There are some for each line.
    const own = fields[fieldsOf[idx] ?? 0] as LineFields;
    const line = texts.toString("utf8", from, to);
    lines.push({ ...own, id: lineId({ timestamp, batch, idx }), timestamp, level: levels[idx] ?? "", line });
  });
  return lines;
}
