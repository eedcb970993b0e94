import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { Chunk, SentRange } from "../chunk.ts";
import type { Piece } from "../lines/pieces.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "../sources/files/tailed_file.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { type Batch, Batcher } from "./batcher.ts";
import { JsonEncoder } from "./json_encoder.ts";

interface Bench {
  readonly batches: Batch[];
  readonly events: AgentEvent[];
  add(file: string, text: string, pieces?: readonly Piece[]): void;
  /** Flushes, and gives the texts of all lines so far. */
  texts(): Promise<string[]>;
}

function bench(maxBody: number): Bench {
  const batches: Batch[] = [];
  const events: AgentEvent[] = [];
  const batcher = new Batcher({
    encoder: new JsonEncoder({ maxBody, gzipLevel: 0 }),
    nextId: () => `id-${batches.length}`,
    onBatch: (batch) => batches.push(batch),
    emit: (event) => events.push(event),
  });
  return {
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
        source: { id: 1, sent: range },
        positionAfter: (offset) => ({ offset, anchor: new Uint8Array(), lineStart: offset, part: 0 }),
      };
      batcher.add(chunk);
    },
    async texts() {
      batcher.flush();
      const bodies = await Promise.all(batches.map(({ body }) => body));
      return bodies.flatMap(({ bytes }) => {
        const { lines }: { lines: { line: string }[] } = JSON.parse(bytes.toString("utf8"));
        return lines.map(({ line }) => line);
      });
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
  const { add, texts, batches, events } = bench(200);
  add("/a.log", `one\n${"x".repeat(180)}\ntwo\n`);
  assert.deepEqual(await texts(), ["one", "two"]);
  assert.deepEqual(events, [{ name: "line_too_large", path: "/a.log", bytes: 181 }]);
  assert.deepEqual([sum(batches, "shipped"), sum(batches, "dropped")], [8, 181]);
  assert.equal(
    batches.reduce((total, { lines }) => total + lines, 0),
    2,
  );
});

test("a path that leaves no room for any line is said for each of them", async () => {
  const { add, texts, batches, events } = bench(200);
  const path = `/${"deep/".repeat(40)}a.log`;
  add(path, "one\ntwo\n");
  assert.deepEqual(await texts(), []);
  assert.deepEqual(events, [
    { name: "line_too_large", path, bytes: 4 },
    { name: "line_too_large", path, bytes: 4 },
  ]);
  assert.equal(sum(batches, "dropped"), 8);
  assert.ok(batches.every(({ lines }) => lines === 0));
});

test("a note of dropped bytes that fits no body is no line", async () => {
  const { add, texts, batches } = bench(150);
  const dropped: Piece = { kind: "dropped", from: 0, to: 5, lineStart: 0, number: 2, total: 5 };
  add("/a.log", "xxxx\n", [dropped]);
  assert.deepEqual(await texts(), []);
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
