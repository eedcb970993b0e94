import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { MAX_BODY_BYTES, type StoredLine } from "@logdna-agent/protocol";
import { startServer } from "./server.ts";

const server = await startServer({ after });
const { key } = server;
const MiB = 1024 * 1024;
const TOO_LARGE = { error: `The body is larger than ${MAX_BODY_BYTES} bytes.` };
const gzip = { apikey: key, "content-encoding": "gzip" };
const zstd = { apikey: key, "content-encoding": "zstd" };

/** A body of so many bytes that holds one line. */
function bodyOf(size: number): Buffer {
  const [head, tail] = ['{"lines":[{"app":"app","line":"', '"}]}'];
  return Buffer.from(head + "x".repeat(size - head.length - tail.length) + tail);
}

/** The most memory that the server has ever had, in bytes. */
function peak(): number {
  const [, kilobytes = "0"] =
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

test("a body of 10 MB is stored, also in gzip and zstd", async () => {
  const body = bodyOf(MAX_BODY_BYTES);
  assert.equal((await server.post(body, { query: "hostname=plain" })).status, 200);
  assert.equal((await server.post(gzipSync(body), { query: "hostname=gzip", headers: gzip })).status, 200);
  assert.equal((await server.post(zstdCompressSync(body), { query: "hostname=zstd", headers: zstd })).status, 200);
  for (const host of ["plain", "gzip", "zstd"]) {
    const [listed] = await server.lines({ host });
    const line: StoredLine = await server.read(`/api/v1/lines/${listed?.id}`);
    assert.equal(line.line, "x".repeat(line.line.length));
    assert.equal(MAX_BODY_BYTES - line.line.length, 35);
  }
});

test("one byte more is too large, however it is sent", async () => {
  const body = bodyOf(MAX_BODY_BYTES + 1);
  const chunked = { apikey: key, "transfer-encoding": "chunked" };
  for (const sending of [{}, { headers: { apikey: key, expect: "100-continue" } }]) {
    const { status, text: json } = await server.post(body, sending);
    assert.deepEqual([status, JSON.parse(json)], [413, TOO_LARGE]);
  }
  const { status, text: json } = await server.post(gzipSync(body), { headers: gzip });
  assert.deepEqual([status, JSON.parse(json)], [413, TOO_LARGE]);
  assert.equal((await server.post(zstdCompressSync(body), { headers: zstd })).status, 413);
  assert.equal((await server.post(body, { headers: chunked })).status, 413);
});

/** Opens a request by hand and writes what is given as its body; the rest is for the test to do. */
async function write(credentials: string, body: Buffer, length = body.length): Promise<Socket> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ port: Number(port), host: hostname });
  const head = `POST /logs/agent?hostname=h HTTP/1.1\r\nhost: h\r\n${credentials}\r\nconnection: close\r\n`;
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.write(`${head}content-length: ${length}\r\n\r\n`);
    socket.write(body, (error) => (error ? reject(error) : resolve()));
  });
  return socket;
}

test("a client that reads only once it has written everything still gets the answer, each time", async () => {
  const large = bodyOf(MAX_BODY_BYTES + 5_000_000);
  for (let round = 0; round < 5; round += 1) {
    assert.match(await text(await write(`apikey: ${key}`, large)), /^HTTP\/1\.1 413 /);
    assert.match(await text(await write("apikey: unknown", large)), /^HTTP\/1\.1 403 /);
    assert.match(await text(await write("accept: */*", large)), /^HTTP\/1\.1 401 /);
  }
});

test("a body that ends too early is nobody's fault but the client's, and nothing of it is stored", async () => {
  const socket = await write(`apikey: ${key}`, bodyOf(1000), 2000);
  socket.destroy();
  await server.store("next", [{ line: "fine", app: "app" }]);
  assert.deepEqual(await server.texts({ host: "next" }), ["fine"]);
  assert.equal(server.complaints(), "");
});

for (const [name, headers, compress, few, many] of [
  ["gzip", gzip, gzipSync, 512, 64],
  ["zstd", zstd, zstdCompressSync, 1024, 64],
] as const)
  test(`a ${name} bomb is refused, whether in one piece or in many, and costs little memory`, async () => {
    const piece = compress(Buffer.alloc(many * MiB));
    await server.post(compress(bodyOf(MAX_BODY_BYTES)), { headers });
    const before = peak();
    for (const body of [compress(Buffer.alloc(few * MiB)), Buffer.concat(Array<Buffer>(100).fill(piece))]) {
      assert.ok(body.length < MAX_BODY_BYTES);
      const answers = await Promise.all([1, 2, 3, 4].map(() => server.post(body, { headers })));
      for (const { status, text: json } of answers) assert.deepEqual([status, JSON.parse(json)], [413, TOO_LARGE]);
    }
    const grown = peak() - before;
    assert.ok(grown < 256 * MiB, `${grown} bytes more`);
  });

test("a long hostname or many tags are not multiplied by the lines of a body without bound", async () => {
  const lines = Array.from({ length: 200_000 }, () => ({ line: "", app: "a", tags: "own" }));
  const before = peak();
  for (const query of [
    `hostname=${"h".repeat(8000)}`,
    `hostname=h&tags=${"t,".repeat(4000)}`,
    `hostname=h&tags=${Array.from({ length: 2000 }, (_, n) => n)}`,
  ]) {
    const { status, text: json } = await server.post({ lines }, { query });
    assert.equal(status, 413, json);
    assert.match(json, /^\{"error":"The hostname and tags are too long for so many lines/);
  }
  const grown = peak() - before;
  assert.ok(grown < 512 * 1024 * 1024, `${grown} bytes more`);
});

test("the server goes on after all this", async () => {
  await server.store("after", [{ line: "fine", app: "app" }]);
  assert.deepEqual(await server.texts({ host: "after" }), ["fine"]);
});
