import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { Secrets } from "./secrets.ts";

const ENCODINGS: Readonly<Record<string, (secret: string) => string>> = {
  "as it is": String,
  "in JSON": (secret) => JSON.stringify(secret).slice(1, -1),
  "in a URL": encodeURIComponent,
  "in a URL, in lower case": (secret) => encodeURIComponent(secret).replace(/%../g, (byte) => byte.toLowerCase()),
  "in a form": (secret) => new URLSearchParams({ "": secret }).toString().slice(1),
  "in Base64": (secret) => Buffer.from(secret).toString("base64").replace(/=+$/, ""),
  "as the user of Basic authentication": (secret) => Buffer.from(`${secret}:`).toString("base64").replace(/=+$/, ""),
  "in HTML": (secret) =>
    secret.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? "&#39;"),
};

/** What can be a key; without the characters of which `***` and what stands around it is made. */
const KEY = fc.stringMatching(/^[\x21-\x29\x2b-\x7e]{8,40}$/);

for (const [how, encode] of Object.entries(ENCODINGS)) {
  test(`a secret is found ${how}`, () => {
    fc.assert(
      fc.property(KEY, (key) => {
        const secrets = new Secrets(4);
        secrets.add(key);
        assert.equal(secrets.concealIn(`the key, ${encode(key)}, is wrong`), "the key, ***, is wrong");
      }),
    );
  });
}

test("a password that is not ASCII is found where a header was read as Latin-1", () => {
  const secrets = new Secrets(4);
  secrets.add("pässword");
  const said = Buffer.from("no pässword").toString("latin1");
  assert.equal(secrets.concealIn(said), "no ***");
});

test("of two secrets of which one is in the other, nothing stays", () => {
  for (const order of [
    ["hidden", "hidden-and-more"],
    ["hidden-and-more", "hidden"],
  ]) {
    const secrets = new Secrets(4);
    for (const secret of order) secrets.add(secret);
    assert.equal(secrets.concealIn("hidden-and-more hidden"), "*** ***");
  }
});

test("in fields each text is looked through, and numbers and names are not", () => {
  const secrets = new Secrets(4);
  secrets.add("1234");
  assert.deepEqual(secrets.concealInAll({ a1234: ["x1234", 1234, null, { b: "1234" }], c: true }), {
    a1234: ["x***", 1234, null, { b: "***" }],
    c: true,
  });
});

test("what is too short to be told from other text is left", () => {
  const secrets = new Secrets(8);
  secrets.add("prod");
  assert.equal(secrets.concealIn("production"), "production");
});
