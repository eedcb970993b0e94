import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { freeBytes } from "./free_bytes.ts";

const LARGE = 100_000;

test("memory of its own is given back at once", () => {
  const bytes = Buffer.alloc(LARGE);
  freeBytes(bytes);
  assert.equal(bytes.length, 0);
  assert.equal(bytes.buffer.byteLength, 0);
});

test("what shares its memory with others is left alone", () => {
  const all = Buffer.alloc(2 * LARGE, "x");
  freeBytes(all.subarray(LARGE));
  assert.equal(all.length, 2 * LARGE);
  const small = Buffer.from("a text in a slab of Node's");
  freeBytes(small);
  assert.equal(small.toString(), "a text in a slab of Node's");
});
