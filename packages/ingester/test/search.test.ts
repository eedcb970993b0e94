import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { FacetsAnswer, HistogramAnswer } from "@logdna-agent/protocol";
import { type Parameters, startServer } from "./server.ts";

const server = await startServer({ after });

const TEXTS = [
  "Connection refused by peer",
  "connection accepted from peer",
  "disk 100% full",
  "disk 1000 full",
  "user_name is set",
  "username is set",
  "C:\\logs\\new",
  "C:/logs/new",
  'he said "no more" twice',
  "it's an o'clock thing",
  "tab\there",
  "two\nlines",
  "-dashed word",
  "ÄRGER in Zürich 😀",
  "host:web is written here",
  "a?b*c[d]{e}",
  "SELECT 1; DROP TABLE lines; --",
];
await server.store(
  "texts",
  TEXTS.map((line, n) => ({ line, app: "app", timestamp: 1_700_000_000_000 + n })),
);

/** A query, and beginnings of the texts that fit it. */
const QUERIES: readonly (readonly [q: string, starts: readonly string[]])[] = [
  ["", TEXTS],
  ["connection", ["Connection refused", "connection accepted"]],
  ["CONNECTION peer", ["Connection refused", "connection accepted"]],
  ["peer connection refused", ["Connection refused"]],
  ["onnec", ["Connection refused", "connection accepted"]],
  ['"refused by"', ["Connection refused"]],
  ['"by refused"', []],
  ['"refused by', ["Connection refused"]],
  ["connection -refused", ["connection accepted"]],
  ['connection -"refused by"', ["connection accepted"]],
  ["100%", ["disk 100% full"]],
  ["%", ["disk 100% full"]],
  ["user_name", ["user_name"]],
  ["_", ["user_name"]],
  ["-_ user", ["username"]],
  ["\\", ["C:\\logs"]],
  ["C:\\logs\\new", ["C:\\logs"]],
  ['"c:\\\\logs"', ["C:\\logs"]],
  ['"c:\\logs"', ["C:\\logs"]],
  ["C:\\", ["C:\\logs"]],
  ["\\%", []],
  ['"\\"no more\\""', ["he said"]],
  ['said"', []],
  ["o'clock", ["it's"]],
  ["'", ["it's"]],
  ["' OR 1=1 --", []],
  ["'; DROP TABLE lines; --", []],
  ["drop table lines;", ["SELECT 1"]],
  ["{p0:String}", []],
  ['"tab\there"', ["tab"]],
  ['"two\nlines"', ["two"]],
  ["-- disk", ["disk 100%", "disk 1000"]],
  ['"-dashed"', ["-dashed"]],
  ["zürich", ["ÄRGER"]],
  ["Ärger", ["ÄRGER"]],
  ["ärger", []],
  ["😀", ["ÄRGER"]],
  ['"host:web"', ["host:web"]],
  ["a?b*c[d]{e}", ["a?b*c"]],
  ["a?b", ["a?b*c"]],
  [".*", []],
  ["host:texts disk", ["disk 100%", "disk 1000"]],
  ['host:"texts" disk', ["disk 100%", "disk 1000"]],
  ["-host:texts", []],
];

for (const [q, starts] of QUERIES)
  test(`text search: ${JSON.stringify(q)} finds ${starts.length} lines`, async () => {
    const found = await server.texts({ host: "texts", q });
    assert.deepEqual(
      found,
      TEXTS.filter((text) => starts.some((start) => text.startsWith(start))),
    );
  });

const DAY = 86_400_000;
const BEGIN = Date.UTC(2025, 5, 1);
const FIELDS = [
  { line: "1", host: "web-1", app: "nginx", level: "info", env: "prod", tags: "prod,eu", timestamp: BEGIN },
  { line: "2", host: "web-1", app: "nginx", level: "error", env: "dev 1", tags: "prod", timestamp: BEGIN + DAY },
  { line: "3", host: "web-2", file: "/var/log/syslog", level: "error", tags: "test,eu", timestamp: BEGIN + 2 * DAY },
  { line: "4", host: "db 1", file: "/var/log/it's.log", tags: "", timestamp: BEGIN + 3 * DAY },
  { line: "5", host: "db 1", app: "a\\b", level: "audit", tags: "100%,x_y", timestamp: BEGIN + 4 * DAY },
];
await server.store("fields", FIELDS);
const range = { from: BEGIN, to: BEGIN + 5 * DAY };

const FILTERS: readonly (readonly [what: string, filter: Parameters, lines: string])[] = [
  ["nothing", {}, "12345"],
  ["a host", { host: "web-1" }, "12"],
  ["either of two hosts", { host: ["web-2", "db 1"] }, "345"],
  ["a part of a host's name", { host: "web" }, ""],
  ["a host in other letters", { host: "WEB-1" }, ""],
  ["a host with a space", { q: 'host:"db 1"' }, "45"],
  ["host and level", { host: "web-1", level: "error" }, "2"],
  ["host and level in words", { q: "host:web-1 level:error" }, "2"],
  ["either of two levels in words", { q: "level:error level:audit" }, "235"],
  ["a level that is not", { q: "-level:error" }, "145"],
  ["neither of two levels", { q: "-level:error -level:info" }, "45"],
  ["a field and a word of the same field", { level: "info", q: "level:error" }, "123"],
  ["a file", { file: "/var/log/syslog" }, "3"],
  ["a file with a quote", { file: "/var/log/it's.log" }, "4"],
  ["an app with a backslash", { app: "a\\b" }, "5"],
  ["an app with a backslash in words", { q: "app:a\\b" }, "5"],
  ["a tag", { tag: "prod" }, "12"],
  ["either of two tags", { tag: ["eu", "100%"] }, "135"],
  ["a tag that is not", { q: "-tag:prod" }, "345"],
  ["a tag with an underscore", { q: "tag:x_y" }, "5"],
  ["a part of a tag", { tag: "pro" }, ""],
  ["a tag that is SQL", { tag: "') OR 1=1 --" }, ""],
  ["a host that is SQL", { host: "' OR ''='" }, ""],
  ["an environment", { env: "prod" }, "1"],
  ["either of two environments, one with a space, in words", { q: 'env:prod env:"dev 1"' }, "12"],
  ["an environment that is not", { q: "-env:prod" }, "2345"],
  ["an environment and a tag", { q: "env:prod tag:test" }, ""],
  ["from the second on", { from: BEGIN + DAY }, "2345"],
  ["until before the third", { to: BEGIN + 2 * DAY }, "12"],
  ["one millisecond", { from: BEGIN + DAY, to: BEGIN + DAY + 1 }, "2"],
  ["no time at all", { from: BEGIN + DAY, to: BEGIN + DAY }, ""],
  ["an end before the begin", { from: BEGIN + DAY, to: BEGIN }, ""],
  ["empty parameters", { q: "" }, "12345"],
];

for (const [what, filter, lines] of FILTERS)
  test(`filter: ${what}`, async () => {
    const parameters = { ...range, ...filter };
    assert.equal((await server.texts(parameters)).join(""), lines);

    const { buckets } = await server.read<HistogramAnswer>("/api/v1/histogram", parameters);
    const sum = buckets.flatMap(({ counts }) => Object.values(counts)).reduce((a, b) => a + b, 0);
    assert.equal(sum, lines.length, "the histogram counts what the search finds");

    const facets = await server.read<FacetsAnswer>("/api/v1/facets", parameters);
    const hosts = FIELDS.filter(({ line }) => lines.includes(line)).map(({ host }) => host);
    const counts = [...new Set(hosts)].map((host) => ({ value: host, count: hosts.filter((h) => h === host).length }));
    assert.deepEqual(
      facets.host,
      counts.toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)),
      "the facets count what the search finds",
    );
  });

test("facets: the values of every field with their counts, the most frequent first, without empty ones", async () => {
  assert.deepEqual(await server.read("/api/v1/facets", range), {
    host: [
      { value: "db 1", count: 2 },
      { value: "web-1", count: 2 },
      { value: "web-2", count: 1 },
    ],
    app: [
      { value: "nginx", count: 2 },
      { value: "a\\b", count: 1 },
    ],
    file: [
      { value: "/var/log/it's.log", count: 1 },
      { value: "/var/log/syslog", count: 1 },
    ],
    level: [
      { value: "error", count: 2 },
      { value: "audit", count: 1 },
      { value: "info", count: 1 },
    ],
    env: [
      { value: "dev 1", count: 1 },
      { value: "prod", count: 1 },
    ],
    tag: [
      { value: "eu", count: 2 },
      { value: "prod", count: 2 },
      { value: "100%", count: 1 },
      { value: "test", count: 1 },
      { value: "x_y", count: 1 },
    ],
  } satisfies FacetsAnswer);
});

test("histogram: every line is in the bucket of its time and level, also before the epoch", async () => {
  const times = [-90_000, -1_000, 0, 1_000, 59_000, 61_000, 3_600_000];
  const levels = ["info", "error", "__proto__"];
  await server.store(
    "times",
    times.flatMap((time) => levels.map((level) => ({ line: "x", app: "app", level, timestamp: time / 1000 }))),
  );
  for (const buckets of [1, 3, 60, 1000]) {
    const answer = await server.read<HistogramAnswer>("/api/v1/histogram", { host: "times", buckets });
    assert.deepEqual([answer.from, answer.to], [-90_000, 3_600_001]);
    assert.ok((answer.to - answer.from) / answer.bucketMs <= buckets, "no more buckets than asked for");
    const expected = new Map<number, number>();
    for (const time of times) {
      const start = Math.floor(time / answer.bucketMs) * answer.bucketMs;
      expected.set(start, (expected.get(start) ?? 0) + 1);
    }
    assert.deepEqual(
      answer.buckets.map(({ start, counts }) => [start, Object.entries(counts).toSorted()]),
      Array.from(expected, ([start, n]) => [start, levels.toSorted().map((level) => [level, n])]),
    );
  }
});

test("histogram: a range that is asked for is the range of the answer, and of nothing else", async () => {
  const { from, to, buckets } = await server.read<HistogramAnswer>("/api/v1/histogram", { host: "nobody", ...range });
  assert.deepEqual({ from, to, buckets }, { ...range, buckets: [] });
});

test("received_from: lines that arrived then or later, whatever time they give themselves", async () => {
  await server.store("arrivals", [{ line: "earlier, from a clock ahead", app: "app", timestamp: Date.now() + DAY }]);
  const [earlier] = await server.lines({ host: "arrivals" });
  assert.ok(earlier);
  while (Date.now() <= earlier.received) await new Promise((resolve) => setImmediate(resolve));
  await server.store("arrivals", [{ line: "later, from a clock behind", app: "app", timestamp: Date.now() - DAY }]);
  const later = earlier.received + 1;
  assert.equal((await server.texts({ host: "arrivals", received_from: earlier.received })).length, 2);
  assert.deepEqual(await server.texts({ host: "arrivals", received_from: later }), ["later, from a clock behind"]);
  assert.deepEqual(await server.texts({ host: "arrivals", received_from: later + DAY }), []);
  assert.equal((await server.get("/api/v1/lines", { received_from: "yesterday" })).status, 400);
});

for (const level of ["warn", "WARN", "warning", "Warning"])
  test(`level:${level} finds what the store keeps as warn`, async () => {
    const lines = ["WARN", "warning", "warn", "info"].map((name) => ({ line: name, app: "app", level: name }));
    await server.store(`levels-${level}`, lines);
    const host = `levels-${level}`;
    for (const asked of [{ q: `level:${level}` }, { level }])
      assert.deepEqual((await server.texts({ host, ...asked })).toSorted(), ["WARN", "warn", "warning"]);
    assert.deepEqual(await server.texts({ host, q: `-level:${level}` }), ["info"]);
  });
