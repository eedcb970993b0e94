import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lineId, placeOf } from "./line_id.ts";

test("an id leads back to its place, and needs no escaping in a URL", () => {
  const place = fc.record({
    timestamp: fc.integer({ min: -2_208_988_800_000, max: 10_413_791_999_999 }),
    batch: fc.stringMatching(/^[0-9A-Za-z_-]{1,64}$/),
    idx: fc.integer({ min: 0, max: 0xffff_ffff }),
  });
  fc.assert(
    fc.property(place, (given) => {
      const id = lineId(given);
      assert.deepEqual(placeOf(id), { ...given });
      assert.equal(encodeURIComponent(id), id);
    }),
  );
});

test("what is no id is no place", () => {
  for (const id of ["", "a", "0.0", "0.0.", "0.0.b b", "0.0.b'", "0.-1.b", "0.1.5.b", "zzzzzzzzzzz.0.b", "0.zzzzzzz.b"])
    assert.equal(placeOf(id), undefined, id);
});
