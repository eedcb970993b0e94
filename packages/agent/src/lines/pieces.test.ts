import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { type LinePosition, type Piece, splitPieces } from "./pieces.ts";

const limits = { maxPart: 8, maxLine: 20 };
const beginning = { lineStart: 0, part: 0 };

function show(pieces: readonly Piece[], bytes: Buffer): string[] {
  return pieces.map((piece) => {
    const text = JSON.stringify(bytes.toString("latin1", piece.from, piece.to));
    if (piece.kind === "part") return `part ${piece.number}${piece.last ? " last" : ""} ${text}`;
    if (piece.kind === "dropped") return `dropped ${piece.total ?? "…"} ${text}`;
    return `lines ${text}`;
  });
}

function split(text: string, complete = false): { shown: string[]; consumed: number; position: LinePosition } {
  const bytes = Buffer.from(text, "latin1");
  const { pieces, consumed, position } = splitPieces(bytes, 0, beginning, limits, complete);
  return { shown: show(pieces, bytes), consumed, position };
}

test("whole lines are one piece, and a line that has not ended is left", () => {
  assert.deepEqual(split("a\nbb\nccc"), {
    shown: ['lines "a\\nbb\\n"'],
    consumed: 5,
    position: { lineStart: 5, part: 0 },
  });
});

test("a last line without its newline is a line when the file will not grow", () => {
  assert.deepEqual(split("a\nbb", true).shown, ['lines "a\\nbb"']);
});

test("a line of exactly the size of a part is a line like any other", () => {
  assert.deepEqual(split("12345678\nx\n").shown, ['lines "12345678\\nx\\n"']);
});

test("a longer line comes in numbered parts, the last with its newline", () => {
  assert.deepEqual(split("a\n123456789012\nb\n").shown, [
    'lines "a\\n"',
    'part 1 "12345678"',
    'part 2 last "9012\\n"',
    'lines "b\\n"',
  ]);
});

test("a newline right behind a full part ends the line", () => {
  assert.deepEqual(split("1234567890123456\nb\n").shown, [
    'part 1 "12345678"',
    'part 2 last "90123456\\n"',
    'lines "b\\n"',
  ]);
});

test("what is beyond the limit of a line is dropped and counted once the line has ended", () => {
  assert.deepEqual(split(`${"x".repeat(30)}\nb\n`).shown, [
    'part 1 "xxxxxxxx"',
    'part 2 "xxxxxxxx"',
    'part 3 "xxxx"',
    'dropped 10 "xxxxxxxxxx\\n"',
    'lines "b\\n"',
  ]);
});

test("parts do not cut a UTF-8 sequence", () => {
  const bytes = Buffer.from("1234567é90123\n");
  assert.deepEqual(
    splitPieces(bytes, 0, beginning, limits, false).pieces.map((piece) => bytes.toString("utf8", piece.from, piece.to)),
    ["1234567", "é90123\n"],
  );
});

test("however a file is cut into reads, its pieces cover it without gaps and agree on what is shipped", () => {
  const file = fc.array(
    fc.record({ length: fc.nat({ max: 40 }), ended: fc.constant(true), fill: fc.constantFrom("x", "é", "\r", "\xff") }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(file, fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 80 }), (lines, reads) => {
      const content = Buffer.concat(lines.map((line) => Buffer.from(`${line.fill.repeat(line.length)}\n`)));
      const inOneGo = shippedBytes(content, [content.length]);
      const inSteps = shippedBytes(content, reads);
      assert.deepEqual(inSteps, inOneGo);
    }),
    { numRuns: 2000 },
  );
});

/** Reads `content` in steps as a file reader does and gives, for each line, the bytes kept and dropped. */
function shippedBytes(content: Buffer, reads: readonly number[]): { kept: number; dropped: number }[] {
  const lines: { kept: number; dropped: number }[] = [];
  let position: LinePosition = beginning;
  let offset = 0;
  let visible = 0;
  let current = { kept: 0, dropped: 0 };
  for (let step = 0; offset < content.length; step += 1) {
    visible = Math.min(content.length, visible + (reads[step % reads.length] ?? 1));
    const bytes = content.subarray(offset, visible);
    const result = splitPieces(bytes, offset, position, limits, visible === content.length);
    let expected = 0;
    for (const piece of result.pieces) {
      assert.equal(piece.from, expected);
      expected = piece.to;
      if (piece.kind === "lines") {
        const text = bytes.toString("latin1", piece.from, piece.to);
        for (const line of text.split("\n").slice(0, -1)) lines.push({ kept: line.length, dropped: 0 });
      } else if (piece.kind === "part") {
        assert.ok(piece.to - piece.from <= limits.maxPart + 1);
        current.kept += piece.to - piece.from - (piece.last ? 1 : 0);
        if (piece.last) {
          lines.push(current);
          current = { kept: 0, dropped: 0 };
        }
      } else {
        if (piece.total !== undefined) {
          lines.push({ kept: current.kept, dropped: piece.total });
          current = { kept: 0, dropped: 0 };
        }
      }
    }
    assert.equal(result.consumed, expected);
    offset += result.consumed;
    position = result.position;
  }
  return lines;
}
