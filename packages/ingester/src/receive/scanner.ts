import { Buffer } from "node:buffer";
import { pool } from "../store/buffer_pool.ts";
import { SCANNER_WASM } from "./scanner_wasm.ts";

/** The part of the WebAssembly API that is used here; the types of Node do not have it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** What the module exports, as `assembly/scanner.ts` has it. Addresses and lengths are in bytes of its memory. */
interface ScannerExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly textsEnd: { readonly value: number };
  readonly fieldCount: { readonly value: number };
  scan(body: number, length: number, texts: number, rows: number, maxRows: number): number;
  freeFrom(): number;
  fieldsAt(): number;
}

/** What was found in a body, until the next one is scanned. */
export interface Scanned {
  readonly rows: number;
  /** The texts, each behind its length; a copy, to be released. */
  readonly texts: Buffer;
  readonly release: () => void;
  /** Of a line, its time in milliseconds or seconds; -1 where none is said. */
  time(row: number): number;
  /** Of a line, the number of its fields. */
  fields(row: number): number;
  /** Of a line, the number of its level: an index of the names, or 255 where the text is to be looked at again. */
  level(row: number): number;
  readonly fieldCount: number;
  /** The fields of a number, as they stand in the body. */
  fieldsText(number: number): string;
}

const PAGE_BYTES = 64 * 1024;
const ALIGNMENT = 64;
/** Bytes that may be read or written behind what is given. */
const SLACK = 64;
/** Bytes of a row, and of fields. */
const ROW = 16;
const FIELDS = 12;
/** No line of a body is shorter than this in JSON, and is taken. */
const MIN_LINE = 16;

/** The scanner with its memory, which is as large as the largest body needed. */
export class Scanner {
  readonly #calls: ScannerExports;
  #bytes: Buffer;
  #view: DataView;

  constructor() {
    // It is part of every Node that runs this.
    const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
    const module = new api.Module(Buffer.from(SCANNER_WASM, "base64"));
    this.#calls = new api.Instance(module).exports as ScannerExports;
    this.#bytes = Buffer.from(this.#calls.memory.buffer);
    this.#view = new DataView(this.#calls.memory.buffer);
  }

  /** Scans a body of well-formed UTF-8; undefined for one that is not taken, or has more lines. */
  scan(body: Buffer, maxRows: number): Scanned | undefined {
    const aligned = (at: number): number => Math.ceil((at + SLACK) / ALIGNMENT) * ALIGNMENT;
    const source = aligned(this.#calls.freeFrom());
    const texts = aligned(source + body.length);
    const rows = aligned(texts + body.length);
    const room = Math.min(maxRows, Math.ceil(body.length / MIN_LINE));
    this.#grow(rows + room * ROW + SLACK);
    body.copy(this.#bytes, source);
    this.#bytes.fill(0, source + body.length, source + body.length + SLACK);
    const found = this.#calls.scan(source, body.length, texts, rows, room);
    if (found < 0) return undefined;
    const view = this.#view;
    const size = this.#calls.textsEnd.value - texts;
    const memory = pool.take(size);
    this.#bytes.copy(memory, 0, texts, texts + size);
    const fields = this.#calls.fieldsAt();
    return {
      rows: found,
      texts: memory.subarray(0, size),
      release: () => pool.give(memory),
      time: (row) => view.getFloat64(rows + row * ROW, true),
      fields: (row) => view.getUint32(rows + row * ROW + 8, true),
      level: (row) => view.getUint32(rows + row * ROW + 12, true),
      fieldCount: this.#calls.fieldCount.value,
      fieldsText: (number) => {
        const at = source + view.getUint32(fields + number * FIELDS, true);
        return this.#bytes.toString("utf8", at, at + view.getUint32(fields + number * FIELDS + 4, true));
      },
    };
  }

  #grow(end: number): void {
    const missing = end - this.#bytes.length;
    if (missing <= 0) return;
    this.#calls.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#bytes = Buffer.from(this.#calls.memory.buffer);
    this.#view = new DataView(this.#calls.memory.buffer);
  }
}
