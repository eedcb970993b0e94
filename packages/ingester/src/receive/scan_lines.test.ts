import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { columnsOf, linesOf } from "../store/line_columns.ts";
import { readLines, type Sender } from "./lines.ts";
import { Refusal } from "./refusal.ts";
import { scanLines } from "./scan_lines.ts";

const SENDER: Sender = { hostname: "h", tags: ["sent"], received: 1_800_000_000_000, batch: "b" };

/** The lines as the reader of any JSON has them; undefined for what it refuses. */
function readAs(body: Buffer): unknown {
  try {
    return linesOf(columnsOf(readLines(body, SENDER)), "b");
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return undefined;
  }
}

/** Both readers have to agree wherever the quick one takes a body. Returns whether it did. */
function agree(body: Buffer): boolean {
  const scanned = scanLines(body, SENDER);
  if (scanned === undefined) return false;
  assert.deepEqual(linesOf(scanned, "b"), readAs(body));
  return true;
}

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.string({ minLength: 100, maxLength: 400 }),
  fc.constantFrom(
    "plain",
    'a "quoted" \\ text\twith\nmore',
    'level="warn" x',
    "E0102 15:04:05.000000 1 main.go:1] failed",
    "é".repeat(250),
    "x".repeat(127),
    "x".repeat(128),
    `${'"'.repeat(127)}`,
    `${'"'.repeat(128)}`,
    `${'"'.repeat(16_384)}`,
    "\ud83d",
    "😀",
  ),
);
const fields = fc.record(
  {
    timestamp: fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.constantFrom("7", null, 1.5, 1_700_000_000_000)),
    file: fc.constantFrom("/var/log/a.log", '/var/log/ä "x".log', ""),
    app: fc.constantFrom("app", "", 7),
    host: fc.constantFrom("other", ""),
    level: fc.constantFrom("ERR", "", " "),
    env: fc.string(),
    tags: fc.constantFrom("a,b", ["c"], null, 7),
    meta: fc.jsonValue(),
    label: fc.dictionary(fc.string(), fc.string()),
    annotation: fc.constantFrom({}, { a: 1 }, "none"),
  },
  { requiredKeys: ["file"] },
);

test("bodies as agents write them are taken, and read as the reader of any JSON does", () => {
  const usual = fc.array(fc.tuple(text, fc.nat(), fc.constantFrom("/var/log/a.log", "/var/log/ä.log")), {
    minLength: 1,
  });
  fc.assert(
    fc.property(usual, (lines) => {
      const body = { lines: lines.map(([line, timestamp, file]) => ({ line: line.toWellFormed(), timestamp, file })) };
      assert.ok(agree(Buffer.from(JSON.stringify(body))));
    }),
  );
});

test("whatever fields lines have, both readers agree", () => {
  const lines = fc.array(
    fc.tuple(text, fields).map(([line, more]) => ({ line, ...more })),
    { maxLength: 20 },
  );
  let taken = 0;
  fc.assert(
    fc.property(lines, (all) => {
      if (agree(Buffer.from(JSON.stringify({ lines: all })))) taken += 1;
    }),
    { numRuns: 300 },
  );
  assert.ok(taken > 0);
});

test("a body with any byte changed is read by both the same, or left to the other", () => {
  const body = Buffer.from(
    JSON.stringify({
      lines: [
        { line: 'a "quoted" \\ \u00e9 \ud83d\ude00 text', timestamp: 1_700_000_000_000, file: "/var/log/a.log" },
        { line: "level=warn", timestamp: 1_700_000_000_001, file: "/var/log/a.log", meta: { a: ["}", "]"] } },
        { line: "third", app: "a", timestamp: 3 },
      ],
    }).replace("é", "\\u00e9\\u20ac\\n"),
  );
  assert.ok(agree(body));
  for (let at = 0; at < body.length; at += 1)
    for (const byte of [
      0, 0x0a, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x5b, 0x5c, 0x5d, 0x65, 0x75, 0x7b, 0x7d, 0xc3, 0xff,
    ]) {
      const changed = Buffer.from(body);
      changed[at] = byte;
      agree(changed);
    }
  for (let end = 0; end < body.length; end += 1) agree(body.subarray(0, end));
});

test("what is said twice in a line, and what stands behind its end, is left to the other reader", () => {
  for (const body of [
    '{"lines":[{"line":"a","app":"a","line":"b"}]}',
    '{"lines":[{"line":"a","timestamp":1,"app":"a","timestamp":2}]}',
    '{"lines":[{"line":"a","app":"a"}],"lines":[]}',
    '{"lines":[{"line":"a","app":"a"}]} ',
    '{"lines":[]}',
    '{"lines":[{"line":"a","timestamp":007,"app":"a"}]}',
    '{"lines":[{"line":"a","timestamp":1e3,"app":"a"}]}',
  ])
    assert.equal(scanLines(Buffer.from(body), SENDER), undefined, body);
});

test("the level of a text is found as the other reader finds it, whatever is next to what", () => {
  const part = fc.constantFrom(
    ..."level,LEVEL,Level,lvl,severity,loglevel,log_level,levels,info,INFO,Info,WARNING,warn,err,ERROR,Error,Errors,critical".split(
      ",",
    ),
    ..."information,emergency,panic,PANIC,severe,trc,TypeError,IOException,action,verbose,abcdefghijkl,E0102,W01020,x1".split(
      ",",
    ),
    ..."E0102 15:04:05.000000,2026-01-02T03:04:05.678901234Z stderr F ,<3>,<34>1".split(","),
    ...[
      " ",
      "  ",
      "   ",
      "=",
      ":",
      '"',
      "[",
      "]",
      "/",
      "-",
      ": ",
      "_",
      "é",
      "\u001b[31m",
      "\u001b[0m",
      "30",
      "5",
      "\t",
      "\n",
      "<",
      ",",
    ],
    "x ".repeat(120),
  );
  const texts = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(texts, { minLength: 1, maxLength: 50 }), (all) => {
      const lines = all.map((line) => ({ line, timestamp: 7, app: "a" }));
      assert.ok(agree(Buffer.from(JSON.stringify({ lines }))));
    }),
    { numRuns: 500 },
  );
});
