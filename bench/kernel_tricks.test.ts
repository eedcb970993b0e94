import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { replaced, TRICKS_OFF } from "./kernel_tricks_off.ts";

const SOURCES = join(import.meta.dirname, "../packages/kernel/assembly");

test("each trick of the kernel can still be turned off to be measured", () => {
  for (const [name, { changes }] of Object.entries(TRICKS_OFF))
    for (const [file, replacements] of Object.entries(changes))
      assert.doesNotThrow(() => replaced(readFileSync(join(SOURCES, file), "utf8"), replacements), name);
});
