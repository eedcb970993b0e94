import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { WireLine } from "@logdna-agent/protocol";
import type { Chunk, SentRange } from "../chunk.ts";
import type { LineFields } from "../lines/fields/line_fields.ts";
import type { Piece } from "../lines/pieces.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "../sources/files/tailed_file.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { type Batch, Batcher } from "./batcher.ts";
import { JsonEncoder } from "./json_encoder.ts";

interface Bench {
  readonly batches: Batch[];
  readonly events: AgentEvent[];
  add(file: string, text: string, pieces?: readonly Piece[]): void;
  /** Flushes, and gives all lines so far. */
  lines(): Promise<WireLine[]>;
  /** The same, their texts. */
  texts(): Promise<string[]>;
}

function bench(maxBody: number, fieldsOf?: (path: string) => LineFields): Bench {
  const batches: Batch[] = [];
  const events: AgentEvent[] = [];
  const batcher = new Batcher({
    encoder: new JsonEncoder({ maxBody, gzipLevel: 0 }),
    nextId: () => `id-${batches.length}`,
    onBatch: (batch) => batches.push(batch),
    emit: (event) => events.push(event),
    fieldsOf,
  });
  const source = { id: 1, sent: range };
  const lines = async (): Promise<WireLine[]> => {
    batcher.flush();
    const bodies = await Promise.all(batches.map(({ body }) => body));
    return bodies.flatMap(({ bytes }): WireLine[] => JSON.parse(bytes.toString("utf8")).lines);
  };
  return {
    lines,
    texts: async () => (await lines()).map(({ line }) => line),
    batches,
    events,
    add(file, text, pieces) {
      const bytes = Buffer.from(text);
      const chunk: Chunk = {
        bytes,
        pieces: pieces ?? [{ kind: "lines", from: 0, to: bytes.length }],
        start: 0,
        file,
        readAt: 1,
        source,
        positionAfter: (offset) => ({ offset, anchor: new Uint8Array(), lineStart: offset, part: 0 }),
      };
      batcher.add(chunk);
    },
  };
}

function range(start: number): SentRange {
  return {
    fileId: 1,
    start,
    end: start,
    lineStart: start,
    settled: false,
    extend: () => undefined,
    acknowledge: () => undefined,
  };
}

function sum(batches: readonly Batch[], what: keyof Batch["bytes"]): number {
  return batches.reduce((total, { bytes }) => total + bytes[what], 0);
}

test("a line that fits no body is said and counted, and those around it go out", async () => {
  const own = bench(200);
  const { add, batches, events } = own;
  add("/a.log", `one\n${"x".repeat(180)}\ntwo\n`);
  assert.deepEqual(await own.texts(), ["one", "two"]);
  assert.deepEqual(events, [{ name: "line_too_large", path: "/a.log", bytes: 181 }]);
  assert.deepEqual([sum(batches, "shipped"), sum(batches, "dropped")], [8, 181]);
  assert.equal(
    batches.reduce((total, { lines }) => total + lines, 0),
    2,
  );
});

test("a path that leaves no room for any line is said for each of them", async () => {
  const own = bench(200);
  const { add, batches, events } = own;
  const path = `/${"deep/".repeat(40)}a.log`;
  add(path, "one\ntwo\n");
  assert.deepEqual(await own.texts(), []);
  assert.deepEqual(events, [
    { name: "line_too_large", path, bytes: 4 },
    { name: "line_too_large", path, bytes: 4 },
  ]);
  assert.equal(sum(batches, "dropped"), 8);
  assert.ok(batches.every(({ lines }) => lines === 0));
});

test("a note of dropped bytes that fits no body is no line", async () => {
  const own = bench(150);
  const { add, batches } = own;
  const dropped: Piece = { kind: "dropped", from: 0, to: 5, lineStart: 0, number: 2, total: 5 };
  add("/a.log", "xxxx\n", [dropped]);
  assert.deepEqual(await own.texts(), []);
  assert.deepEqual([batches.length, batches[0]?.lines, sum(batches, "dropped")], [1, 0, 5]);
});

test("a batch has no gap in a range: where a source has left something out, the next begins", () => {
  const batches: Batch[] = [];
  const batcher = new Batcher({
    encoder: new JsonEncoder({ maxBody: 10_000, gzipLevel: 0 }),
    nextId: () => `id-${batches.length}`,
    onBatch: (batch) => batches.push(batch),
    emit: () => undefined,
  });
  const source = new TailedFile({
    ...{ dev: 1n, ino: 1n, path: "/a", head: EMPTY_HEAD, position: BEGINNING },
    onAcknowledged: () => undefined,
  });
  for (const start of [0, 4, 20]) {
    const bytes = Buffer.from("abc\n");
    batcher.add({
      bytes,
      pieces: [{ kind: "lines", from: 0, to: bytes.length }],
      start,
      file: "/a",
      readAt: 1,
      source,
      positionAfter: (length) => ({ ...BEGINNING, offset: start + length, lineStart: start + length }),
    });
  }
  batcher.flush();
  assert.deepEqual(
    batches.map(({ ranges }) => ranges.map(({ start, end }) => [start, end])),
    [[[0, 8]], [[20, 24]]],
  );
});

test("the fields of a file are asked for by its name; each line has those of its own", async () => {
  const own = bench(100_000, (path) => ({ app: `app of ${path}`, tags: ["t"] }));
  for (const path of ["/a", "/a", "/b", "/b"]) own.add(path, "one\ntwo\n");
  const lines = await own.lines();
  assert.deepEqual(
    lines.map(({ app, file, tags }) => [app, file, tags]),
    ["/a", "/b"].flatMap((path) => Array.from({ length: 4 }, () => [`app of ${path}`, undefined, ["t"]])),
  );
});

test("what is learned of a file later counts from its next chunk on", async () => {
  let app = "first";
  const own = bench(100_000, (file) => ({ file, app }));
  own.add("/a", "one\n");
  app = "second";
  own.add("/a", "two\n");
  const lines = await own.lines();
  assert.deepEqual(
    lines.map((line) => [line.line, line.app]),
    [
      ["one", "first"],
      ["two", "second"],
    ],
  );
});

test("a part of a long line, and the note of what was dropped of it, say what they are beside the meta of their file", async () => {
  const own = bench(100_000, (file) => ({ file, meta: { team: "ä" } }));
  own.add("/a", "xxxxyyyyzz\nw\n", [
    { kind: "part", from: 0, to: 4, number: 1, lineStart: 0, last: false },
    {
      kind: "replaced",
      from: 4,
      to: 8,
      text: Buffer.from("new"),
      of: { kind: "part", from: 4, to: 8, number: 2, lineStart: 0, last: false },
    },
    { kind: "dropped", from: 8, to: 11, lineStart: 0, number: 3, total: 2 },
    { kind: "event", from: 11, to: 13, lines: 1 },
  ]);
  assert.deepEqual(
    (await own.lines()).map(({ line, meta }) => [line, meta]),
    [
      ["xxxx", { team: "ä", line_part: 1, line_offset: 0, line_end: false }],
      ["new", { team: "ä", line_part: 2, line_offset: 0, line_end: false }],
      [
        "[2 more bytes of this line were dropped]",
        { team: "ä", line_part: 3, line_offset: 0, line_end: true, line_dropped_bytes: 2 },
      ],
      ["w", { team: "ä" }],
    ],
  );
});
test("lines that were joined, changed or left out are counted as what became of them", async () => {
  const { add, texts, batches, events } = bench(10_000);
  const text = "a\r\n  b\nsecret\nplain\nx\nrate\nrate\nsample\n????\npart";
  const at = (what: string): { from: number; to: number } => {
    const from = text.indexOf(what);
    return { from, to: from + what.length };
  };
  const part = { kind: "part", ...at("part"), number: 1, lineStart: 0, last: false } as const;
  const event = { kind: "event", from: 0, to: 7, lines: 2 } as const;
  add("/a.log", text, [
    event,
    { kind: "replaced", ...at("secret\n"), text: Buffer.from("***é"), of: undefined },
    { kind: "lines", ...at("plain\n") },
    { kind: "excluded", ...at("x\n"), lines: 1, reason: "rule" },
    { kind: "note", from: 0, to: 0, text: "[2 dropped]", offset: 30, lines: 2 },
    { kind: "excluded", ...at("rate\nrate\n"), lines: 2, reason: "rate" },
    { kind: "excluded", ...at("sample\n"), lines: 1, reason: "sample" },
    { kind: "excluded", ...at("????\n"), lines: 1, reason: "undecided" },
    { kind: "replaced", from: part.from, to: part.to, text: Buffer.from("p\nq"), of: part },
  ]);
  assert.deepEqual(await texts(), ["a\n  b", "***é", "plain", "[2 dropped]", "p\nq"]);
  const [batch] = batches;
  assert.deepEqual(batch?.bytes, { shipped: 24, empty: 0, excluded: 2, dropped: 22 });
  assert.equal(24 + 2 + 22, text.length);
  assert.deepEqual(batch.leftOut, {
    linesExcluded: 1,
    linesOverRate: 2,
    bytesOverRate: 10,
    linesNotSampled: 1,
    bytesNotSampled: 7,
  });
  assert.equal(batch.lines, 5);
  assert.deepEqual(events, [{ name: "line_cut", path: "/a.log", bytes: 4 }]);
  const body: { lines: { meta?: unknown }[] } = JSON.parse((await batch.body).bytes.toString());
  assert.deepEqual(
    body.lines.map(({ meta }) => meta),
    [undefined, undefined, undefined, { lines_dropped: 2 }, { line_part: 1, line_offset: 0, line_end: false }],
  );
});

test("a note with nothing of its file goes out alone, and a changed line that fits no body is dropped", async () => {
  const { add, texts, batches, events } = bench(200);
  add("/a.log", "", [{ kind: "note", from: 0, to: 0, text: "[1 dropped]", offset: 5, lines: 1 }]);
  assert.deepEqual(await texts(), ["[1 dropped]"]);
  assert.deepEqual([batches[0]?.lines, batches[0]?.ranges.length], [1, 0]);
  add("/a.log", "one\n", [{ kind: "replaced", from: 0, to: 4, text: Buffer.from("x".repeat(300)), of: undefined }]);
  assert.deepEqual(await texts(), ["[1 dropped]"]);
  assert.deepEqual(batches[1]?.bytes, { shipped: 0, empty: 0, excluded: 0, dropped: 4 });
  assert.deepEqual(events, [{ name: "line_too_large", path: "/a.log", bytes: 300 }]);
});

test("a source is told once for all pieces of a chunk, and where a body becomes full in between", () => {
  const batches: Batch[] = [];
  const batcher = new Batcher({
    encoder: new JsonEncoder({ maxBody: 200, gzipLevel: 0 }),
    nextId: () => `id-${batches.length}`,
    onBatch: (batch) => batches.push(batch),
    emit: () => undefined,
  });
  const source = new TailedFile({
    ...{ dev: 1n, ino: 1n, path: "/a", head: EMPTY_HEAD, position: BEGINNING },
    onAcknowledged: () => undefined,
  });
  const asked: number[] = [];
  batcher.add({
    ...{ bytes: Buffer.from("abc\n".repeat(6)), start: 0, file: "/a", readAt: 1, source },
    pieces: [0, 4, 8, 12, 16, 20].map((from) => ({ kind: "event", from, to: from + 4, lines: 1 })),
    positionAfter: (length) => {
      asked.push(length);
      return { ...BEGINNING, offset: length, lineStart: length };
    },
  });
  batcher.flush();
  const ranges = batches.flatMap((batch) => batch.ranges.map(({ start, end }) => [start, end]));
  assert.ok(ranges.length > 1 && ranges.length < 6, JSON.stringify(ranges));
  assert.deepEqual(
    asked,
    ranges.map(([, end]) => end),
  );
  assert.equal(ranges.at(-1)?.[1], 24);
});

test("what was cut off from what is before it goes into another batch: read again, both would be joined", () => {
  const batches: Batch[] = [];
  const batcher = new Batcher({
    encoder: new JsonEncoder({ maxBody: 1000, gzipLevel: 0 }),
    nextId: () => `id-${batches.length}`,
    onBatch: (batch) => batches.push(batch),
    emit: () => undefined,
  });
  const init = { dev: 1n, ino: 1n, path: "/a", head: EMPTY_HEAD, position: BEGINNING, onAcknowledged: () => undefined };
  const source = new TailedFile(init);
  for (const [start, apart] of [
    [0, false],
    [10, false],
    [20, true],
    [30, false],
  ] as const) {
    batcher.add({
      bytes: Buffer.from("123456789\n"),
      pieces: [{ kind: "event", from: 0, to: 10, lines: 1 }],
      start,
      file: "/a",
      readAt: 1,
      source,
      apart,
      positionAfter: (length) => ({ ...BEGINNING, offset: start + length, lineStart: start + length }),
    });
  }
  batcher.flush();
  assert.deepEqual(
    batches.map(({ ranges }) => ranges.map(({ start, end }) => [start, end])),
    [[[0, 20]], [[20, 40]]],
  );
});
