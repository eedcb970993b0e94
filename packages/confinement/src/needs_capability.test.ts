import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { needsCapability, unreadableFor, unsearchableFor } from "./needs_capability.ts";

/** A user that nothing here belongs to. */
const OTHER = { uid: 64_000, gid: 64_000 };
const isRoot = process.geteuid?.() === 0;

function place(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "needs-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  return root;
}

function file(path: string, mode: number): string {
  writeFileSync(path, "");
  chmodSync(path, mode);
  return path;
}

test("files that everyone may read need nothing", (t) => {
  const root = place(t);
  file(join(root, "a.log"), 0o644);
  assert.equal(needsCapability([root], OTHER.uid, OTHER.gid), false);
  assert.deepEqual(unreadableFor([root], OTHER), []);
});

test("one private file, directory or parent is enough", (t) => {
  const root = place(t);
  mkdirSync(join(root, "sub"));
  chmodSync(join(root, "sub"), 0o755);
  const secret = file(join(root, "sub/secret.log"), 0o600);
  assert.equal(needsCapability([root], OTHER.uid, OTHER.gid), true);
  assert.deepEqual(unreadableFor([root], OTHER), [secret]);
  chmodSync(secret, 0o644);
  for (const mode of [0o700, 0o744, 0o711]) {
    chmodSync(join(root, "sub"), mode);
    assert.deepEqual(unreadableFor([root], OTHER), [join(root, "sub")], mode.toString(8));
  }
  // On the way to a file, searching is enough.
  chmodSync(join(root, "sub"), 0o711);
  assert.deepEqual(unreadableFor([secret], OTHER), []);
  chmodSync(root, 0o700);
  assert.deepEqual(unreadableFor([secret], OTHER), [root]);
  assert.deepEqual(unsearchableFor(secret, OTHER), [root]);
});

test("files that do not ship are no reason, and links are not followed", (t) => {
  const root = place(t);
  file(join(root, "private.key"), 0o600);
  const outside = place(t);
  file(join(outside, "secret.log"), 0o600);
  symlinkSync(outside, join(root, "link.log"));
  const isWatched = (path: string): boolean => path.endsWith(".log");
  assert.equal(needsCapability([root], OTHER.uid, OTHER.gid, isWatched), false);
  // But a file that is named itself always counts.
  assert.equal(needsCapability([join(root, "private.key")], OTHER.uid, OTHER.gid, isWatched), true);
});

test("one class of mode bits counts: the owner's, else the group's, else that of others", {
  skip: isRoot ? false : "needs root, to give files away",
}, (t) => {
  const root = place(t);
  const log = file(join(root, "a.log"), 0o640);
  chownSync(log, 0, OTHER.gid);
  assert.equal(needsCapability([root], OTHER.uid, OTHER.gid), false);
  chmodSync(log, 0o604);
  assert.equal(needsCapability([root], OTHER.uid, OTHER.gid), true);
  chownSync(log, OTHER.uid, 0);
  assert.equal(needsCapability([root], OTHER.uid, OTHER.gid), false);
  chmodSync(log, 0o044);
  assert.equal(needsCapability([root], OTHER.uid, OTHER.gid), true);
  assert.equal(needsCapability([root], 0, 0), false);
});

test("what is missing is passed over, and a search ends at its limit or where it may not look deeper", (t) => {
  const root = place(t);
  for (let n = 0; n < 5; n++) file(join(root, `${n}.log`), 0o600);
  assert.equal(needsCapability([join(root, "missing/a.log")], OTHER.uid, OTHER.gid), false);
  assert.equal(unreadableFor([root], OTHER, { limit: 2 }).length, 2);
  assert.deepEqual(unreadableFor([root], OTHER, { deep: false }), []);
});
