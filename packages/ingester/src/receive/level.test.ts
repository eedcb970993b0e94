import assert from "node:assert/strict";
import { test } from "node:test";
import { levelIn, normalLevel } from "./level.ts";

/** A line as programs write it, and its level. */
const LINES: readonly (readonly [line: string, level: string])[] = [
  ["2026-01-02T03:04:05Z INFO started", "info"],
  ["2026-01-02 03:04:05,678 WARNING low memory", "warn"],
  ["[ERROR] no such file", "error"],
  ["[error] 12#34: open() failed", "error"],
  ["2026/01/02 03:04:05 [crit] 12#34: no space left", "fatal"],
  ["E 2026 ERR: failed", "error"],
  ["FATAL: the database system is starting up", "fatal"],
  ["time=2026 level=debug msg=x", "debug"],
  ["level=WARN msg=x", "warn"],
  ['{"level":"error","msg":"x"}', "error"],
  ['{"severity": "NOTICE", "msg": "x"}', "info"],
  ['{"loglevel" : "trace"}', "trace"],
  ["\u001b[32mINFO\u001b[0m started", "info"],
  ["[\u001b[31mERROR\u001b[0m] no such file", "error"],
  ["\u001b[38;5;214mWARN\u001b[39m low memory", "warn"],
  ["\u001b[2m2026-01-02T03:04:05Z\u001b[0m \u001b[1;31m[error]\u001b[0m failed", "error"],
  ["level=\u001b[33mwarn\u001b[0m", "warn"],
  ["E0102 15:04:05.000000       1 main.go:1] failed", "error"],
  ["W0102 15:04:05.000000       1 main.go:1] ERROR budget is low", "warn"],
  ["I0102 15:04:05.000000       1 main.go:1] started", "info"],
  ["F0102 15:04:05.000000       1 main.go:1] ended", "fatal"],
  ["2026-01-02T03:04:05.678901234Z stderr F E0102 15:04:05.000000 1 main.go:1] failed", "error"],
  ["E0102 is a part number", ""],
  ['{"level":10,"msg":"x"}', "trace"],
  ['{"level":20,"msg":"x"}', "debug"],
  ['{"level":30,"time":1,"msg":"x"}', "info"],
  ['{"name":"x","level":40}', "warn"],
  ['{"level":50,"msg":"INFO"}', "error"],
  ['{"level" : 60}', "fatal"],
  ['{"level":35}', "info"],
  ['{"level":70}', ""],
  ['{"level":5}', ""],
  ["level=50", ""],
  ["lvl=eror INFO", "info"],
  ["level=info but ERROR", "info"],
  ["<3>kernel: oops", "error"],
  ["<34>1 2026-01-02T03:04:05Z host su - - failed", "fatal"],
  ["<191>text", "debug"],
  ["<192>text", ""],
  ["<13>ERROR in text", "error"],
  ["Verbose TRACEBACK", ""],
  ["Error: boom", "error"],
  ["TypeError: x is not a function", "error"],
  ["java.lang.Thing Exception: x", ""],
  ["2026-01-02T03:04:05.678901234Z stderr F Error: boom", "error"],
  ["no Error: all is well", ""],
  ["GET /ERROR-page 200", ""],
  ["GET /ERROR 200", ""],
  ["GET ERROR-page 200", ""],
  ["GET /ERROR-page 500 ERROR - failed", "error"],
  ["no errors, nothing fatal", ""],
  ["the INFORMATION desk", ""],
  ["level=constructor", ""],
  ["level=__proto__", ""],
  ["", ""],
  [`${"x".repeat(300)} ERROR`, ""],
];

for (const [line, level] of LINES)
  test(`level of ${JSON.stringify(line.slice(0, 60))}`, () => {
    assert.equal(levelIn(line), level);
  });

test("names of levels that senders use are those of the store, others stay as they are in small letters", () => {
  const names = ["ERR", " Warn ", "critical", "NOTICE", "Audit", "constructor", "__proto__", "x".repeat(100)];
  const levels = ["error", "warn", "fatal", "info", "audit", "constructor", "__proto__", "x".repeat(32)];
  assert.deepEqual(names.map(normalLevel), levels);
});

test("the level of any line is found in time that does not grow", () => {
  const began = performance.now();
  for (const part of [
    'level"',
    "level= ",
    "[",
    "<",
    " ",
    "E",
    "severity",
    "\u001b[",
    "\u001b[0;",
    '"level":',
    "AError",
  ])
    levelIn(part.repeat(1_000_000));
  assert.ok(performance.now() - began < 1000);
});
