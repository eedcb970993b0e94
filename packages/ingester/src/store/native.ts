import type { Buffer } from "node:buffer";
import { BlockWriter, Dictionary } from "./block_writer.ts";
import type { LineColumns, LineFields } from "./line_columns.ts";
import { LINES } from "./tables.ts";

/** Bytes in which a row says where its list ends among all of them; without any value there is nothing else. */
const OFFSET = 8;

type Column = keyof typeof LINES.columns;

/**
 * Lines as the store takes them: a block of ClickHouse's format `Native`, column by column, as which they are stored. The engine
 * takes it as it is, while rows of text would have to be parsed again. Several blocks one behind the other are one input.
 * @param memory where they are written, if they fit.
 * @param number of the insert's block of lines, by which the index of texts knows them.
 */
export function rowsOf(columns: LineColumns, batch: string, number = 0, memory?: Buffer): Buffer {
  const { rows, timestamps, levels, fieldsOf, fields, texts } = columns;
  const block = new BlockWriter(memory ?? sizeOf(columns, batch));
  const column = (name: Column): BlockWriter => block.text(name).text(LINES.columns[name]);
  const names = (name: "host" | "app" | "file" | "env"): void => {
    const known = new Dictionary(fields.length);
    for (const each of fields) known.add(each[name]);
    const numbers = fieldsOf.map((n) => known.numbers[n] ?? 0);
    column(name).dictionaryVersion().dictionaryOf({ keys: known.keys, numbers });
  };
  const own = (row: number): LineFields | undefined => fields[fieldsOf[row] ?? 0];
  block.varint(Object.keys(LINES.columns).length).varint(rows);
  column("timestamp").integers64(rows, (n) => timestamps[n] ?? 0);
  const received = fields[0]?.received ?? 0;
  if (fields.every((each) => each.received === received)) column("received").repeated64(received, rows);
  else column("received").integers64(rows, (n) => own(n)?.received ?? 0);
  names("host");
  names("app");
  names("file");
  const known = new Dictionary(rows);
  for (const level of levels) known.add(level);
  column("level").dictionaryVersion().dictionaryOf(known);
  names("env");
  column("tags").dictionaryVersion();
  if (fields.every(({ tags }) => tags.length === 0)) block.zeros(rows * OFFSET);
  else listsOf(block, rows, (n) => own(n)?.tags ?? []);
  column("line").copy(texts);
  column("meta");
  if (fields.every(({ meta }) => meta === "")) block.zeros(rows);
  else for (let n = 0; n < rows; n += 1) block.text(own(n)?.meta ?? "");
  for (const name of ["label", "annotation"] as const) {
    column(name).dictionaryVersion();
    if (fields.every((each) => Object.keys(each[name]).length === 0)) block.zeros(rows * OFFSET);
    else mapsOf(block, rows, (n) => own(n)?.[name] ?? {});
  }
  column("batch").repeated(batch, rows);
  column("idx").counting32(rows);
  column("block").repeated64(number, rows);
  return block.bytes();
}

/** Bytes that most rows come to. */
export function sizeOf({ texts, rows }: LineColumns, batch: string): number {
  return texts.length + rows * (60 + batch.length) + 4096;
}

function listsOf(block: BlockWriter, rows: number, of: (row: number) => readonly string[]): void {
  let size = 0;
  block.integers64(rows, (n) => {
    size += of(n).length;
    return size;
  });
  if (size === 0) return;
  const dictionary = new Dictionary(size);
  for (let n = 0; n < rows; n += 1) for (const tag of of(n)) dictionary.add(tag);
  block.dictionaryOf(dictionary);
}

function mapsOf(block: BlockWriter, rows: number, of: (row: number) => Readonly<Record<string, string>>): void {
  const keys: string[] = [];
  const values: string[] = [];
  block.integers64(rows, (n) => {
    const map = of(n);
    for (const key in map) {
      keys.push(key);
      values.push(map[key] ?? "");
    }
    return keys.length;
  });
  if (keys.length === 0) return;
  const dictionary = new Dictionary(keys.length);
  for (const key of keys) dictionary.add(key);
  block.dictionaryOf(dictionary);
  for (const value of values) block.text(value);
}
