import assert from "node:assert/strict";
import { test } from "node:test";
import { unescapeMountPoint } from "./mount_point.ts";

test("mountinfo's octal escapes become what they stand for, once", () => {
  assert.equal(unescapeMountPoint("/var/log"), "/var/log");
  assert.equal(unescapeMountPoint("/a\\040b\\011c\\012d\\134e"), "/a b\tc\nd\\e");
  assert.equal(unescapeMountPoint("/a\\134040"), "/a\\040");
  assert.equal(unescapeMountPoint("/é\\043"), "/é#");
});
