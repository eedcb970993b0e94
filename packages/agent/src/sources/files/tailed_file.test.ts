import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { BEGINNING, compareHead, EMPTY_HEAD, HEAD_BYTES, type Head, readHead, TailedFile } from "./tailed_file.ts";

function opened(t: TestContext, text: string): { fd: number; size: number } {
  const directory = mkdtempSync(join(tmpdir(), "head-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "a");
  writeFileSync(path, text);
  const fd = openSync(path, "r");
  t.after(() => closeSync(fd));
  return { fd, size: text.length };
}

const long = "x".repeat(HEAD_BYTES);

for (const [name, of, other, open, closed] of [
  ["the same bytes", "abc", "abc", "same", "same"],
  ["the same bytes and more", "abc", "abcd", "same", "same"],
  ["other bytes", "abc", "abd", "other", "other"],
  ["fewer bytes, the same so far", "abc", "ab", "same", "unknown"],
  ["fewer bytes, others", "abc", "ax", "other", "unknown"],
  ["no bytes yet", "abc", "", "same", "unknown"],
  ["other bytes behind the head", `${long}a`, `${long}b`, "same", "same"],
] as const) {
  test(`a head compared with a file of ${name}: ${open}, and ${closed} once its bytes are not kept`, (t) => {
    const head = readHead(opened(t, of).fd);
    const { fd, size } = opened(t, other);
    assert.equal(compareHead(fd, size, head), open);
    const withoutBytes: Head = { length: head.length, crc: head.crc };
    assert.equal(compareHead(fd, size, withoutBytes), closed);
  });
}

function tailed(acknowledged: number[]): TailedFile {
  return new TailedFile({
    dev: 1n,
    ino: 1n,
    path: "/a",
    head: EMPTY_HEAD,
    position: BEGINNING,
    onAcknowledged: ({ checkpoint }) => acknowledged.push(checkpoint.offset),
  });
}

const upTo = (offset: number): typeof BEGINNING => ({ ...BEGINNING, offset });

test("the checkpoint moves over what is acknowledged without a gap, and no further", () => {
  const acknowledged: number[] = [];
  const file = tailed(acknowledged);
  const [first, second, third] = [file.sent(0, upTo(10)), file.sent(10, upTo(20)), file.sent(20, upTo(30))];
  second.acknowledge();
  assert.deepEqual([acknowledged, second.settled], [[], false]);
  first.acknowledge();
  first.acknowledge();
  assert.deepEqual([acknowledged, second.settled, third.settled], [[20], true, false]);
  third.acknowledge();
  assert.deepEqual(acknowledged, [20, 30]);
});

test("a file that was truncated keeps the size by which its loss is known", () => {
  const file = tailed([]);
  file.sees(50, 1);
  file.position = upTo(20);
  file.sees(10, 2);
  assert.deepEqual([file.size, file.grownAt], [50, 1]);
  file.sees(60, 3);
  assert.deepEqual([file.size, file.grownAt], [60, 3]);
});

test("the checkpoint moves over what is left out once everything before is acknowledged", () => {
  const acknowledged: number[] = [];
  const file = tailed(acknowledged);
  const first = file.sent(0, upTo(10));
  file.position = upTo(10);
  file.pending = 3;
  file.skipTo(30);
  assert.deepEqual([file.position, file.pending, acknowledged], [{ ...BEGINNING, offset: 30, lineStart: 30 }, 0, []]);
  first.acknowledge();
  assert.deepEqual([acknowledged, file.inFlight], [[30], 0]);
});
