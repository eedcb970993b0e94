import assert from "node:assert/strict";
import { test } from "node:test";
import { StageCache } from "./stage_cache.ts";

interface Bench {
  /** Asks for each of these keys, and tells which were made. */
  use(keys: readonly number[]): string[];
}

function bench(weight: number, mostWeight: number): Bench {
  let made: string[] = [];
  const cache = new StageCache((key) => {
    made.push(key);
    return { key, weight };
  }, mostWeight);
  return {
    use: (keys) => {
      made = [];
      for (const key of keys) assert.equal(cache.of(String(key)).key, String(key));
      return made;
    },
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

test("what is light is made once, however much of it there is and in whatever order its turns come", () => {
  const { use } = bench(1, 10_000);
  assert.equal(use(upTo(10_000)).length, 10_000);
  assert.deepEqual(use(upTo(10_000)), []);
  assert.deepEqual(use(upTo(10_000).reverse()), []);
});

test("beyond the weight the one that was not used for longest is let go", () => {
  const { use } = bench(10, 1000);
  use(upTo(100));
  assert.deepEqual(use([0, 100]), ["100"]);
  assert.deepEqual(use([0, 2, 100]), []);
  assert.deepEqual(use([1]), ["1"]);
  assert.deepEqual(use([3]), ["3"], "1 took its place");
});

test("a few are kept whatever they weigh, and no more", () => {
  const { use } = bench(1_000_000, 1000);
  use(upTo(64));
  assert.deepEqual(use(upTo(64)), []);
  use(upTo(65));
  assert.equal(use(upTo(65)).length, 65);
});
