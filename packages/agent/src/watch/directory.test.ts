import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { decodeName, encodeName, pathIn } from "./directory.ts";

test("every name that is UTF-8 survives as raw bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      const raw = encodeName(name);
      assert.deepEqual(Buffer.from(raw, "latin1"), Buffer.from(name, "utf8"));
      assert.equal(decodeName(raw), name);
    }),
  );
});

test("bytes have a name exactly when they are UTF-8", () => {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      let expected: string | undefined;
      try {
        expected = strict.decode(bytes);
      } catch {
        expected = undefined;
      }
      assert.equal(decodeName(Buffer.from(bytes).toString("latin1")), expected);
    }),
  );
  // Cut short, a surrogate, overlong, and beyond the last code point.
  for (const raw of ["\xc3", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80"]) assert.equal(decodeName(raw), undefined);
  assert.equal(decodeName("\xef\xbf\xbd"), "\ufffd");
});

test("a name's path: one slash, also below the top", () => {
  assert.equal(pathIn("/", "a"), "/a");
  assert.equal(pathIn("/a", "\xc3\xa9"), "/a/é");
  assert.equal(pathIn("/a", "\xe9"), undefined);
});
