import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { MULTILINE_PRESETS, type MultilineRule } from "../../config/line_options.ts";
import { Grouping } from "./grouping.ts";
import { Joiner } from "./joiner.ts";
import type { Machine } from "./machine.ts";
import { multilineFor } from "./mod.ts";
import { PRESETS } from "./presets/presets.ts";
import { RULE, read, shipped } from "./reading.ts";

const CASES = join(import.meta.dirname, "../../../../../testcases/multiline");

/** What is shipped of a text, read at once. */
function joined(text: string, rule: Partial<MultilineRule>, maxPart?: number): string[] {
  const bytes = Buffer.from(text);
  const found = read(new Joiner({ ...RULE, ...rule }), bytes, maxPart === undefined ? {} : { maxPart });
  return shipped(bytes, found).map((line) => Buffer.from(line, "latin1").toString());
}

test("with a start pattern every line that does not match continues, also in front of the first that does", () => {
  assert.deepEqual(joined("x\ny\n>a\nb\n>c\n>d\n e\n", { start: "^>" }), ["x\ny\n", ">a\nb\n", ">c\n", ">d\n e\n"]);
});

test("with a continuation pattern every line that matches continues the one before it", () => {
  assert.deepEqual(joined(" x\na\n b\n c\nd\ne\n f\n", { continuation: "^ " }), [
    " x\n",
    "a\n b\n c\n",
    "d\n",
    "e\n f\n",
  ]);
});

test("with both an event goes from a start over what continues it, and every other line is alone", () => {
  const rule = { start: "^>", continuation: "^ " };
  assert.deepEqual(joined("x\n y\n>a\n b\nc\n d\n>e\n>f\n", rule), [
    "x\n",
    " y\n",
    ">a\n b\n",
    "c\n",
    " d\n",
    ">e\n",
    ">f\n",
  ]);
});

test("a preset beside patterns joins what they would not", () => {
  const text = 'x\nTraceback (most recent call last):\n  File "a.py", line 1\n    f()\nValueError: no\n then\ny\n';
  assert.deepEqual(joined(text, { start: "^\\S", presets: ["python"] }), [
    "x\n",
    text.slice(2, text.lastIndexOf("y")),
    "y\n",
  ]);
});

test("patterns see text as it is: without its line end, and decoded", () => {
  assert.deepEqual(joined("é\r\n+\r\nü\r\n", { start: "^\\p{L}$" }), ["é\r\n+\r\n", "ü\r\n"]);
  assert.deepEqual(joined("a\r\nb$\r\n", { continuation: "^b\\$$" }), ["a\r\nb$\r\n"]);
});

test("empty lines within an event are part of it, and those around it are lines of their own", () => {
  assert.deepEqual(joined("\n\n>a\n\nb\n\n\n>c\n\r\n", { start: "^>" }), [
    "\n",
    "\n",
    ">a\n\nb\n",
    "\n",
    "\n",
    ">c\n",
    "\r\n",
  ]);
});

test("an event with as many lines as it may have is cut, and the rest goes on as an event", () => {
  const lines = Array.from({ length: 10 }, (_, n) => ` ${n}\n`);
  const rule = { continuation: "^ ", maxLines: 4 };
  assert.deepEqual(joined(`a\n${lines.join("")}b\n`, rule), [
    `a\n${lines.slice(0, 3).join("")}`,
    lines.slice(3, 7).join(""),
    lines.slice(7).join(""),
    "b\n",
  ]);
});

test("a trace that is too long is cut between frames, not within one", () => {
  const frame = (n: number): string => `  File "a.py", line ${n}, in f\n    f()\n    ^^^\n`;
  const text = `Traceback (most recent call last):\n${[1, 2, 3, 4].map(frame).join("")}ValueError: no\n`;
  assert.deepEqual(joined(text, { presets: ["python"], maxLines: 6 }), [
    `Traceback (most recent call last):\n${frame(1)}`,
    `${frame(2)}${frame(3)}`,
    `${frame(4)}ValueError: no\n`,
  ]);
});

test("an event is at most as large as a part of a line, and a longer line ends it", () => {
  const rule = { start: "^>", maxBytes: 1000 };
  assert.deepEqual(joined(">a\n123456\n1234\nb\n", rule, 16), [">a\n123456\n1234\n", "b\n"]);
  assert.deepEqual(joined(">a\n12345678901234567890\nb\nc\n", rule, 16), [
    ">a\n",
    "1234567890123456",
    "7890\n",
    "b\nc\n",
  ]);
});

test("what is read is given out but for lines that may go on", () => {
  const bytes = Buffer.from("a\njava.io.IOException: no\n\tat a.B.c(B.java:1)\n");
  const split = { pieces: [{ kind: "lines", from: 0, to: bytes.length }], consumed: bytes.length } as const;
  const position = { lineStart: bytes.length, part: 0 };
  const joiner = new Joiner({ ...RULE, presets: ["java"] });
  assert.deepEqual(joiner.join(bytes, { ...split, position }, 1000, false), {
    pieces: [{ kind: "lines", from: 0, to: 2 }],
    consumed: 2,
    held: true,
    cut: false,
  });
  assert.deepEqual(joiner.join(bytes, { ...split, position }, 1000, true), {
    pieces: [
      { kind: "lines", from: 0, to: 2 },
      { kind: "event", from: 2, to: bytes.length, lines: 2 },
    ],
    consumed: bytes.length,
    held: false,
    cut: true,
  });
});

test("ordinary lines do not wait with a preset", () => {
  for (const line of ["GET / 200\n", "2026-01-01 INFO started\n", "    indented\n", '{"level":"info"}\n', "\n"]) {
    const bytes = Buffer.from(line);
    const split = { pieces: [{ kind: "lines", from: 0, to: bytes.length }], consumed: bytes.length } as const;
    const position = { lineStart: bytes.length, part: 0 };
    const { held } = new Joiner({ ...RULE, presets: MULTILINE_PRESETS }).join(
      bytes,
      { ...split, position },
      1000,
      false,
    );
    assert.equal(held, false, line);
  }
});

test("of rules for paths the last one that matches and has one counts, or else the one for all", () => {
  const rule = (start: string): MultilineRule => ({ ...RULE, start });
  const none = {
    lineExclusion: [],
    lineInclusion: [],
    lineRedact: [],
    redact: [],
    redactAs: undefined,
    rateLimit: undefined,
    sample: undefined,
    app: undefined,
    env: undefined,
    tags: [],
  };
  const joinerFor = multilineFor({
    multiline: { ...rule("^a"), timeout: 1 },
    pathRules: [
      { ...none, paths: ["/x/*"], multiline: { ...rule("^b"), timeout: 2 } },
      { ...none, paths: ["/x/y/*", "/z"], multiline: { ...rule("^c"), timeout: 3 } },
      { ...none, paths: ["*"], multiline: undefined },
    ],
  });
  const timeouts = ["/other", "/x/1", "/x/y/1", "/z", "/x/1"].map((path) => joinerFor(path)?.timeout);
  assert.deepEqual(timeouts, [1, 2, 3, 3, 2]);
  assert.equal(multilineFor({ multiline: undefined, pathRules: [] })("/a"), undefined);
});

/** Texts that are put together out of runs of lines of the cases. */
const SOURCES = MULTILINE_PRESETS.flatMap((preset) =>
  readdirSync(join(CASES, preset))
    .filter((name) => name.endsWith(".log"))
    .map((name) => readFileSync(join(CASES, preset, name), "latin1").match(/[^\n]*\n/g) ?? []),
);
const run = fc
  .record({
    source: fc.nat({ max: SOURCES.length - 1 }),
    from: fc.nat({ max: 30 }),
    length: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ source, from, length }) => (SOURCES[source] ?? []).slice(from, from + length).join(""));
const ordinary = fc
  .record({
    line: fc.constantFrom("ordinary\n", "  indented\n", "\n", `${"long ".repeat(60)}\n`),
    times: fc.nat({ max: 80 }),
  })
  .map(({ line, times }) => line.repeat(times));
const text = fc.array(fc.oneof({ weight: 4, arbitrary: run }, { weight: 1, arbitrary: ordinary }), {
  minLength: 1,
  maxLength: 10,
});
const rule = fc.record({
  presets: fc.subarray([...MULTILINE_PRESETS]),
  start: fc.constantFrom(undefined, undefined, "^\\S", "^\\d{4}"),
  continuation: fc.constantFrom(undefined, undefined, "^\\s"),
  maxLines: fc.constantFrom(2, 3, 7, 1000),
  maxBytes: fc.constantFrom(100, 250, 32_768),
});
const maxPart = fc.constantFrom(256, 1000, 32_768);

test("however a file is cut into reads, and wherever reading begins, the same lines are joined", () => {
  const steps = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, rule, maxPart, steps, fc.nat(), (runs, some, most, bySteps, place) => {
      const bytes = Buffer.from(runs.join(""), "latin1");
      const joiner = new Joiner({ ...RULE, ...some });
      const whole = read(joiner, bytes, { maxPart: most, buffer: bytes.length + 1 });
      const expected = shipped(bytes, whole);
      assert.deepEqual(
        shipped(bytes, read(joiner, bytes, { maxPart: most, steps: bySteps, buffer: 2 * most })),
        expected,
      );
      // What ends a line, and not a part of one.
      const ends = whole.filter(({ kind }) => kind === "event" || kind === "lines").map(({ to }) => to);
      const from = ends[place % Math.max(1, ends.length)] ?? 0;
      const rest = shipped(bytes, read(joiner, bytes, { maxPart: most, from }));
      assert.deepEqual(rest, expected.slice(expected.length - rest.length));
      // A range that ends with an event is read again as it was.
      const range = shipped(bytes, read(joiner, bytes.subarray(0, from), { maxPart: most }));
      assert.deepEqual(range, expected.slice(0, range.length));
    }),
    { numRuns: Number(process.env.JOINER_RUNS ?? 500) },
  );
});

test("lines that are passed over as ordinary are those that would be found to be", () => {
  fc.assert(
    fc.property(text, fc.subarray([...MULTILINE_PRESETS], { minLength: 1 }), fc.boolean(), (runs, presets, final) => {
      const lines = runs.join("");
      const machines: Machine[] = presets.map((preset) => PRESETS[preset]);
      const all = machines.map((machine) => ({ ...machine, trigger: undefined }));
      const bounds = { maxLines: 1000, maxBytes: 32_768 };
      const following = { final, rest: 0 };
      assert.deepEqual(
        new Grouping(machines, false).group(lines, following, bounds),
        new Grouping(all, false).group(lines, following, bounds),
      );
    }),
    { numRuns: Number(process.env.JOINER_RUNS ?? 500) },
  );
});
