import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { StoredLine } from "@logdna-agent/protocol";
import fc from "fast-check";
import { startServer } from "./server.ts";

const server = await startServer({ after });
let hosts = 0;

/** The line as stored that was sent with these fields, alone in its batch. */
async function stored(fields: object, query = ""): Promise<StoredLine> {
  hosts += 1;
  const host = `host-${hosts}`;
  await server.store(host, [{ line: "text", app: "app", ...fields }], { query: `hostname=${host}${query}` });
  const [line, ...others] = await server.lines({ host: "host" in fields ? String(fields.host) : host });
  assert.ok(line !== undefined && others.length === 0, `${1 + others.length} lines`);
  return line;
}

const MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** What is sent, and what part of it is stored how. */
const CASES: readonly (readonly [what: string, sent: object, stored: Partial<StoredLine>])[] = [
  ["a time in milliseconds", { timestamp: MS }, { timestamp: MS }],
  ["a time in seconds", { timestamp: 1767323045 }, { timestamp: 1767323045000 }],
  ["a time in seconds with a fraction", { timestamp: 1767323045.678 }, { timestamp: MS }],
  ["a time in milliseconds with a fraction", { timestamp: MS + 0.4 }, { timestamp: MS }],
  ["a time as a text", { timestamp: String(MS) }, { timestamp: MS }],
  ["the epoch", { timestamp: 0 }, { timestamp: 0 }],
  ["a second after the epoch", { timestamp: 1 }, { timestamp: 1000 }],
  ["a time before the epoch", { timestamp: -86_400 }, { timestamp: -86_400_000 }],
  ["a time that is farther than the store counts", { timestamp: 1e300 }, { timestamp: 10_413_791_999_999 }],
  ["a list of tags", { tags: ["a", "b"] }, { tags: ["a", "b"] }],
  ["tags in one text", { tags: "a, b,,a" }, { tags: ["a", "b"] }],
  ["tags as a list of such texts", { tags: ["a,b", "c"] }, { tags: ["a", "b", "c"] }],
  ["no tags", { tags: null }, { tags: [] }],
  ["meta that is an object", { meta: { a: { b: [1, null, "x"] } } }, { meta: '{"a":{"b":[1,null,"x"]}}' }],
  ["meta that is a text", { meta: 'a "b"' }, { meta: '"a \\"b\\""' }],
  ["meta that is a number", { meta: 0 }, { meta: "0" }],
  ["meta that is false", { meta: false }, { meta: "false" }],
  ["meta that is null", { meta: null }, { meta: "" }],
  ["labels", { label: { app: "web", "a/b": "", n: 1 } }, { label: { app: "web", "a/b": "", n: "1" } }],
  ["annotations", { annotation: { "x.y/z": "{}" } }, { annotation: { "x.y/z": "{}" } }],
  ["labels with names that objects have", { label: { constructor: "c" } }, { label: { constructor: "c" } }],
  ["a host of its own", { host: "other" }, { host: "other" }],
  ["a file and no app", { app: undefined, file: "/var/log/a.log" }, { app: "", file: "/var/log/a.log" }],
  ["an environment", { env: "production" }, { env: "production" }],
  ["an app that is a number", { app: 7 }, { app: "7" }],
  ["a level that is known by another name", { level: "WARNING" }, { level: "warn" }],
  ["a level that is not known", { level: "Audit" }, { level: "audit" }],
  ["a level in the text", { line: "2026-01-02 ERROR no" }, { level: "error" }],
  ["a level of its own beside one in the text", { line: "ERROR no", level: "info" }, { level: "info" }],
  ["a level that objects have as a name", { level: "constructor" }, { level: "constructor" }],
  ["a level that is every object's", { level: "__proto__" }, { level: "__proto__" }],
  ["a name that objects have as a level in the text", { line: "level=constructor" }, { level: "" }],
  ["an empty line", { line: "" }, { line: "" }],
  ["control characters", { line: "a\u0000b\u001b[31m\r\n\tc" }, { line: "a\u0000b\u001b[31m\r\n\tc" }],
  ["half of a pair of surrogates", { line: "a\ud800b", app: "\udc00" }, { line: "a\ufffdb", app: "\ufffd" }],
  ["half of a pair in labels", { label: { "\ud800": "\ud800" } }, { label: { "\ufffd": "\ufffd" } }],
  ["half of a pair in tags", { tags: ["\ud800"] }, { tags: ["\ufffd"] }],
  ["half of a pair in meta", { meta: "\ud800" }, { meta: '"\\ud800"' }],
  ["a name cut between a pair", { app: `${"a".repeat(4095)}😀` }, { app: `${"a".repeat(4095)}\ufffd` }],
  ["a level cut between a pair", { level: `${"a".repeat(31)}😀` }, { level: `${"a".repeat(31)}\ufffd` }],
  ["SQL", { line: "'); DROP TABLE lines; --", app: "';--" }, { line: "'); DROP TABLE lines; --", app: "';--" }],
  ["a line of SQL on a line of its own", { line: '"]\nSELECT 1;\n["' }, { line: '"]\nSELECT 1;\n["' }],
  ["placeholders", { line: "{p0:String} {batch:String}" }, { line: "{p0:String} {batch:String}" }],
];

for (const [what, sent, expected] of CASES)
  test(`stored as sent: ${what}`, async () => {
    const line = await stored(sent);
    const names = Object.keys(expected);
    assert.deepEqual(Object.fromEntries(Object.entries(line).filter(([name]) => names.includes(name))), expected);
  });

test("a line without a time has the time of its arrival", async () => {
  const before = Date.now();
  const { timestamp, received } = await stored({});
  assert.ok(timestamp >= before && timestamp <= Date.now());
  assert.equal(received, timestamp);
});

test("the tags of a request come before those of its lines, each once", async () => {
  assert.deepEqual((await stored({ tags: "b,c" }, "&tags=a,b")).tags, ["a", "b", "c"]);
  assert.deepEqual((await stored({}, "&tags=a,,b")).tags, ["a", "b"]);
});

test("what a client says of itself is not kept with its lines: mac, ip and clock", async () => {
  const line = await stored({}, "&mac=00:11:22:33:44:55&ip=192.0.2.1&now=1");
  assert.doesNotMatch(JSON.stringify(line), /00:11|192\.0\.2/);
});

test("whatever is written in a line and its fields can be stored, and is given back as it was", async () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const line = fc.record({ line: text, file: text, env: text, label: fc.dictionary(text, text), meta: fc.json() });
  const lines = fc.array(line, { minLength: 20, maxLength: 60 });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(lines, async (sent) => {
      run += 1;
      const host = `any-${run}`;
      await server.store(
        host,
        sent.map((line) => ({ ...line, app: "app" })),
      );
      const got = await server.lines({ host });
      assert.deepEqual(
        got.map(({ line, file, env, label, meta }) => ({ line, file, env, label: Object.entries(label), meta })),
        sent.map(({ line, file, env, label, meta }) => ({
          line,
          file,
          env,
          label: Object.entries(label),
          meta: JSON.stringify(meta),
        })),
      );
    }),
    { numRuns: 25 },
  );
});
