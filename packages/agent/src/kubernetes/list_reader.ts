import { Buffer } from "node:buffer";
import { ApiError } from "./api_error.ts";
import type { JsonRecord } from "./json_values.ts";
import { isRecord } from "./json_values.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = [0x7b, 0x5b];
const CLOSING = [0x7d, 0x5d];
/** What stands before the list of the items. */
const ITEMS = /"items"\s*:\s*$/;
/** Bytes that such a text may have. */
const ITEMS_LENGTH = 64;
/** Depth within the list of the items. */
const IN_ITEMS = 2;

/** Bytes of one object: etcd takes 1.5 MiB. */
export const MAX_OBJECT_BYTES = 4 * 1024 * 1024;

/**
 * Reads the answer to a list request while it arrives, and gives each item out as soon as it is whole, so that no more than one item
 * is in memory, however many there are.
 */
export class ListReader {
  readonly #onItem: (item: JsonRecord) => void;
  #depth = 0;
  #inString = false;
  #afterBackslash = false;
  #inItems = false;
  /** What was read of the item at hand. */
  #item: Buffer[] = [];
  /** All but the items. */
  #rest: Buffer[] = [];
  #bytes = 0;

  constructor(onItem: (item: JsonRecord) => void) {
    this.#onItem = onItem;
  }

  /** @throws {ApiError} when an item, or what is around the items, is too large or no JSON. */
  read(chunk: Buffer): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (this.#inString) {
        if (this.#afterBackslash) this.#afterBackslash = false;
        else if (byte === BACKSLASH) this.#afterBackslash = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) this.#inString = true;
      else if (OPENING.includes(byte)) {
        this.#depth += 1;
        if (this.#inItems && this.#depth === IN_ITEMS + 1) from = at;
        else if (this.#depth === IN_ITEMS && !this.#inItems) {
          this.#keep(this.#rest, chunk.subarray(from, at + 1));
          from = at + 1;
          this.#inItems = this.#atItems();
          this.#bytes = 0;
        }
      } else if (CLOSING.includes(byte)) {
        this.#depth -= 1;
        if (!this.#inItems) continue;
        if (this.#depth === IN_ITEMS) {
          this.#keep(this.#item, chunk.subarray(from, at + 1));
          this.#give();
          from = at + 1;
        } else if (this.#depth < IN_ITEMS) {
          this.#inItems = false;
          from = at;
        }
      }
    }
    if (this.#inItems && this.#depth === IN_ITEMS) return;
    this.#keep(this.#inItems ? this.#item : this.#rest, chunk.subarray(from));
  }

  /** What the list says of itself. @throws {ApiError} when it is not a whole one. */
  end(): JsonRecord {
    return parsed(Buffer.concat(this.#rest));
  }

  #atItems(): boolean {
    let tail = "";
    for (let at = this.#rest.length - 1; at >= 0 && tail.length <= ITEMS_LENGTH; at -= 1)
      tail = (this.#rest[at]?.subarray(-ITEMS_LENGTH).toString("latin1") ?? "") + tail;
    // The bracket itself is the last byte.
    return ITEMS.test(tail.slice(0, -1));
  }

  #give(): void {
    const item = this.#item.length === 1 ? (this.#item[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#item);
    this.#item = [];
    this.#bytes = 0;
    this.#onItem(parsed(item));
  }

  /** A chunk is borrowed: what is kept beyond it is copied. */
  #keep(parts: Buffer[], bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#bytes += bytes.length;
    if (this.#bytes > MAX_OBJECT_BYTES)
      throw new ApiError(`the answer has an object of more than ${MAX_OBJECT_BYTES} bytes`);
    parts.push(Buffer.from(bytes));
  }
}

/** @throws {ApiError} */
export function parsed(bytes: Buffer): JsonRecord {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new ApiError(`the answer is not JSON (${bytes.length} bytes)`);
  }
  if (!isRecord(value)) throw new ApiError("the answer is not a JSON object");
  return value;
}
