import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEVEL_KINDS } from "./levels.ts";
import { stackLevels } from "./stacks.ts";

describe("stackLevels", () => {
  it("fills empty buckets and stacks the most severe at the bottom", () => {
    const stacks = stackLevels({
      from: 1000,
      to: 1400,
      bucketMs: 100,
      buckets: [
        { start: 1100, counts: { error: 2, info: 3, "": 1, notice: 4 } },
        { start: 1300, counts: { fatal: 1 } },
      ],
    });
    assert.deepEqual(stacks.starts, [1000, 1100, 1200, 1300]);
    const column = (index: number) => LEVEL_KINDS.map((_, kind) => stacks.tops[kind]?.[index]);
    assert.deepEqual(LEVEL_KINDS, ["fatal", "error", "warn", "info", "debug", "trace", "other"]);
    assert.deepEqual(column(1), [0, 2, 2, 5, 5, 5, 10]);
    assert.deepEqual(column(2), [0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(column(3), [1, 1, 1, 1, 1, 1, 1]);
    assert.equal(stacks.total, 11);
  });

  it("follows buckets that are aligned to their width", () => {
    const { starts, total } = stackLevels({
      from: 1030,
      to: 1330,
      bucketMs: 100,
      buckets: [
        { start: 1000, counts: { info: 1 } },
        { start: 1200, counts: { info: 1 } },
      ],
    });
    assert.deepEqual(starts, [1000, 1100, 1200, 1300]);
    assert.equal(total, 2);
  });

  it("has columns also where there is no line", () => {
    const { starts, total } = stackLevels({ from: 0, to: 300, bucketMs: 100, buckets: [] });
    assert.deepEqual(starts, [0, 100, 200]);
    assert.equal(total, 0);
  });
});
