import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import type { BodyEncoder, EncodedBody } from "./encoder.ts";
import { JsonEncoder } from "./json_encoder.ts";

function plain(body: EncodedBody): string {
  const bytes = body.encoding === "gzip" ? gunzipSync(body.bytes) : body.bytes;
  assert.equal(bytes.length, body.plainSize);
  return bytes.toString("utf8");
}

async function linesOf(encoder: BodyEncoder): Promise<{ line: string; file: string; timestamp: number }[]> {
  return JSON.parse(plain(await encoder.finish())).lines;
}

const context = { file: '/var/log/ä "x" $& $$ $`.log', timestamp: 1_700_000_000_000 };

test("any bytes become the lines that a UTF-8 decoder would make of them", async () => {
  const encoder = new JsonEncoder({ maxBody: 1 << 20, gzipLevel: 2 });
  const byte = fc.oneof(
    fc.constantFrom(10, 13, 34, 44, 92, 0, 0x7f, 0xc3, 0xa9, 0xff, 0xed, 0xf0),
    fc.nat({ max: 255 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(byte, { maxLength: 200 }), async (values) => {
      const run = Buffer.from([...values, 10]);
      const added = encoder.add(run, context);
      const expected = run
        .toString("utf8")
        .slice(0, -1)
        .split("\n")
        .map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line))
        .filter((line) => line !== "");
      assert.equal(added?.lines, expected.length);
      const lines = await linesOf(encoder);
      assert.deepEqual(
        lines,
        expected.map((line) => ({ line, ...context })),
      );
    }),
    { numRuns: 3000 },
  );
});

test("empty lines are left out and their bytes counted", () => {
  const encoder = new JsonEncoder({ maxBody: 4096, gzipLevel: 0 });
  assert.deepEqual(encoder.add(Buffer.from("\na\n\r\n\nb\n"), context), { lines: 2, emptyBytes: 4 });
});

test("a lone carriage return at the end of what has no newline is kept", async () => {
  const encoder = new JsonEncoder({ maxBody: 4096, gzipLevel: 0 });
  encoder.add(Buffer.from("a\r"), context);
  assert.deepEqual(
    (await linesOf(encoder)).map(({ line }) => line),
    ["a\r"],
  );
});

test("lines that do not fit are not added, and the body stays whole", async () => {
  const encoder = new JsonEncoder({ maxBody: 400, gzipLevel: 0 });
  let fitted = 0;
  while (encoder.add(Buffer.from(`line ${fitted}\n`), context) !== undefined) fitted += 1;
  const body = await encoder.finish();
  assert.ok(body.plainSize <= 400 && fitted > 1);
  assert.equal(JSON.parse(plain(body)).lines.length, fitted);
  assert.ok(encoder.empty);
});

test("lines carry their meta", async () => {
  const encoder = new JsonEncoder({ maxBody: 4096, gzipLevel: 0 });
  encoder.add(Buffer.from("x\n"), { ...context, meta: '{"line_part":1}' });
  encoder.add(Buffer.from("y\n"), context);
  assert.deepEqual(await linesOf(encoder), [
    { line: "x", ...context, meta: { line_part: 1 } },
    { line: "y", ...context },
  ]);
});

test("lines carry the fields of their file, whatever is in them, and no other file's", async () => {
  const encoder = new JsonEncoder({ maxBody: 1 << 20, gzipLevel: 0 });
  const text = fc.string({ unit: "binary" });
  const fields = fc.record(
    { app: text, host: text, env: text, file: text, tags: fc.array(text), meta: fc.dictionary(text, fc.jsonValue()) },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fields, fields, async (one, other) => {
      for (const given of [one, other, one]) encoder.add(Buffer.from("x\ny\n"), { ...context, fields: given });
      const lines = [one, one, other, other, one, one].map((given, n) => ({
        line: n % 2 === 0 ? "x" : "y",
        timestamp: context.timestamp,
        ...given,
      }));
      assert.deepEqual(await linesOf(encoder), JSON.parse(JSON.stringify(lines)));
    }),
    { numRuns: 500 },
  );
});

test("a body that waits does not change when the next is filled", async () => {
  const encoder = new JsonEncoder({ maxBody: 1 << 16, gzipLevel: 1 });
  encoder.add(Buffer.from(`${"first ".repeat(200)}\n`), context);
  const first = encoder.finish();
  encoder.add(Buffer.from(`${"second ".repeat(200)}\n`), context);
  const second = encoder.finish();
  assert.match(plain(await first), /first/);
  assert.match(plain(await second), /second/);
  assert.doesNotMatch(plain(await first), /second/);
});

test("a run that is one line keeps the newlines within", async () => {
  const encoder = new JsonEncoder({ maxBody: 4096, gzipLevel: 0 });
  const single = { ...context, single: true };
  assert.deepEqual(encoder.add(Buffer.from('é "1"\r\n\n\x7f2\n'), single), { lines: 1, emptyBytes: 0 });
  assert.deepEqual(encoder.add(Buffer.from("\n"), single), { lines: 0, emptyBytes: 1 });
  assert.deepEqual(encoder.add(Buffer.from("x\ny\n"), context), { lines: 2, emptyBytes: 0 });
  assert.deepEqual(
    (await linesOf(encoder)).map(({ line }) => line),
    ['é "1"\n\n\x7f2', "x", "y"],
  );
});
