import type { Buffer } from "node:buffer";
import type { StoredLine } from "@logdna-agent/protocol";
import { BlockWriter, Dictionary } from "./block_writer.ts";

/** A line that is to be stored; its id is made of its place. */
export type ReceivedLine = Omit<StoredLine, "id">;

const TIME = "DateTime64(3, 'UTC')";
const NAME = "LowCardinality(String)";
const NAMES = `Map(${NAME}, String)`;

/** The columns that an insert gives, in its order, and their types. */
export const COLUMN_TYPES = {
  timestamp: TIME,
  received: TIME,
  host: NAME,
  app: NAME,
  file: NAME,
  level: NAME,
  env: NAME,
  tags: `Array(${NAME})`,
  line: "String",
  meta: "String",
  label: NAMES,
  annotation: NAMES,
  batch: "String",
  idx: "UInt32",
} as const;

type Column = keyof typeof COLUMN_TYPES;

/**
 * Lines as the store takes them: a block of ClickHouse's format `Native`, column by column, as which they are stored. The engine
 * takes it as it is, while rows of text would have to be parsed again. Several blocks one behind the other are one input.
 */
export function rowsOf(lines: readonly ReceivedLine[], batch: string): Buffer {
  const rows = lines.length;
  let text = 0;
  for (const { line } of lines) text += line.length;
  // What most lines come to; it grows where that is too little.
  const block = new BlockWriter(text + rows * (90 + batch.length) + 4096);
  const column = (name: Column): BlockWriter => block.text(name).text(COLUMN_TYPES[name]);
  const names = (name: "host" | "app" | "file" | "level" | "env"): void => {
    const dictionary = new Dictionary(rows);
    for (const line of lines) dictionary.add(line[name]);
    column(name).dictionaryVersion().dictionaryOf(dictionary);
  };
  block.varint(Object.keys(COLUMN_TYPES).length).varint(rows);
  column("timestamp").integers64(rows, (n) => lines[n]?.timestamp ?? 0);
  column("received").integers64(rows, (n) => lines[n]?.received ?? 0);
  names("host");
  names("app");
  names("file");
  names("level");
  names("env");
  column("tags").dictionaryVersion();
  listsOf(block, lines);
  column("line");
  for (const { line } of lines) block.text(line);
  column("meta");
  for (const { meta } of lines) block.text(meta);
  for (const name of ["label", "annotation"] as const) {
    column(name).dictionaryVersion();
    mapsOf(block, lines, name);
  }
  column("batch").repeated(batch, rows);
  column("idx").counting32(rows);
  return block.bytes();
}

function listsOf(block: BlockWriter, lines: readonly ReceivedLine[]): void {
  let size = 0;
  block.integers64(lines.length, (n) => {
    size += lines[n]?.tags.length ?? 0;
    return size;
  });
  if (size === 0) return;
  const dictionary = new Dictionary(size);
  for (const { tags } of lines) for (const tag of tags) dictionary.add(tag);
  block.dictionaryOf(dictionary);
}

function mapsOf(block: BlockWriter, lines: readonly ReceivedLine[], name: "label" | "annotation"): void {
  const keys: string[] = [];
  const values: string[] = [];
  block.integers64(lines.length, (n) => {
    const map = lines[n]?.[name] ?? {};
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
