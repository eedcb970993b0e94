import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ask } from "./requests.ts";
import { type Sending, startServer } from "./server.ts";

const server = await startServer({ after });
const { key } = server;
const LINES = { lines: [{ line: "text", app: "app" }] };
const basic = (user: string, password = ""): string => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

test("each answer of the ingestion endpoints says which codings requests may have, and no other does", async () => {
  const answers = [await server.post(LINES), await server.post(LINES, { headers: {} }), await server.post("no JSON")];
  assert.deepEqual(
    answers.map(({ status, headers }) => [status, headers["accept-encoding"]]),
    [200, 401, 400].map((status) => [status, "gzip, zstd"]),
  );
  const { headers } = await fetch(`${server.url}/health/live`);
  assert.equal(headers.get("accept-encoding"), null);
});

/** What the server says to a request, without the chance to miss a wrong media type. */
async function answer(body: unknown, sending?: Sending): Promise<readonly [status: number, answer: unknown]> {
  const { status, headers, text: json } = await server.post(body, sending);
  assert.equal(headers["content-type"], "application/json; charset=utf-8");
  return [status, JSON.parse(json)];
}

const OK = { status: "ok" };
const MISSING = { error: "Missing credentials." };
const UNKNOWN = { error: "The ingestion key is not known." };
const TWICE = { error: "Give the ingestion key in exactly one way." };

const KEYS: readonly (readonly [what: string, sending: Sending, status: number, answer: unknown])[] = [
  ["the header", { headers: { apikey: key } }, 200, OK],
  ["HTTP basic", { headers: { authorization: basic(key) } }, 200, OK],
  ["the query", { headers: {}, query: `hostname=h&apikey=${key}` }, 200, OK],
  [
    "the query, at the public endpoint",
    { path: "/logs/ingest", headers: {}, query: `apikey=${key}&hostname=h` },
    200,
    OK,
  ],
  ["no key", { headers: {} }, 401, MISSING],
  ["an empty header", { headers: { apikey: "" } }, 401, MISSING],
  ["an empty user", { headers: { authorization: basic("") } }, 401, MISSING],
  ["a scheme other than basic", { headers: { authorization: `Bearer ${key}` } }, 401, MISSING],
  ["a key that is not known", { headers: { apikey: "unknown" } }, 403, UNKNOWN],
  ["a key with one letter more", { headers: { apikey: `${key}x` } }, 403, UNKNOWN],
  ["a user that is not known", { headers: { authorization: basic("unknown") } }, 403, UNKNOWN],
  ["the key as the password", { headers: { authorization: basic("unknown", key) } }, 403, UNKNOWN],
  ["the read token", { headers: { apikey: server.token } }, 403, UNKNOWN],
  ["header and basic", { headers: { apikey: key, authorization: basic(key) } }, 400, TWICE],
  ["header and query", { headers: { apikey: key }, query: `hostname=h&apikey=${key}` }, 400, TWICE],
  ["query and basic", { headers: { authorization: basic(key) }, query: `hostname=h&apikey=${key}` }, 400, TWICE],
  ["no key and no hostname", { headers: {}, query: "" }, 401, MISSING],
];

for (const [what, sending, status, body] of KEYS)
  test(`authentication: ${what} is answered ${status}`, async () => {
    assert.deepEqual(await answer(LINES, sending), [status, body]);
  });

const gzip = { apikey: key, "content-encoding": "gzip" };
const NOT_ZSTD = { error: "The body is not valid zstd." };
const zstd = { apikey: key, "content-encoding": "zstd" };
/** A frame of zstd (RFC 8878, section 3.1.1) that wants 16 MiB of memory for one block of a repeated byte. */
const WIDE = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (24 - 10) << 3, 0x03, 0, 0x10, 0x61]);
const bodyOf = (line: object): object => ({ lines: [{ line: "fits", app: "app" }, line] });

const BODIES: readonly (readonly [what: string, body: unknown, sending: Sending, status: number, answer: object])[] = [
  ["no hostname", LINES, { query: "" }, 400, { error: "Missing param hostname." }],
  ["an empty hostname", LINES, { query: "hostname=" }, 400, { error: "Missing param hostname." }],
  ["no body", "", {}, 400, { error: "The body is not valid JSON." }],
  ["half a body", '{"lines":[{"line":"a"', {}, 400, { error: "The body is not valid JSON." }],
  ["a list", [], {}, 400, { error: 'The body must be an object with an array "lines".' }],
  ["null", "null", {}, 400, { error: 'The body must be an object with an array "lines".' }],
  ["no lines", {}, {}, 400, { error: 'The body must be an object with an array "lines".' }],
  ["lines that are none", { lines: {} }, {}, 400, { error: 'The body must be an object with an array "lines".' }],
  ["a line that is a text", { lines: ["a"] }, {}, 400, { error: "Line 0 is not an object." }],
  ["a line without text", bodyOf({ app: "a" }), {}, 400, { error: 'Line 1 has no text "line".' }],
  ["a line that is a number", bodyOf({ line: 1, app: "a" }), {}, 400, { error: 'Line 1 has no text "line".' }],
  ["neither app nor file", bodyOf({ line: "a" }), {}, 400, { error: 'Line 1 needs "app" or "file".' }],
  ["empty app and file", bodyOf({ line: "a", app: "", file: "" }), {}, 400, { error: 'Line 1 needs "app" or "file".' }],
  ["an app that is a list", bodyOf({ line: "a", app: [] }), {}, 400, { error: 'Line 1 has a "app" that is no text.' }],
  [
    "a time that is a word",
    bodyOf({ line: "a", app: "a", timestamp: "noon" }),
    {},
    400,
    { error: 'Line 1 has a "timestamp" that is no number.' },
  ],
  [
    "tags that are an object",
    bodyOf({ line: "a", app: "a", tags: {} }),
    {},
    400,
    { error: 'Line 1 has "tags" that are neither a text nor a list of texts.' },
  ],
  [
    "a label that is a text",
    bodyOf({ line: "a", app: "a", label: "x" }),
    {},
    400,
    { error: 'Line 1 has a "label" that is no object.' },
  ],
  [
    "a meta of a million lists in each other",
    `{"lines":[{"line":"a","app":"a","meta":${"[".repeat(1e6)}${"]".repeat(1e6)}}]}`,
    {},
    200,
    OK,
  ],
  ["gzip", gzipSync(JSON.stringify(LINES)), { headers: gzip }, 200, OK],
  [
    "gzip, by its old name",
    gzipSync(JSON.stringify(LINES)),
    { headers: { ...gzip, "content-encoding": "x-gzip" } },
    200,
    OK,
  ],
  [
    "what is called gzip and is not",
    JSON.stringify(LINES),
    { headers: gzip },
    400,
    { error: "The body is not valid gzip." },
  ],
  [
    "half of a gzip",
    gzipSync(JSON.stringify(LINES)).subarray(0, 30),
    { headers: gzip },
    400,
    { error: "The body is not valid gzip." },
  ],
  [
    "another encoding",
    JSON.stringify(LINES),
    { headers: { ...gzip, "content-encoding": "br" } },
    415,
    { error: "Only gzip and zstd are understood as content encoding." },
  ],
  [
    "an encoding that objects have",
    JSON.stringify(LINES),
    { headers: { ...gzip, "content-encoding": "constructor" } },
    415,
    { error: "Only gzip and zstd are understood as content encoding." },
  ],
  ["zstd", zstdCompressSync(JSON.stringify(LINES)), { headers: zstd }, 200, OK],
  ["what is called zstd and is not", JSON.stringify(LINES), { headers: zstd }, 400, NOT_ZSTD],
  ["gzip that is called zstd", gzipSync(JSON.stringify(LINES)), { headers: zstd }, 400, NOT_ZSTD],
  ["half of a zstd", zstdCompressSync(JSON.stringify(LINES)).subarray(0, 30), { headers: zstd }, 400, NOT_ZSTD],
  ["zstd that wants more memory than a server has to give", WIDE, { headers: zstd }, 400, NOT_ZSTD],
  ["no lines in the list", { lines: [] }, {}, 200, OK],
  ["lines by the name that LogDNA's npm clients use", { e: "ls", ls: LINES.lines }, {}, 200, OK],
  [
    "a batch id with a space",
    LINES,
    { batch: "a b" },
    400,
    { error: "The header x-batch-id must be 1 to 64 characters of 0-9, A-Z, a-z, _ and -." },
  ],
  [
    "a batch id that is too long",
    LINES,
    { batch: "a".repeat(65) },
    400,
    { error: "The header x-batch-id must be 1 to 64 characters of 0-9, A-Z, a-z, _ and -." },
  ],
];

for (const [what, body, sending, status, expected] of BODIES)
  test(`body: ${what} is answered ${status}`, async () => {
    assert.deepEqual(await answer(body, sending), [status, expected]);
  });

test("one wrong line keeps the whole batch out, so that the sender can correct it and send it again", async () => {
  const query = "hostname=all-or-nothing";
  assert.equal((await server.post(bodyOf({ line: "no app" }), { query, batch: "corrected" })).status, 400);
  assert.deepEqual(await server.texts({ host: "all-or-nothing" }), []);
  assert.equal((await server.post(bodyOf({ line: "app", app: "a" }), { query, batch: "corrected" })).status, 200);
  assert.deepEqual(await server.texts({ host: "all-or-nothing" }), ["fits", "app"]);
});

for (const type of [undefined, "text/plain", "application/x-www-form-urlencoded", "application/json;charset=utf8"])
  test(`content type ${type}: the body is read as JSON all the same`, async () => {
    const host = `type-${type}`;
    const { status } = await ask(`${server.url}/logs/ingest?hostname=${encodeURIComponent(host)}`, {
      method: "POST",
      body: JSON.stringify(LINES),
      headers: { apikey: key, ...(type !== undefined && { "content-type": type }) },
    });
    assert.equal(status, 200);
    assert.deepEqual(await server.texts({ host }), ["text"]);
  });

const ELSEWHERE: readonly (readonly [method: string, path: string, status: number])[] = [
  ["GET", "/logs/agent", 404],
  ["PUT", "/logs/ingest", 404],
  ["DELETE", "/logs/agent", 404],
  ["POST", "/logs", 404],
  ["POST", "/logs/agent/", 404],
  ["POST", "/logs/agents", 404],
  ["POST", "//logs/agent", 404],
  ["GET", "//", 404],
  ["GET", "/%", 400],
  ["GET", "/../../etc/passwd", 404],
  ["GET", "/api/v1/nothing", 404],
];

for (const [method, path, status] of ELSEWHERE)
  test(`${method} ${path} is answered ${status} in JSON, and without the key`, async () => {
    const { hostname, port } = new URL(server.url);
    // A URL object would tidy the path up.
    const socket = connect(Number(port), hostname);
    socket.write(`${method} ${path}?hostname=h&apikey=${key} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`);
    const [head = "", body = ""] = (await text(socket)).split("\r\n\r\n");
    assert.equal(Number(head.split(" ")[1]), status, head);
    assert.match(head, /content-type: application\/json; charset=utf-8/i);
    assert.match(head, /x-content-type-options: nosniff/i);
    assert.deepEqual(Object.keys(JSON.parse(body)), ["error"]);
    assert.doesNotMatch(head + body, new RegExp(key));
  });

test("nothing of all this is in the server's output but that it is ready, and never a key or token", () => {
  assert.equal(server.stdout().trimEnd().split("\n").length, 1);
  for (const secret of [key, server.token]) assert.ok(!(server.stdout() + server.stderr()).includes(secret));
});
