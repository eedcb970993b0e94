import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { KEY, showsSecret } from "./secret_search.ts";

test("the key is found in whatever way it is written, also a part of it", () => {
  const shown = [
    KEY,
    JSON.stringify(JSON.stringify(KEY)),
    encodeURIComponent(KEY),
    KEY.slice(0, 8),
    KEY.slice(-8),
    Buffer.from(KEY).toString("base64"),
    Buffer.from(`${KEY}:`).toString("base64"),
  ];
  for (const text of shown) assert.ok(showsSecret(`the key ${text} is wrong`, KEY), text);
  assert.ok(!showsSecret("the key *** is wrong, fK7qZ", KEY));
});
