import assert from "node:assert/strict";
import { test } from "node:test";
import { ACCESS_FS, gapsOf, handledBy } from "./landlock_abi.ts";

test("each version of the ABI handles what it brought, and leaves open what came later", () => {
  assert.equal(handledBy(0).fs, 0n);
  assert.equal(handledBy(1).fs, 0x1fffn);
  assert.equal(handledBy(2).fs, 0x3fffn);
  assert.equal(handledBy(3).fs, 0x7fffn);
  assert.deepEqual(handledBy(4), { fs: 0x7fffn, net: 3n, scopes: 0n });
  assert.deepEqual(handledBy(5), { fs: 0xffffn, net: 3n, scopes: 0n });
  assert.deepEqual(handledBy(6), { fs: 0xffffn, net: 3n, scopes: 3n });
  assert.deepEqual(handledBy(99), handledBy(6));
  assert.equal(
    handledBy(6).fs,
    Object.values(ACCESS_FS).reduce((all, right) => all | right, 0n),
  );
});

test("gaps are told with the kernel that closes them", () => {
  const always = gapsOf(6);
  assert.ok(always.some((gap) => gap.startsWith("UDP is not restricted")));
  assert.ok(!always.some((gap) => gap.includes("closed by")));
  assert.ok(gapsOf(3).some((gap) => /TCP connections to any port.*closed by Linux 6\.7/.test(gap)));
  assert.equal(gapsOf(1).length, always.length + 5);
});
