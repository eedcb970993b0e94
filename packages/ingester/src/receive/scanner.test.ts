import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compiledScanner, SCANNER_FILE } from "../../../../scripts/compile_scanner.ts";

test("the committed scanner is what its source compiles to", async () => {
  const committed = readFileSync(join(import.meta.dirname, "../../../..", SCANNER_FILE), "utf8");
  assert.ok(committed === (await compiledScanner()), `${SCANNER_FILE} is not up to date: node scripts/scanner.ts`);
});
