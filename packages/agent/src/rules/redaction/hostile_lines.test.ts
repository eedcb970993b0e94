import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { REDACTION_PRESETS, REDACTION_STYLES } from "../../config/line_options.ts";
import { createRedactor } from "./mod.ts";

const SALT = Buffer.alloc(32, 7);
const MEGABYTE = 1_000_000;
/**
 * Processor time that a line of 1 MB may take, in microseconds. It takes some tens of thousands; with a search that goes back and
 * forth it would be minutes, so other work on the machine decides nothing.
 */
const MAX_MICROSECONDS = 3_000_000;

/** What long lines are made of, each to keep one kind of search busy: candidates that are none, beginnings that have no end. */
const UNITS = [
  ...["@", "a@", "a@a.", "a@a.a", "@a.", "%40", "a%40a.", "joe@example.", "\xc3\xa9@", "\xa9", "-", "a-@-", "_"],
  ...[
    "1",
    "4",
    "1-",
    "1 ",
    "41-",
    "4111-",
    "4111 ",
    "4111111111111",
    "4111111111111111-",
    "123-45-",
    "123 45 6789 ssn ",
  ],
  ...["1.", "1.1.1.1.", "255.", "1.1.1.256 ", "version 1.1.1.1 ", "A/1.1.1.1", "a", "A", "Chrome/", "."],
  ...[
    ":",
    "1:",
    "::",
    "a::",
    "1::1:",
    "ffff:",
    ":ffff:ffff:",
    "::1.1.1.",
    "fe80::1%",
    "1:2:3:4:5:6:7:8:",
    "::1%a.",
    ":::1",
  ],
  ...["+", "+4", "+49", "+49 ", "+49(", "+1 (", "(", "415-", "(415) 555-", "415-555-0123-", "%2B", "\\u002B1"],
  ...["eyJ", "eyJ.", "eyJhbGciOiJub25lIn0.", "eyJhbGciOiJub25lIn0.a.", "eyJ-", ".eyJ"],
  ...[
    "AKIA",
    "A",
    "ASIAA",
    "secret",
    "secret_key=",
    "aws_secret_access_key ",
    "session_token=",
    "secretkey:\\\\\\",
    "secret_key    ",
  ],
  ...["bearer", "bearer ", "bearer  ", "Bearer a ", "authorization: ", "Authorization: bearer", "bearer\t", "bearer+"],
  ...["\\", "\\u", "\\u0022", "%", "%2", "\x1b[", "\x1b[1;", "1;", "m", "\\n", '\\"'],
];

/** What would be found, so often that a search which begins anew each time, or runs to the end, would take hours. */
const FOUND = [
  ...[
    "a@b.cc ",
    "a%40b.cc ",
    "4111111111111111 ",
    "4111-1111-1111-1111 ",
    "123-45-6789 ",
    "1.1.1.1 ",
    "::1 ",
    "+4930901820 ",
  ],
  ...["415-555-0123 ", "eyJhbGciOiJub25lIn0.eyJh.a ", "AKIAIOSFODNN7EXAMPLE ", "Bearer 0123456789abcdef "],
  `secret_key=${"a".repeat(40)} `,
];

const redactors = REDACTION_STYLES.map((style) => createRedactor({ presets: REDACTION_PRESETS, style, salt: SALT }));

function assertFast(text: string, ways = redactors.slice(0, 1)): void {
  for (const redactor of ways) {
    const start = process.cpuUsage();
    redactor.redact(text);
    const { user } = process.cpuUsage(start);
    assert.ok(user < MAX_MICROSECONDS, `${user} µs for ${JSON.stringify(text.slice(0, 40))}…`);
  }
}

for (const unit of UNITS) {
  test(`a line of 1 MB of ${JSON.stringify(unit)} takes no longer than others`, () => {
    // With a value at its end, so that what is found does not end the search.
    assertFast(`${unit.repeat(MEGABYTE / unit.length)} 10.0.0.1@`);
  });
}

for (const value of FOUND) {
  test(`a line of 250 KB of ${JSON.stringify(value)} takes no longer than others, in every style`, () => {
    assertFast(value.repeat(MEGABYTE / 4 / value.length), redactors);
  });
}

test("one value of each kind at the end of a line does not make what is in front of it be searched again and again", () => {
  for (const unit of FOUND) assertFast(unit.repeat(MEGABYTE / 4 / unit.length) + FOUND.join(""));
});

test("no line that is made of a few pieces over and over takes long", () => {
  const piece = fc.oneof(fc.constantFrom(...UNITS, ...FOUND), fc.string({ unit: "binary-ascii", maxLength: 3 }));
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), fc.constantFrom(...FOUND, ""), (pieces, last) => {
      const unit = pieces.join("") || " ";
      assertFast(unit.repeat(MEGABYTE / 4 / unit.length) + last);
    }),
    { numRuns: 60 },
  );
});
