/**
 * Runs the cases under `testcases/redaction/`: a directory for each preset, and `together` for all of them at once. In it is a
 * file for each style, and `equal` for what has the same hash. Lines that begin with `#` are comments.
 *
 * `+ text → text` is what becomes of a line (`…` stands for 16 hexadecimal digits); `- text` stays as it is. In `equal`,
 * `= text | text` have the same hash, and of `! text | text` each has another.
 *
 * Each line is a test of its own: `node --test --test-name-pattern='email/mask:12 ' …/testcases.test.ts`.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REDACTION_PRESETS, REDACTION_STYLES, type RedactionStyle } from "../../config/line_options.ts";
import { createRedactor } from "./mod.ts";

const CASES = join(import.meta.dirname, "../../../../../testcases/redaction");
const SALT = Buffer.alloc(32, 7);

for (const directory of readdirSync(CASES).sort()) {
  for (const file of readdirSync(join(CASES, directory)).sort()) {
    const lines = readFileSync(join(CASES, directory, file), "utf8").split("\n");
    for (const [index, line] of lines.entries()) {
      if (line === "" || line.startsWith("#")) continue;
      test(`redaction case ${directory}/${file}:${index + 1} ${line}`, () => check(directory, file, line));
    }
  }
}

test("every preset has cases for every style, and at least 15 of what is found and of what is not", () => {
  for (const preset of REDACTION_PRESETS) {
    const lines = readFileSync(join(CASES, preset, "mask"), "utf8").split("\n");
    for (const sign of ["+ ", "- "])
      assert.ok(lines.filter((line) => line.startsWith(sign)).length >= 15, `${preset} has too few ${sign}`);
    assert.deepEqual(readdirSync(join(CASES, preset)).sort(), ["equal", "mask", "partial"]);
  }
});

function check(directory: string, file: string, line: string): void {
  const sign = line.slice(0, 2);
  const rest = line.slice(2);
  if (file === "equal") {
    const texts = rest.split(" | ");
    const hashes = new Set(texts.map((text) => /\[\w+:[0-9a-f]{16}\]/.exec(redacted(directory, "hash", text))?.[0]));
    assert.ok(!hashes.has(undefined), "something is not found");
    assert.equal(hashes.size, sign === "= " ? 1 : texts.length);
  } else if (sign === "- ") {
    assert.equal(redacted(directory, styleOf(file), rest), rest);
  } else {
    assert.equal(sign, "+ ");
    const [text = "", expected = ""] = rest.split(" → ");
    const actual = redacted(directory, styleOf(file), text);
    assert.equal(file === "hash" ? actual.replaceAll(/:[0-9a-f]{16}\]/g, ":…]") : actual, expected);
  }
}

function redacted(directory: string, style: RedactionStyle, text: string): string {
  const presets = directory === "together" ? REDACTION_PRESETS : REDACTION_PRESETS.filter((one) => one === directory);
  assert.notEqual(presets.length, 0, directory);
  const bytes = Buffer.from(text).toString("latin1");
  return Buffer.from(createRedactor({ presets, style, salt: SALT }).redact(bytes) ?? bytes, "latin1").toString();
}

function styleOf(file: string): RedactionStyle {
  return REDACTION_STYLES.find((style) => style === file) ?? assert.fail(file);
}
