/** A table that blocks of the format `Native` are inserted into. */
export interface StoreTable {
  readonly name: string;
  /** Columns that an insert gives, in its order, and their types. */
  readonly columns: Readonly<Record<string, string>>;
}

const TIME = "DateTime64(3, 'UTC')";
const NAME = "LowCardinality(String)";
const NAMES = `Map(${NAME}, String)`;

/** Every line that was received (`schema.ts`). */
export const LINES = {
  name: "lines",
  columns: {
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
    block: "UInt64",
  },
} as const satisfies StoreTable;

/** Which texts lines have (`text_index.ts`). */
export const GRAMS: StoreTable = {
  name: "grams",
  columns: { block: "UInt64", received: TIME, low: TIME, high: TIME, bits: "String" },
};
