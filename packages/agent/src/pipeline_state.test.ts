import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { eventually } from "../test/eventually.ts";
import { JsonEncoder } from "./batch/json_encoder.ts";
import type { Chunk, SentRange } from "./chunk.ts";
import { Pipeline } from "./pipeline.ts";
import type { Checkpoint } from "./state/state_store.ts";

/** Two bytes of a file whose ranges are settled as soon as they are acknowledged. */
function chunkAt(start: number): Chunk {
  const end = start + 2;
  const sent = (): SentRange => {
    const range = { fileId: 1, start, end, lineStart: end, settled: false };
    return Object.assign(range, {
      extend: () => undefined,
      acknowledge: () => {
        range.settled = true;
      },
    });
  };
  const positionAfter = (): Checkpoint => ({ offset: end, anchor: new Uint8Array(0), lineStart: end, part: 0 });
  const piece = { kind: "lines", from: 0, to: 2 } as const;
  const bytes = Buffer.from("x\n");
  return { bytes, pieces: [piece], start, file: "/var/log/a.log", readAt: 1, source: { id: 1, sent }, positionAfter };
}

/** A pipeline whose state is on a disk that can be full; each chunk fills a batch. */
function piped() {
  const disk = { isFull: false };
  const server = { answers: Promise.resolve() };
  const chunks: Chunk[] = [];
  const noted = new Set<string>();
  const removed: string[] = [];
  const needRoom = (): void => {
    if (disk.isFull) throw new Error("database or disk is full");
  };
  let settled = 0;
  let transactions = 0;
  const pipeline = new Pipeline(
    {
      queue: {
        get hasReady() {
          return chunks.length > 0;
        },
        next: () => chunks.shift(),
        saveCheckpoints: needRoom,
        checkpointsSaved: () => undefined,
      },
      encoder: new JsonEncoder({ maxBody: 128, gzipLevel: 0 }),
      sender: {
        send: async () => {
          await server.answers;
          return { status: 200, text: "", retryAfterMs: undefined };
        },
      },
      state: {
        addBatch: ({ id }) => {
          needRoom();
          noted.add(id);
        },
        removeBatch: (id) => removed.push(id),
        transaction: (write) => {
          transactions += 1;
          write();
        },
      },
      emit: ({ name }) => {
        if (name === "batch_settled") settled += 1;
      },
      maxInFlight: 2,
      flushMs: 1,
      backoff: { baseMs: 1, capMs: 1 },
      slowRetryMs: 1,
      trialMs: 1,
      setAside: () => undefined,
      key: { path: undefined, isSent: true, renew: () => false },
    },
    undefined,
  );
  const ship = async (count: number): Promise<void> => {
    const until = settled + count;
    for (let n = 0; n < count; n += 1) {
      chunks.push(chunkAt(2 * n));
      pipeline.wake();
      await eventually(() => settled === until - count + n + 1, "the batch settled");
    }
  };
  const written = async (): Promise<void> => {
    await eventually(() => removed.length === noted.size, "all that was acknowledged in the state");
    assert.deepEqual(removed, [...noted]);
  };
  return { disk, server, noted, removed, ship, written, pipeline, transactions: () => transactions };
}

test("what the state could not be told of is not kept to be taken back from it", async () => {
  const { disk, noted, ship, written } = piped();
  await ship(1);
  await written();
  disk.isFull = true;
  await ship(20);
  assert.equal(noted.size, 1);
  disk.isFull = false;
  await ship(1);
  assert.equal(noted.size, 2);
  await written();
});

test("what the state was told of is taken back from it as soon as it can be written", async () => {
  const { disk, server, noted, removed, ship, written } = piped();
  const answer = Promise.withResolvers<void>();
  server.answers = answer.promise;
  const shipped = ship(1);
  await eventually(() => noted.size === 1, "the batch noted");
  disk.isFull = true;
  answer.resolve();
  await shipped;
  assert.deepEqual(removed, []);
  disk.isFull = false;
  await ship(1);
  await written();
});

test("what was acknowledged is written with the next batch, soon where none comes, and at the end", async () => {
  const { noted, removed, ship, written, pipeline, transactions } = piped();
  await ship(10);
  assert.equal(transactions(), 10);
  assert.equal(removed.length, 9);
  await written();
  assert.equal(transactions(), 11);
  await ship(1);
  await pipeline.finish(1000);
  assert.deepEqual(removed, [...noted]);
  assert.equal(transactions(), 13);
});
