import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Chunk } from "../../chunk.ts";
import { Joiner } from "../../lines/multiline/joiner.ts";
import type { Checkpoint } from "../../state/state_store.ts";
import { ChunkReader, type ReadOutcome } from "./chunk_reader.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "./tailed_file.ts";

const limits = { maxPart: 8, maxLine: 20 };

function opened(t: TestContext, text: string): { path: string; file: TailedFile } {
  const directory = mkdtempSync(join(tmpdir(), "chunk-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "a.log");
  writeFileSync(path, text);
  const init = { dev: 1n, ino: 1n, path, head: EMPTY_HEAD, position: BEGINNING, onAcknowledged: () => undefined };
  const file = new TailedFile(init);
  file.fd = openSync(path, "r");
  t.after(() => closeSync(file.fd));
  return { path, file };
}

/** Each piece by its kind and its text, with what tells a part from another. */
function shown(outcome: ReadOutcome): string[] | string {
  if (outcome.kind !== "chunk") return outcome.kind;
  const { bytes, pieces, start } = outcome.chunk;
  return pieces.map((piece) => {
    const text = JSON.stringify(bytes.toString("latin1", piece.from, piece.to));
    const at = start + piece.from;
    return piece.kind === "part"
      ? `${at} part ${piece.number}${piece.last ? " last" : ""} ${text}`
      : `${at} ${piece.kind} ${text}`;
  });
}

function chunkOf(outcome: ReadOutcome): Chunk {
  assert.equal(outcome.kind, "chunk");
  return outcome.kind === "chunk" ? outcome.chunk : assert.fail();
}

test("whole lines are read, and the rest of one waits until it ends or the file will not grow", (t) => {
  const { path, file } = opened(t, "a\nbb\ncc");
  const reader = new ChunkReader(limits);
  assert.deepEqual(shown(reader.read(file, false)), ['0 lines "a\\nbb\\n"']);
  assert.deepEqual([file.position.offset, file.pending], [5, 2]);
  assert.deepEqual(reader.read(file, false), { kind: "nothing", grown: false });
  writeFileSync(path, "cc", { flag: "a" });
  assert.deepEqual(reader.read(file, false), { kind: "nothing", grown: true });
  assert.deepEqual(shown(reader.read(file, true)), ['5 lines "cccc"']);
  assert.deepEqual([file.position.offset, file.pending], [9, 0]);
});

test("other bytes before the position are noticed, however much the file has grown since", (t) => {
  const { path, file } = opened(t, "a\nb\n");
  const reader = new ChunkReader(limits);
  reader.read(file, false);
  writeFileSync(path, "c\nd\ne\nf\n");
  assert.equal(reader.read(file, false).kind, "rewritten");
  writeFileSync(path, "");
  assert.equal(reader.read(file, false).kind, "rewritten");
});

test("a range that was cut at any piece is read again as the pieces that it was read as before", (t) => {
  // Lines, parts of a line, one beyond the limit, and a last line that has not ended.
  const text = `a\nbb\n${"p".repeat(18)}\n${"d".repeat(40)}\nend\nrest`;
  const { path, file } = opened(t, text);
  const reader = new ChunkReader(limits);
  const chunk = chunkOf(reader.read(file, true));
  const first = shown({ kind: "chunk", chunk, more: false });
  const ends: Checkpoint[] = chunk.pieces.map(({ to }) => chunk.positionAfter(to));
  assert.equal(ends.at(-1)?.offset, text.length);
  // It has grown since: a last line that was handed on as it stood is handed on so again.
  writeFileSync(path, " that came later\nmore\n", { flag: "a" });
  for (const [from, begin] of [BEGINNING, ...ends].entries())
    for (const [n, end] of ends.entries()) {
      if (n < from) continue;
      file.position = begin;
      file.pending = 0;
      const again = shown(reader.readAgain(file, end.offset, end.lineStart));
      assert.deepEqual(again, first.slice(from, n + 1), `from ${begin.offset} to ${end.offset}`);
      assert.deepEqual(file.position, end);
    }
});

test("a line that is held comes whole, or once as much of it is there as is looked at", (t) => {
  const { path, file } = opened(t, `short\n${"x".repeat(30)}`);
  const held = { maxPart: 8, maxLine: 40, whole: 50 };
  const reader = new ChunkReader(limits, Date.now, { limitsFor: (given) => (given === path ? held : limits) });
  assert.deepEqual(shown(reader.read(file, false)), ['0 lines "short\\n"']);
  assert.equal(reader.read(file, false).kind, "nothing");
  writeFileSync(path, "yyy\nnext\n", { flag: "a" });
  assert.deepEqual(shown(reader.read(file, false)), [
    '6 part 1 "xxxxxxxx"',
    '14 part 2 "xxxxxxxx"',
    '22 part 3 "xxxxxxxx"',
    '30 part 4 "xxxxxxyy"',
    '38 part 5 last "y\\n"',
    '40 lines "next\\n"',
  ]);
  writeFileSync(path, "z".repeat(49), { flag: "a" });
  assert.equal(reader.read(file, false).kind, "nothing");
  writeFileSync(path, "z", { flag: "a" });
  assert.deepEqual(shown(reader.read(file, false)).slice(-2), ['77 part 5 "zzzzzzzz"', '85 dropped "zzzzzzzzzz"']);
});

test("a line that is held and larger than a usual read is read as one", (t) => {
  const line = "x".repeat(900_000);
  const { file } = opened(t, `first\n${line}\nlast\n`);
  const sizes = { maxPart: 32_768, maxLine: 1 << 20 };
  const reader = new ChunkReader(sizes, Date.now, { limitsFor: () => ({ ...sizes, whole: 1_100_000 }) });
  assert.deepEqual(shown(reader.read(file, false)), ['0 lines "first\\n"']);
  const chunk = chunkOf(reader.read(file, false));
  assert.equal(chunk.bytes.length, line.length + 6);
  assert.deepEqual(
    chunk.pieces.map(({ kind }) => kind),
    [...Array.from({ length: 28 }, () => "part"), "lines"],
  );
});

test("from a chunk the bytes around it can be looked at, as far as they are there", (t) => {
  const { path, file } = opened(t, "a\nbb\nccc\n");
  const reader = new ChunkReader(limits);
  const chunk = chunkOf(reader.read(file, false));
  assert.equal(chunk.look?.(2, 4)?.toString(), "bb\nc");
  assert.equal(chunk.look?.(5, 100)?.toString(), "ccc\n");
  file.unpacked = "part";
  file.unpackedFrom = 2;
  assert.equal(chunk.look?.(2, 4)?.toString(), "bb\nc");
  assert.equal(chunk.look?.(1, 4), undefined);
  writeFileSync(path, "dd", { flag: "a" });
  assert.equal(chunk.look?.(9, 100), undefined, "the line may go on");
  file.unpacked = "end";
  assert.equal(chunk.look?.(9, 100)?.toString(), "dd");
});

const joiner = new Joiner({
  presets: [],
  start: "^>",
  continuation: undefined,
  timeout: 1000,
  maxLines: 3,
  maxBytes: 8,
});

test("lines that may go on wait in the file until another begins, the file has not grown for a time, or never will", (t) => {
  const { path, file } = opened(t, ">a\nb\n>c\nd\n");
  const reader = new ChunkReader(limits, undefined, { joinerFor: () => joiner });
  assert.deepEqual(shown(reader.read(file, false)), ['0 event ">a\\nb\\n"']);
  assert.deepEqual([file.position.offset, file.pending, file.held], [5, 5, true]);
  assert.deepEqual(reader.read(file, false), { kind: "nothing", grown: false });
  writeFileSync(path, "e", { flag: "a" });
  assert.deepEqual(reader.read(file, false, true), { kind: "nothing", grown: true });
  assert.deepEqual(shown(reader.read(file, false, true)), ['5 event ">c\\nd\\n"']);
  assert.deepEqual([file.position.offset, file.pending, file.held], [10, 1, false]);
  writeFileSync(path, "\nf\n", { flag: "a" });
  assert.equal(reader.read(file, false).kind, "nothing");
  const last = reader.read(file, true);
  assert.deepEqual(shown(last), ['10 event "e\\nf\\n"']);
  assert.equal(chunkOf(last).apart, true);
});

test("a buffer that is full of one event gives it, whatever the line behind it is", (t) => {
  // The buffer has room for 128 KiB at least: parts are larger here.
  const maxPart = 100_000;
  const large = new Joiner({
    presets: [],
    start: "^>",
    continuation: undefined,
    timeout: 1000,
    maxLines: 9,
    maxBytes: maxPart,
  });
  for (const [event, behind] of [
    [maxPart, maxPart],
    [maxPart, maxPart + 1],
    [maxPart - 5, maxPart + 5],
    [maxPart, 3 * maxPart],
    [maxPart + 1, maxPart - 1],
  ] as const) {
    const before = `${"a".repeat(99)}\n`;
    const { file } = opened(t, `${before}>\n${"e".repeat(event - 3)}\n${"b".repeat(behind)}\n`);
    // The bytes before it take room in the buffer, too.
    file.position = { offset: 100, anchor: Buffer.from(before.slice(-64)), lineStart: 100, part: 0 };
    const reader = new ChunkReader({ maxPart, maxLine: 10 * maxPart }, undefined, { joinerFor: () => large });
    const first = chunkOf(reader.read(file, false));
    const { kind, to } = first.pieces[0] ?? assert.fail();
    // What is too large are two lines.
    assert.deepEqual([kind, to], [event > maxPart ? "lines" : "event", event], `${event} and ${behind}`);
  }
});

test("a range that ends with any event, or within a longer line, is read again as the events that it was read as", (t) => {
  const text = `>a\nb\n>c\n>d\n1\n2\n3\n4\n>${"p".repeat(18)}\nx\n>${"d".repeat(40)}\n>e\nf`;
  const { path, file } = opened(t, text);
  const reader = new ChunkReader(limits, undefined, { joinerFor: () => joiner });
  const chunk = chunkOf(reader.read(file, true));
  const first = shown({ kind: "chunk", chunk, more: false });
  assert.ok(first.includes('8 event ">d\\n1\\n2\\n"') && first.includes('15 event "3\\n4\\n"'), String(first));
  const ends: Checkpoint[] = chunk.pieces.map(({ to }) => chunk.positionAfter(to));
  writeFileSync(path, " that came later\nmore\n", { flag: "a" });
  for (const [from, begin] of [BEGINNING, ...ends].entries())
    for (const [n, end] of ends.entries()) {
      if (n < from) continue;
      file.position = begin;
      file.pending = 0;
      const again = shown(reader.readAgain(file, end.offset, end.lineStart));
      assert.deepEqual(again, first.slice(from, n + 1), `from ${begin.offset} to ${end.offset}`);
      assert.deepEqual(file.position, end);
    }
});

test("a range that other limits cut in other places is read again as far as a piece ends in it, and then no further", (t) => {
  const text = `a\n${"x".repeat(30)}\nb\nc\n`;
  for (const [now, end, lineStart, expected] of [
    [{ maxPart: 7, maxLine: 100 }, 10, 2, ['0 lines "a\\n"', '2 part 1 "xxxxxxx"']],
    [{ maxPart: 7, maxLine: 100 }, 8, 2, ['0 lines "a\\n"']],
    [{ maxPart: 40, maxLine: 100 }, 10, 2, ['0 lines "a\\n"']],
    [{ maxPart: 8, maxLine: 100, whole: 200 }, 14, 2, ['0 lines "a\\n"', '2 part 1 "xxxxxxxx"']],
    [{ maxPart: 8, maxLine: 10 }, 26, 2, ['0 lines "a\\n"', '2 part 1 "xxxxxxxx"', '10 part 2 "xx"']],
  ] as const) {
    const { file } = opened(t, text);
    const reader = new ChunkReader(now);
    const read = shown(reader.readAgain(file, end, lineStart));
    assert.deepEqual(read, expected, `${now.maxPart} to ${end}`);
    const { offset } = file.position;
    assert.deepEqual(reader.readAgain(file, end, lineStart), { kind: "nothing", grown: false });
    assert.equal(file.position.offset, offset);
    // What is left comes in turn.
    chunkOf(reader.read(file, true));
    assert.equal(file.position.offset, text.length);
  }
});

test("the rest of a line that was begun without the bound is held until it has ended", (t) => {
  const { path, file } = opened(t, "x".repeat(20));
  chunkOf(new ChunkReader(limits).read(file, false));
  assert.deepEqual([file.position.offset, file.position.part], [16, 2]);
  const reader = new ChunkReader({ maxPart: 8, maxLine: 60, whole: 80 });
  assert.equal(reader.read(file, false).kind, "nothing");
  writeFileSync(path, "y".repeat(20), { flag: "a" });
  assert.equal(reader.read(file, false).kind, "nothing");
  writeFileSync(path, "z\n", { flag: "a" });
  const parts = shown(reader.read(file, false));
  assert.deepEqual(parts, [
    '16 part 3 "xxxxyyyy"',
    '24 part 4 "yyyyyyyy"',
    '32 part 5 "yyyyyyyy"',
    '40 part 6 last "z\\n"',
  ]);
});
