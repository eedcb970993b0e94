import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { GrantedFiles } from "./granted_files.ts";

test("a file that is replaced is told, one that is written to is not, and directories do not matter", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "granted-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "resolv.conf");
  writeFileSync(file, "one");
  const granted = new GrantedFiles({ logs: [], readable: [file, directory, join(directory, "missing")] });
  appendFileSync(file, "two");
  assert.deepEqual(granted.replaced(), []);
  writeFileSync(`${file}.new`, "three");
  renameSync(`${file}.new`, file);
  assert.deepEqual(granted.replaced(), [file]);
  rmSync(file);
  assert.deepEqual(granted.replaced(), []);
});
