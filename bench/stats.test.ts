import assert from "node:assert/strict";
import { test } from "node:test";
import { median, quantile } from "./stats.ts";

test("the median is the value in the middle, or lies between the two in the middle, in any order", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 1, 9, 4]), 6.5);
  assert.equal(median([7]), 7);
  assert.throws(() => median([]), RangeError);
});

test("a quantile has its share of the values below it", () => {
  const hundred = Array.from({ length: 101 }, (_, n) => 100 - n);
  assert.equal(quantile(hundred, 0.99), 99);
  assert.equal(quantile(hundred, 0), 0);
  assert.equal(quantile(hundred, 1), 100);
  assert.equal(quantile([0, 10], 0.25), 2.5);
});
