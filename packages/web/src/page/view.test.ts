import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EMPTY_VIEW, isFiltered, parseView, RANGES, toggleValue, type View, viewAddress, viewFilter } from "./view.ts";

const plain = { noNullPrototype: true };
const values = fc.uniqueArray(fc.string({ unit: "grapheme", minLength: 1 }), { maxLength: 3 });
const views: fc.Arbitrary<View> = fc.record(
  {
    q: fc.string({ unit: "grapheme" }),
    values: fc.record({ level: values, host: values, app: values, file: values, env: values, tag: values }, plain),
    range: fc.oneof(
      fc
        .constantFrom(...(Object.keys(RANGES) as (keyof typeof RANGES)[]))
        .map((name) => ({ kind: "last", name }) as const),
      fc
        .tuple(fc.integer({ min: 1, max: 4e12 }), fc.integer({ min: 1, max: 1e9 }))
        .map(([from, length]) => ({ kind: "between", from, to: from + length }) as const),
    ),
    line: fc.option(fc.string({ minLength: 1 })),
  },
  plain,
);

describe("the address of a view", () => {
  it("leads back to the view, whatever is in it", () => {
    fc.assert(
      fc.property(views, (view) => {
        assert.deepEqual(parseView(new URL(viewAddress(view), "https://logs.example").search), view);
      }),
    );
  });

  it("is short for the default view", () => {
    assert.equal(viewAddress(EMPTY_VIEW), "/");
    assert.deepEqual(parseView(""), EMPTY_VIEW);
  });

  it("ignores what it does not understand", () => {
    for (const search of ["?range=2y", "?from=5", "?from=9&to=3", "?from=x&to=y", "?range=__proto__", "?line="]) {
      assert.deepEqual(parseView(search), EMPTY_VIEW, search);
    }
  });
});

describe("viewFilter", () => {
  it("leaves the end open for a range that ends now", () => {
    const filter = viewFilter(EMPTY_VIEW, 1_000_000);
    assert.equal(filter.from, 100_000);
    assert.equal(filter.to, undefined);
  });
});

describe("toggleValue", () => {
  it("chooses, and chooses no longer, and leaves a single line", () => {
    const chosen = toggleValue({ ...EMPTY_VIEW, line: "x" }, "host", "a");
    assert.deepEqual(chosen.values.host, ["a"]);
    assert.equal(chosen.line, null);
    assert.ok(isFiltered(chosen));
    assert.deepEqual(toggleValue(chosen, "host", "a"), EMPTY_VIEW);
  });
});
