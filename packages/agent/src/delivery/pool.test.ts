import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool } from "./pool.ts";

test("an address of a name with several gets the time that it is told, not Node's half a second", () => {
  const pool = createPool({ maxSockets: 1, addressMs: 2500, context: undefined, way: undefined });
  assert.partialDeepStrictEqual(pool, { options: { autoSelectFamilyAttemptTimeout: 2500 } });
});
