import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchMemory } from "./batch_memory.ts";

test("as many ids are remembered as the limit says, the latest of them", () => {
  const memory = new BatchMemory(3);
  for (const id of ["a", "b", "c"]) memory.add(id);
  assert.ok(["a", "b", "c"].every((id) => memory.has(id)));
  memory.add("d");
  assert.deepEqual(
    ["a", "b", "c", "d"].map((id) => memory.has(id)),
    [false, true, true, true],
  );
});

test("an id that is added again takes no other's place", () => {
  const memory = new BatchMemory(2);
  for (const id of ["a", "b", "b", "b"]) memory.add(id);
  assert.ok(memory.has("a") && memory.has("b"));
});
