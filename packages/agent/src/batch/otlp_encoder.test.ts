import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { type ReceivedRecord, readExport } from "../../test/otlp/export_request.ts";
import type { EncodedBody } from "./encoder.ts";
import { OtlpEncoder } from "./otlp_encoder.ts";
import { OtlpFormat } from "./otlp_format.ts";

const ID = "0m0000000-abcdefghijkl";
const FORMAT = new OtlpFormat({
  hostname: "hôst",
  ip: "192.0.2.1",
  mac: "00:00:5e:00:53:0a",
  tags: ["a", 'b "c"', "ä"],
  version: "1.2.3",
});
const CONTEXT = { file: '/var/log/ä "x".log', timestamp: 1_700_000_000_000, source: 7 };

function encoder(maxBody = 1 << 20, gzipLevel = 0): OtlpEncoder {
  return new OtlpEncoder({ format: FORMAT, maxBody, gzipLevel });
}

function plain(body: EncodedBody): string {
  const bytes = body.encoding === "gzip" ? gunzipSync(body.bytes) : body.bytes;
  assert.equal(bytes.length, body.plainSize);
  return bytes.toString("utf8");
}

async function recordsOf(from: OtlpEncoder, id = ID): Promise<ReceivedRecord[]> {
  return readExport(plain(await from.finish(id)));
}

test("any bytes become the records that a UTF-8 decoder and the offsets of the lines would make of them", async () => {
  const target = encoder(1 << 20, 2);
  const byte = fc.oneof(
    fc.constantFrom(10, 13, 34, 44, 92, 0, 0x7f, 0xc3, 0xa9, 0xff, 0xed, 0xf0),
    fc.nat({ max: 255 }),
  );
  const bytes = fc.array(byte, { maxLength: 120 });
  const offset = fc.nat({ max: 2 ** 40 });
  await fc.assert(
    fc.asyncProperty(bytes, bytes, offset, async (first, second, at) => {
      const expected: { text: string; offset: number }[] = [];
      for (const [values, from] of [
        [[...first, 10], at],
        [second, at + first.length + 1],
      ] as const) {
        const run = Buffer.from(values);
        let start = 0;
        let emptyBytes = 0;
        let lines = 0;
        for (const [n, raw] of splitLines(run).entries()) {
          const ended = n < splitLines(run).length - 1;
          const text = raw.toString("utf8");
          const line = ended && text.endsWith("\r") ? text.slice(0, -1) : text;
          const size = raw.length + (ended ? 1 : 0);
          if (line === "") emptyBytes += size;
          else {
            expected.push({ text: line, offset: from + start });
            lines += 1;
          }
          start += size;
        }
        assert.deepEqual(target.add(run, CONTEXT, from), { lines, emptyBytes });
      }
      // A body without lines is never sent.
      if (target.empty) return assert.deepEqual(expected, []);
      const records = await recordsOf(target);
      assert.deepEqual(
        records.map(({ text, observed, attributes }) => ({ text, observed, attributes })),
        expected.map(({ text, offset: start }) => ({
          text,
          observed: CONTEXT.timestamp,
          attributes: {
            "log.file.path": CONTEXT.file,
            "log.file.name": 'ä "x".log',
            "log.file.record_offset": start,
            "log.record.uid": `${ID}-7-${start}`,
          },
        })),
      );
    }),
    { numRuns: 1000 },
  );
});

/** Cut at each newline; decoding lines alone gives the same as decoding all, since a newline ends any sequence. */
function splitLines(run: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = run.indexOf(10); at >= 0; at = run.indexOf(10, from)) {
    lines.push(run.subarray(from, at));
    from = at + 1;
  }
  return [...lines, run.subarray(from)];
}

test("the resource says which host the lines are of", async () => {
  const target = encoder();
  target.add(Buffer.from("x\n"), CONTEXT, 0);
  assert.deepEqual((await recordsOf(target))[0]?.resource, {
    "host.name": "hôst",
    "host.ip": ["192.0.2.1"],
    "host.mac": ["00-00-5E-00-53-0A"],
    "logdna.tags": ["a", 'b "c"', "ä"],
  });
});

test("parts of a long line say what they are, and a file that cannot be read again gives records without an id", async () => {
  const target = encoder();
  const meta = '{"line_part":2,"line_offset":5,"line_end":true}';
  target.add(Buffer.from("x\n"), { ...CONTEXT, source: 0, meta }, 9);
  const [record] = await recordsOf(target);
  const { "log.file.path": _, "log.file.name": __, ...rest } = record?.attributes ?? {};
  assert.deepEqual(rest, {
    "logdna.line_part": 2,
    "logdna.line_offset": 5,
    "logdna.line_end": true,
    "log.file.record_offset": 9,
  });
});

test("lines that do not fit are not added, and the body stays whole and within its bound", async () => {
  for (const maxBody of [2000, 2001, 2050, 4096, 4444]) {
    const target = encoder(maxBody);
    assert.ok(target.empty);
    let fitted = 0;
    while (target.add(Buffer.from(`line ${fitted}\nanother\n`), CONTEXT, fitted * 16) !== undefined) fitted += 1;
    const body = await target.finish(ID);
    assert.ok(body.plainSize <= maxBody && body.plainSize > maxBody - 1000 && fitted > 1, `${body.plainSize}`);
    assert.equal(readExport(plain(body)).length, 2 * fitted);
    assert.ok(target.empty);
  }
});

test("thousands of empty lines in a small body are counted and leave it empty", () => {
  const target = encoder(4096);
  assert.deepEqual(target.add(Buffer.from("\n\r\n".repeat(1000)), CONTEXT, 0), { lines: 0, emptyBytes: 3000 });
  assert.ok(target.empty);
});

test("fields are attributes by the semantic conventions, and what is in meta is of the type that it was", async () => {
  const target = encoder();
  const meta = {
    text: "",
    number: 1.5,
    big: 1e300,
    whole: -3,
    truth: false,
    none: null,
    list: [],
    map: { "": [{}, ["ä"]] },
  };
  const fields = { app: "web", env: "prod", host: "other", file: "/f/g", tags: ["a", "ä"], meta };
  target.add(Buffer.from("x\n"), { ...CONTEXT, fields }, 0);
  target.add(Buffer.from("y\n"), { ...CONTEXT, fields, meta: JSON.stringify({ ...meta, line_part: 1 }) }, 2);
  target.add(Buffer.from("z\n"), { ...CONTEXT, fields: {} }, 4);
  target.add(Buffer.from("a\n"), { ...CONTEXT, fields: { app: "other" } }, 6);
  const body = plain(await target.finish(ID));
  const [first, second, third, fourth] = readExport(body).map(({ attributes }) => attributes);
  const expected = {
    "log.file.path": "/f/g",
    "log.file.name": "g",
    "service.name": "web",
    "deployment.environment.name": "prod",
    "host.name": "other",
    "logdna.tags": ["a", "ä"],
    ...Object.fromEntries(Object.entries(meta).map(([key, value]) => [`logdna.meta.${key}`, value])),
  };
  assert.deepEqual(first, { ...expected, "log.file.record_offset": 0, "log.record.uid": `${ID}-7-0` });
  assert.deepEqual(second, {
    ...expected,
    ...{ "logdna.line_part": 1, "log.file.record_offset": 2, "log.record.uid": `${ID}-7-2` },
  });
  assert.deepEqual(third, { "log.file.record_offset": 4, "log.record.uid": `${ID}-7-4` });
  assert.equal(fourth?.["service.name"], "other");
  const lines = FORMAT.linesOf(body);
  assert.deepEqual(lines[1]?.meta, { ...meta, line_part: 1 });
  assert.deepEqual(readExport(FORMAT.bodyOf(lines)), readExport(body));
});

test("whatever stands in the fields of a file, its records are good ones and are read back as they were", async () => {
  const text = fc.string({ unit: "binary" });
  const fields = fc.record({ app: text, file: text, tags: fc.array(text), meta: fc.dictionary(text, fc.jsonValue()) });
  await fc.assert(
    fc.asyncProperty(fields, async (given) => {
      const target = encoder();
      // A negative zero is no JSON.
      const wanted = JSON.parse(JSON.stringify(given));
      target.add(Buffer.from("x\n"), { ...CONTEXT, fields: wanted }, 0);
      const body = plain(await target.finish(ID));
      const lines = FORMAT.linesOf(body);
      const { app, file, tags, meta = {} } = lines[0] ?? {};
      assert.deepEqual({ app, file, tags, meta }, wanted);
      assert.deepEqual(readExport(FORMAT.bodyOf(lines)), readExport(body));
    }),
  );
});

test("what is read back of a body is what its records say, and written again it is the same", async () => {
  const target = encoder();
  target.add(Buffer.from("one\ntwo é\n"), CONTEXT, 3);
  target.add(Buffer.from("three"), { ...CONTEXT, source: 0, meta: '{"line_part":1,"line_end":false}' }, 20);
  const body = plain(await target.finish(ID));
  const lines = FORMAT.linesOf(body);
  assert.deepEqual(
    lines.map(({ line, timestamp, file, meta, uid }) => [line, timestamp, file, meta, uid]),
    [
      ["one", CONTEXT.timestamp, CONTEXT.file, undefined, `${ID}-7-3`],
      ["two é", CONTEXT.timestamp, CONTEXT.file, undefined, `${ID}-7-7`],
      ["three", CONTEXT.timestamp, CONTEXT.file, { line_part: 1, line_end: false }, undefined],
    ],
  );
  assert.deepEqual(readExport(FORMAT.bodyOf(lines)), readExport(body));
});

test("the definitions that bodies are checked against take no field that they do not have, and no number for text", () => {
  const record = (fields: string): string =>
    `{"resourceLogs":[{"scopeLogs":[{"scope":{"name":"logdna-agent","version":"1"},"logRecords":[{${fields}}]}]}]}`;
  for (const fields of [
    '"observed_time_unix_nano":"1"',
    '"observedTimeUnixNano":1',
    '"text":"x"',
    '"body":{"stringValue":1}',
    '"attributes":[{"key":"a","value":{"intValue":1}}]',
  ])
    assert.throws(() => readExport(record(fields)), fields);
});

test("a run that is one line is one record, which keeps the newlines within", async () => {
  const target = encoder();
  const single = { ...CONTEXT, single: true };
  assert.deepEqual(target.add(Buffer.from('é "1"\r\n\n\x7f2\n'), single, 5), { lines: 1, emptyBytes: 0 });
  assert.deepEqual(target.add(Buffer.from("\n"), single, 16), { lines: 0, emptyBytes: 1 });
  const records = await recordsOf(target);
  assert.deepEqual(
    records.map(({ text, attributes }) => [text, attributes["log.record.uid"]]),
    [['é "1"\n\n\x7f2', `${ID}-7-5`]],
  );
});
