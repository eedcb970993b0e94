import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { Joiner } from "../multiline/joiner.ts";
import { RULE } from "../multiline/reading.ts";
import { eventText, splitPieces } from "../pieces.ts";
import { ContainerJoiner } from "./container_joiner.ts";

const T = "2026-01-02T03:04:05.67890123";
const RAW = new ContainerJoiner({ isParsed: false, multiline: undefined });
const PARSED = new ContainerJoiner({ isParsed: true, multiline: undefined });

/** What is shipped of a text that is read at once, a line each; `[held]` and what is left in the file at the end. */
function shipped(text: string, { joiner = RAW, maxPart = 1000, final = false } = {}): string[] {
  const bytes = Buffer.from(text);
  const split = splitPieces(bytes, 0, { lineStart: 0, part: 0 }, { maxPart, maxLine: 10 * maxPart }, final);
  const { pieces, consumed, held } = joiner.join(bytes, split, maxPart, final);
  let at = 0;
  for (const { from, to } of pieces) {
    assert.equal(from, at, "pieces have no gaps");
    at = to;
  }
  assert.equal(at, consumed);
  const lines = pieces.flatMap((piece) => {
    if (piece.kind === "lines") return bytes.toString("utf8", piece.from, piece.to).trimEnd().split("\n");
    assert.ok(piece.kind === "event");
    const { said } = piece;
    const from = said === undefined ? "" : `${new Date(said.time).toISOString()} ${said.stream}: `;
    return [`${from}${eventText(piece, bytes).toString("utf8")}`];
  });
  return [...lines, ...(held ? [`[held]${bytes.toString("utf8", consumed)}`] : [])];
}

test("lines that are whole stay as they are, and are one piece", () => {
  const text = `${T}1Z stdout F one\n${T}2Z stderr F two stdout P three\n`;
  const bytes = Buffer.from(text);
  const split = splitPieces(bytes, 0, { lineStart: 0, part: 0 }, { maxPart: 1000, maxLine: 1000 }, false);
  assert.deepEqual(RAW.join(bytes, split, 1000, false).pieces, [{ kind: "lines", from: 0, to: bytes.length }]);
});

test("lines of CRI that go on become one with the time of the first and the tag of the last", () => {
  const text = `${T}1Z stdout F one\n${T}2Z stdout P tw\n${T}3Z stdout P oo\n${T}4Z stdout F oo\n${T}5Z stdout F three\n`;
  assert.deepEqual(shipped(text), [`${T}1Z stdout F one`, `${T}2Z stdout F twoooo`, `${T}5Z stdout F three`]);
});

test("blanks at the seams stay", () => {
  assert.deepEqual(shipped(`${T}1Z stdout P a \n${T}2Z stdout F  b\n`), [`${T}1Z stdout F a  b`]);
});

test("the first of several tags counts", () => {
  assert.deepEqual(shipped(`${T}1Z stdout P:x a\n${T}2Z stdout F:y b\n`), [`${T}1Z stdout F:y ab`]);
});

test("a line that goes on has lines of the other stream in between", () => {
  const text = `${T}1Z stdout P on\n${T}2Z stderr F err\n${T}3Z stderr P er\n${T}4Z stdout F e\n${T}5Z stderr F r2\n`;
  assert.deepEqual(shipped(text), [`${T}2Z stderr F err`, `${T}1Z stdout F one`, `${T}3Z stderr F err2`]);
});

test("what goes on at the end is left in the file, with all that stands in between", () => {
  const rest = `${T}2Z stdout P on\n${T}3Z stderr F err\n`;
  assert.deepEqual(shipped(`${T}1Z stdout F zero\n${rest}`), [`${T}1Z stdout F zero`, `[held]${rest}`]);
});

test("what goes on and is not waited for any more is shipped, and says that it goes on", () => {
  assert.deepEqual(shipped(`${T}1Z stdout P a\n${T}2Z stdout P b\n`, { final: true }), [`${T}1Z stdout P ab`]);
});

test("a line that is longer than a part is shipped in several that say that they go on", () => {
  const part = (time: string, tag: string): string => `${time}Z stdout ${tag} ${"x".repeat(50)}\n`;
  const text = part(`${T}1`, "P") + part(`${T}2`, "P") + part(`${T}3`, "P") + part(`${T}4`, "F");
  assert.deepEqual(shipped(text, { maxPart: 200 }), [
    `${T}1Z stdout P ${"x".repeat(100)}`,
    `${T}3Z stdout F ${"x".repeat(100)}`,
  ]);
});

test("a line that no runtime has written ends what goes on, and stays as it is", () => {
  assert.deepEqual(shipped(`${T}1Z stdout P a\nno time\n${T}2Z stdout F b\n`), [
    `${T}1Z stdout P a`,
    "no time",
    `${T}2Z stdout F b`,
  ]);
});

const docker = (log: string, second: number, stream = "stdout"): string =>
  `${JSON.stringify({ log, stream, time: `2026-01-02T03:04:0${second}.5Z` })}\n`;

test("lines of Docker that go on become one with the time of the first", () => {
  const text = docker("one\n", 1) + docker("tw", 2) + docker("o", 3) + docker("\n", 4) + docker("three\n", 5);
  assert.deepEqual(
    shipped(text),
    [docker("one\n", 1), docker("two\n", 2), docker("three\n", 5)].map((line) => line.trim()),
  );
});

test("a backslash in front of an n at the end of a part is no newline", () => {
  assert.deepEqual(shipped(docker("C:\\n", 1) + docker("ew\n", 2)), [docker("C:\\new\n", 1).trim()]);
});

test("what looks like Docker's format within a text is text", () => {
  const log = '","stream":"stderr","time":"x"}';
  assert.deepEqual(shipped(docker(log, 1) + docker("\n", 2)), [docker(`${log}\n`, 1).trim()]);
});

test("attributes of Docker's stay", () => {
  const line = (log: string): string =>
    `{"log":"${log}","stream":"stdout","attrs":{"tag":"a}b"},"time":"2026-01-02T03:04:05.6Z"}\n`;
  assert.deepEqual(shipped(line("a") + line("b\\n")), [line("ab\\n").trim()]);
});

test("parsed, lines are as the container has written them, with their time and stream", () => {
  assert.deepEqual(shipped(`${T}1Z stdout F grün\n${T}2Z stderr P t\n${T}3Z stderr F wo\n`, { joiner: PARSED }), [
    "2026-01-02T03:04:05.678Z stdout: grün",
    "2026-01-02T03:04:05.678Z stderr: two",
  ]);
  assert.deepEqual(shipped(docker('"grün"\t\u{1f600}\n', 1) + docker("t", 2) + docker("wo\n", 3), { joiner: PARSED }), [
    '2026-01-02T03:04:01.500Z stdout: "grün"\t\u{1f600}\n',
    "2026-01-02T03:04:02.500Z stdout: two\n",
  ]);
});

test("parsed, what no runtime has written stays as it is", () => {
  const text = `no time\n{"log":"a","stream":"stdout"}\n${T}1Z stdout F one\n2026-13-99T03:04:05Z stdout F x\n`;
  assert.deepEqual(shipped(text, { joiner: PARSED }), [
    "no time",
    '{"log":"a","stream":"stdout"}',
    "2026-01-02T03:04:05.678Z stdout: one",
    "2026-13-99T03:04:05Z stdout F x",
  ]);
});

/** Joins what begins with a blank to the line before it. */
const INDENTED = new Joiner({ ...RULE, start: undefined, continuation: "^ " });
const WITH_RAW = new ContainerJoiner({ isParsed: false, multiline: INDENTED });
const WITH_PARSED = new ContainerJoiner({ isParsed: true, multiline: INDENTED });

test("lines that belong together are told by what the container has written, and have the time of the first", () => {
  const text = `${T}1Z stderr F Error: x\n${T}2Z stderr F  at a\n${T}3Z stderr P  at\n${T}4Z stderr F  b\n${T}5Z stderr F next\n`;
  assert.deepEqual(shipped(text, { joiner: WITH_RAW, final: true }), [
    `${T}1Z stderr F Error: x\n at a\n at b`,
    `${T}5Z stderr F next`,
  ]);
  assert.deepEqual(shipped(text, { joiner: WITH_PARSED, final: true }), [
    "2026-01-02T03:04:05.678Z stderr: Error: x\n at a\n at b",
    "2026-01-02T03:04:05.678Z stderr: next",
  ]);
  const lines = docker("Error: x\n", 1) + docker(" at a\n", 2) + docker("next\n", 3);
  assert.deepEqual(shipped(lines, { joiner: WITH_RAW, final: true }), [
    docker("Error: x\n at a\n", 1).trim(),
    docker("next\n", 3).trim(),
  ]);
});

test("lines of another stream end what belongs together", () => {
  const text = `${T}1Z stderr F Error: x\n${T}2Z stdout F  out\n${T}3Z stderr F  at a\n`;
  assert.deepEqual(shipped(text, { joiner: WITH_RAW, final: true }), text.trimEnd().split("\n"));
});

test("what may go on is left in the file, also with a line in front of it that goes on in pieces", () => {
  const held = `${T}2Z stderr F Error: x\n`;
  assert.deepEqual(shipped(`${T}1Z stdout F one\n${held}`, { joiner: WITH_RAW }), [
    `${T}1Z stdout F one`,
    `[held]${held}`,
  ]);
  const open = `${T}2Z stderr F Error: x\n${T}3Z stderr P  at\n`;
  assert.deepEqual(shipped(open, { joiner: WITH_RAW }), [`[held]${open}`]);
  const within = `${T}2Z stdout P a\n${T}3Z stderr F Error: x\n${T}4Z stdout F b\n`;
  assert.deepEqual(shipped(within, { joiner: WITH_RAW }), [`[held]${within}`]);
});

test("what belongs together takes no more bytes of the file than a part of a line", () => {
  const line = (n: number): string => `${T}1Z stdout F ${n === 0 ? "x" : ` ${n}`}\n`;
  const text = Array.from({ length: 20 }, (_, n) => line(n)).join("");
  const most = Math.floor(200 / line(1).length);
  const whole = shipped(text, { joiner: WITH_RAW, maxPart: 200, final: true });
  assert.equal(whole[0]?.split("\n").length, most);
  assert.deepEqual(shipped(text, { joiner: WITH_RAW, maxPart: 200 }).slice(0, 4), whole.slice(0, 4));
});

test("lines that stand within each other have places of their own", () => {
  const text = `${T}1Z stdout P on\n${T}2Z stderr F err\n${T}3Z stdout F e\n`;
  const bytes = Buffer.from(text);
  const split = splitPieces(bytes, 0, { lineStart: 0, part: 0 }, { maxPart: 1000, maxLine: 1000 }, false);
  const { pieces } = RAW.join(bytes, split, 1000, false);
  assert.deepEqual(
    pieces.map((piece) => [piece.from, piece.to, piece.kind === "event" ? piece.at : undefined]),
    [
      [0, 0, text.indexOf("\n") + 1],
      [0, text.length, 0],
    ],
  );
});

test("wherever reading begins at the end of a piece, the same lines come", () => {
  const text = `${Array.from(
    { length: 40 },
    (_, n) => `${T}1Z ${n % 3 === 0 ? "stderr" : "stdout"} ${n % 4 === 3 ? "F" : "P"} ${n}\n`,
  ).join("")}${T}1Z stdout F end\n${T}1Z stderr F end\n`;
  const bytes = Buffer.from(text);
  const split = splitPieces(bytes, 0, { lineStart: 0, part: 0 }, { maxPart: 200, maxLine: 2000 }, true);
  for (const joiner of [RAW, WITH_RAW]) {
    const whole = shipped(text, { joiner, maxPart: 200, final: true });
    const { pieces } = joiner.join(bytes, split, 200, true);
    for (const { to } of pieces) {
      const rest = shipped(text.slice(to), { joiner, maxPart: 200, final: true });
      if (rest.length > 0) assert.deepEqual(rest, whole.slice(-rest.length));
    }
  }
});
