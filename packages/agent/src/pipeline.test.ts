import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../test/eventually.ts";
import { JsonEncoder } from "./batch/json_encoder.ts";
import type { Chunk } from "./chunk.ts";
import { linesOf, textOf } from "./delivery/halves.ts";
import { Pipeline } from "./pipeline.ts";
import { compileLineRules } from "./rules/lines/line_rules.ts";
import { BEGINNING, EMPTY_HEAD, TailedFile } from "./sources/files/tailed_file.ts";
import { StateStore } from "./state/state_store.ts";
import { accountingOf } from "./status/accounting.ts";
import { createTelemetry } from "./telemetry/mod.ts";

test("what is dropped for the rate of a file is told once it is quiet, and the account of its bytes adds up", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "pipeline-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const state = StateStore.open(join(directory, "state"));
  t.after(() => state.close());
  const telemetry = createTelemetry({ level: "error", stream: { write: () => undefined }, isTty: false });
  const source = new TailedFile({
    ...{ dev: 1n, ino: 1n, path: "/a.log", head: EMPTY_HEAD, position: BEGINNING },
    onAcknowledged: () => undefined,
  });
  const chunks: Chunk[] = [];
  let read = 0;
  const write = (text: string): void => {
    const bytes = Buffer.from(text);
    const start = read;
    read += bytes.length;
    telemetry.emit({ name: "chunk_read", bytes: bytes.length });
    chunks.push({
      ...{ bytes, start, file: "/a.log", readAt: 1, source },
      pieces: [{ kind: "lines", from: 0, to: bytes.length }],
      positionAfter: (length) => ({ ...BEGINNING, offset: start + length, lineStart: start + length }),
    });
  };
  const texts: string[] = [];
  let now = 0;
  const list = { lineInclusion: [], lineRedact: [], redact: [], pathRules: [] };
  const single = { redactAs: undefined, multiline: undefined, sample: undefined };
  const pipeline = new Pipeline(
    {
      queue: {
        get hasReady() {
          return chunks.length > 0;
        },
        next: () => chunks.shift(),
        saveCheckpoints: () => undefined,
        checkpointsSaved: () => undefined,
      },
      rules: compileLineRules({
        rules: { ...list, ...single, lineExclusion: ["^debug"], rateLimit: 10 },
        createRedactor: () => assert.fail("no presets were given"),
        limits: { maxPart: 1000, maxLine: 1000 },
        emit: telemetry.emit,
        clock: () => now,
      }),
      encoder: new JsonEncoder({ maxBody: 100_000, gzipLevel: 0 }),
      sender: {
        async send(_id, _attempt, body) {
          texts.push(...linesOf(body).map(textOf));
          return { status: 200, text: "", retryAfterMs: undefined };
        },
      },
      ...{ state, emit: telemetry.emit, maxInFlight: 2, flushMs: 10, backoff: { baseMs: 1, capMs: 10 } },
      ...{
        slowRetryMs: 100,
        trialMs: 10,
        setAside: () => undefined,
        key: { path: undefined, isSent: true, renew: () => false },
      },
    },
    undefined,
  );
  const lines = Array.from({ length: 30 }, (_, n) => `line ${n}\n`);
  write(`debug\n${lines.join("")}`);
  pipeline.wake();
  await eventually(() => texts.length === 10, "the lines that pass");
  now = 1000;
  await eventually(() => texts.length === 11, "the note");
  assert.equal(texts[10], "[logdna-agent: 20 lines of this file were dropped in 1 s: more than 10 lines a second]");
  write(lines.join(""));
  // Nothing more comes of what is dropped now but at the end.
  assert.equal(await pipeline.finish(2000), true);
  assert.equal(texts.length, 22);
  assert.match(texts[21] ?? "", /20 lines of this file were dropped/);
  const { counters, gauges } = telemetry.snapshot();
  const size = lines.join("").length;
  const shipped = 2 * lines.slice(0, 10).join("").length;
  assert.deepEqual(accountingOf({ counters, gauges }), {
    ...{ read: 2 * size + 6, shipped, excluded: 6, dropped: 2 * size - shipped, givenBack: 0, inFlight: 0 },
  });
  const { lines_shipped, lines_excluded, lines_dropped_over_rate, bytes_dropped_over_rate } = counters;
  assert.deepEqual(
    [lines_shipped, lines_excluded, lines_dropped_over_rate, bytes_dropped_over_rate],
    [22, 1, 40, 2 * size - shipped],
  );
  assert.equal(source.checkpoint.offset, 2 * size + 6);
});
