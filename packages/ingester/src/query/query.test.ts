import assert from "node:assert/strict";
import { test } from "node:test";
import { type Query, readQuery } from "./query.ts";

const host = (...values: string[]): Query["fields"][number] => ({ field: "host", values, not: false });
const tag = (...values: string[]): Query["fields"][number] => ({ field: "tag", values, not: false });

/** What is typed, and what it asks for. */
const CASES: readonly (readonly [q: string, asks: Partial<Query>])[] = [
  ["", {}],
  ["   ", {}],
  ["One  two", { contains: ["one", "two"] }],
  ['"One two" three', { contains: ["one two", "three"] }],
  ['"unclosed phrase', { contains: ["unclosed phrase"] }],
  ['""', {}],
  ['"', {}],
  ['"a \\"b\\" c"', { contains: ['a "b" c'] }],
  ['"back\\\\slash"', { contains: ["back\\slash"] }],
  ['"C:\\new logs"', { contains: ["c:\\new logs"] }],
  ['"two\nlines\\\nmore"', { contains: ["two\nlines\\\nmore"] }],
  ['"ends with \\', { contains: ["ends with \\"] }],
  ["back\\slash", { contains: ["back\\slash"] }],
  ['in"side', { contains: ['in"side'] }],
  ['"a""b"', { contains: ["a", "b"] }],
  ["-no", { lacks: ["no"] }],
  ['-"No way" yes', { lacks: ["no way"], contains: ["yes"] }],
  ["-", { contains: ["-"] }],
  ["--", { lacks: ["-"] }],
  ["a-b", { contains: ["a-b"] }],
  ["host:Web", { fields: [host("Web")] }],
  ['host:"a b"', { fields: [host("a b")] }],
  ["host:a host:b", { fields: [host("a", "b")] }],
  ["tag:x host:a tag:y", { fields: [tag("x", "y"), host("a")] }],
  ["-host:a", { fields: [{ field: "host", values: ["a"], not: true }] }],
  ["host:a -host:b", { fields: [host("a"), { field: "host", values: ["b"], not: true }] }],
  ["host:", { contains: ["host:"] }],
  ["Host:a", { contains: ["host:a"] }],
  ["line:a", { contains: ["line:a"] }],
  ["xhost:a", { contains: ["xhost:a"] }],
  ['"host:a"', { contains: ["host:a"] }],
  ["host:a:b", { fields: [host("a:b")] }],
  ["host:-a", { fields: [host("-a")] }],
  ["ÄÖ", { contains: ["ÄÖ"] }],
];

for (const [q, asks] of CASES)
  test(`query ${JSON.stringify(q)}`, () => {
    const empty: Query = {
      contains: [],
      lacks: [],
      fields: [],
      from: undefined,
      to: undefined,
      receivedFrom: undefined,
    };
    assert.deepEqual(readQuery({ q }), { ...empty, ...asks });
  });

test("levels are asked for under the name that the store keeps them under", () => {
  const asked = readQuery({ q: "level:WARN level:warning -level:ERR", level: ["Critical", "Audit"] });
  assert.deepEqual(asked.fields, [
    { field: "level", values: ["warn", "warn", "fatal", "audit"], not: false },
    { field: "level", values: ["error"], not: true },
  ]);
});

test("fields of the filter and terms of the query are asked for together", () => {
  const query = readQuery({ q: "host:a word", host: ["b"], tag: ["x", "y"], from: 1, to: 2, receivedFrom: 3 });
  assert.deepEqual(query, {
    contains: ["word"],
    lacks: [],
    fields: [host("a", "b"), tag("x", "y")],
    from: 1,
    to: 2,
    receivedFrom: 3,
  });
});

test("a query of any letters is read in time that grows with its length", () => {
  const began = performance.now();
  for (const part of ['"', "\\", '-"', "host:", "- ", '"\\', "a"]) readQuery({ q: part.repeat(100_000) });
  assert.ok(performance.now() - began < 2000);
});
