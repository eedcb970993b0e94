import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import {
  REDACTION_PRESETS,
  REDACTION_STYLES,
  type RedactionPreset,
  type RedactionStyle,
} from "../../config/line_options.ts";
import { createRedactor, type Redactor } from "./mod.ts";

const SALT = Buffer.alloc(32, 7);
const RUNS = 2000;

/** Values, and words, signs and sequences that stand around them. */
const VALUES = [
  ...[
    "joe@example.com",
    "émile@exämple.de",
    "joe%40example.com",
    "4111111111111111",
    "4111-1111-1111-1111",
    "3782 822463 10005",
  ],
  ...["123-45-6789", "10.0.0.1", "192.168.1.254", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1%eth0", "+14155550123"],
  ...["(415) 555-0123", "+44 (0)20 7946 0958", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJqb2UifQ.", "AKIAIOSFODNN7EXAMPLE"],
  ...[`secret_access_key=${"wJalrXUtnF".repeat(4)}`, "Bearer 0123456789abcdef", "Authorization: Bearer abc"],
];
const AROUND = [
  ...[
    " ",
    "\n",
    "a",
    "Z",
    "0",
    "7",
    "é",
    "€",
    "中",
    "😀",
    "-",
    ".",
    ":",
    "::",
    "/",
    "@",
    "%",
    "%20",
    "+",
    "_",
    "=",
    "(",
    ")",
    "[",
    "]",
  ],
  ...['"', '\\"', "\\", "\\n", "\\u0022", "\\x22", "\x1b[32m", "\x1b[0m", ",", "{", "}", "x1", "1.2", "ssn "],
];

const text = fc
  .array(
    fc.oneof(fc.constantFrom(...VALUES), fc.constantFrom(...AROUND), fc.string({ unit: "grapheme", maxLength: 4 })),
    {
      maxLength: 12,
    },
  )
  .map((pieces) => Buffer.from(pieces.join("")).toString("latin1"));
const presets = fc.subarray([...REDACTION_PRESETS], { minLength: 1 });

function redactorOf(presets: readonly RedactionPreset[], style: RedactionStyle, salt = SALT): Redactor {
  return createRedactor({ presets, style, salt });
}

test("what is masked holds nothing more that is found", () => {
  fc.assert(
    fc.property(text, presets, (line, chosen) => {
      const redactor = redactorOf(chosen, "mask");
      const once = redactor.redact(line);
      if (once !== undefined)
        assert.equal(redactor.redact(once), undefined, `${JSON.stringify(line)} → ${JSON.stringify(once)}`);
    }),
    { numRuns: RUNS },
  );
});

test("lines without a digit, an at sign and the word bearer are never touched", () => {
  const words = fc
    .string({ unit: "grapheme" })
    .map((line) => line.replaceAll(/[0-9@%]|bearer/gi, ""))
    .map((line) => Buffer.from(line).toString("latin1"));
  fc.assert(
    fc.property(words, (line) => assert.equal(redactorOf(REDACTION_PRESETS, "mask").redact(line), undefined)),
    { numRuns: RUNS },
  );
});

test("in every style what comes of UTF-8 is UTF-8, has as many lines, and all of the text that was not replaced", () => {
  fc.assert(
    fc.property(text, presets, fc.constantFrom(...REDACTION_STYLES), (line, chosen, style) => {
      const redacted = redactorOf(chosen, style).redact(line);
      if (redacted === undefined) return;
      const bytes = Buffer.from(redacted, "latin1");
      assert.equal(Buffer.from(bytes.toString("utf8")).compare(bytes), 0, JSON.stringify(redacted));
      assert.equal(redacted.split("\n").length, line.split("\n").length);
      assert.notEqual(redacted, line);
      if (style !== "mask") return;
      let at = 0;
      for (const kept of redacted.split("[REDACTED]")) {
        at = line.indexOf(kept, at);
        assert.ok(at >= 0, `${JSON.stringify(kept)} was not in ${JSON.stringify(line)}`);
        at += kept.length;
      }
    }),
    { numRuns: RUNS },
  );
});

test("lines are redacted together as each would be alone", () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), presets, (parts, chosen) => {
      const redactor = redactorOf(chosen, "mask");
      const lines = parts.join("\n").split("\n");
      const alone = lines.map((line) => redactor.redact(line) ?? line).join("\n");
      assert.equal(redactor.redact(lines.join("\n")) ?? lines.join("\n"), alone);
    }),
    { numRuns: RUNS },
  );
});

test("the order of the presets in the configuration changes nothing", () => {
  fc.assert(
    fc.property(text, presets, (line, chosen) => {
      const reversed = redactorOf([...chosen, ...chosen].reverse(), "hash");
      assert.equal(redactorOf(chosen, "hash").redact(line), reversed.redact(line));
    }),
    { numRuns: RUNS },
  );
});

test("a hash depends on the salt and on the kind of value, and stays the same however many others were hashed", () => {
  const redactor = redactorOf(["email"], "hash");
  const first = redactor.redact("joe@example.com");
  assert.match(first ?? "", /^\[email:[0-9a-f]{16}\]$/);
  for (let n = 0; n < 3000; n++) redactor.redact(`user${n}@example.com`);
  assert.equal(redactor.redact("joe@example.com"), first);
  assert.notEqual(redactorOf(["email"], "hash", Buffer.alloc(32, 8)).redact("joe@example.com"), first);
});

test("nothing is looked for where no preset is given", () => {
  assert.equal(redactorOf([], "mask").redact("joe@example.com"), undefined);
});

test("colours of a terminal are no part of the word behind them", () => {
  const redactor = redactorOf(REDACTION_PRESETS, "mask");
  assert.equal(redactor.redact("\x1b[1;35mjoe@example.com\x1b[0m"), "\x1b[1;35m[REDACTED]\x1b[0m");
  assert.equal(redactor.redact("\x1b[35m4111111111111111\x1b[39m"), "\x1b[35m[REDACTED]\x1b[39m");
});
