import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonRecord } from "./json_values.ts";
import { ListReader } from "./list_reader.ts";

test("a list is read as JSON.parse reads it, wherever it is cut and whatever is in it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }))),
      fc.record({ continue: fc.string(), resourceVersion: fc.string() }),
      fc.boolean(),
      fc.boolean(),
      fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
      (items, metadata, isFirst, isSpaced, sizes) => {
        const list = isFirst
          ? { items, kind: '"items":[', metadata }
          : { metadata: { ...metadata, items: [1] }, items };
        const bytes = Buffer.from(JSON.stringify(list, undefined, isSpaced ? 2 : undefined));
        const read: JsonRecord[] = [];
        const reader = new ListReader((item) => read.push(item));
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value;
          reader.read(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(JSON.stringify(read), JSON.stringify(items));
        assert.deepEqual(reader.end(), JSON.parse(JSON.stringify({ ...list, items: [] })));
      },
    ),
    { numRuns: 500 },
  );
});

test("what is not a whole list is told", () => {
  for (const text of ["", "[]", '{"items":[{}', "<html>", '{"items":[{"a":}]}'])
    assert.throws(() => {
      const reader = new ListReader(() => undefined);
      reader.read(Buffer.from(text));
      reader.end();
    }, text);
});
