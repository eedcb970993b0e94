import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { elfInterpreter } from "./elf_interpreter.ts";

test("an executable names its loader, other files name none", {
  skip: process.platform === "linux" ? false : "needs ELF executables",
}, () => {
  const loader = elfInterpreter(process.execPath);
  assert.match(loader ?? "", /^\/.*ld.*\.so/);
  assert.ok(loader !== undefined && existsSync(loader));
  assert.equal(elfInterpreter(loader), undefined);
  assert.equal(elfInterpreter(fileURLToPath(import.meta.url)), undefined);
  assert.equal(elfInterpreter("/dev/null"), undefined);
  assert.equal(elfInterpreter("/nonexistent"), undefined);
  assert.equal(elfInterpreter("/usr"), undefined);
});
