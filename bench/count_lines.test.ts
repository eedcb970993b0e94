import assert from "node:assert/strict";
import { test } from "node:test";
import { countLines } from "./count_lines.ts";

test("lines of JSON are counted by what begins each, whatever they say", () => {
  const lines = ['say {"line":', "two", ""].map((line) => ({ line, file: "/a.log" }));
  assert.equal(countLines(Buffer.from(JSON.stringify({ lines })), { mark: '{"line":' }), 3);
});

test("lines of a stream are counted by their ends", () => {
  assert.equal(countLines(Buffer.from("one\ntwo\nthr"), { mark: "\n" }), 2);
});

test("records of OTLP in protobuf are counted, and other fields skipped", () => {
  const field = (number: number, ...content: number[]): number[] => [(number << 3) | 2, content.length, ...content];
  const record = field(2, ...[0x09, 1, 2, 3, 4, 5, 6, 7, 8], ...field(5, 10, 1, 65));
  const scope = field(2, ...field(1, 10, 1, 66), ...record, ...record);
  const resource = field(1, ...field(1), 0x18, 0x96, 0x01, ...scope, ...scope);
  assert.equal(countLines(Buffer.from([...resource, ...resource]), "otlp-protobuf"), 8);
});

test("of Elasticsearch's bulk API two lines are one", () => {
  assert.equal(countLines(Buffer.from('{"create":{}}\n{"message":"a"}\n{"create":{}}\n{"message":"b"}\n'), "bulk"), 2);
});
