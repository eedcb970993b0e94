import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compiledKernel, KERNEL_FILE } from "../../../scripts/compile_kernel.ts";

test("the kernel that runs is what its sources compile to, to the byte", async () => {
  const committed = readFileSync(join(import.meta.dirname, "../../..", KERNEL_FILE), "utf8");
  assert.ok(committed === (await compiledKernel()), `${KERNEL_FILE} is not up to date: npm run kernel`);
});
