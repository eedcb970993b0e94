/**
 * The server that shippers are measured against, a process of its own: it accepts everything and throws it away. What it costs itself
 * must not slow down what is measured, so bodies are only counted when nothing has come for a while, or when it is asked.
 */
import { Buffer } from "node:buffer";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { monotonicMs } from "./clock.ts";
import { countLines } from "./count_lines.ts";
import type { SinkNews, SinkOrder, SinkSettings } from "./sink_messages.ts";

/** How long nothing must have come before bodies are counted, and how often that is looked at, in milliseconds. */
const PAUSE_MS = 250;
const LOOK_MS = 50;
/** Bytes of bodies that are kept to be counted later; beyond that counting cannot wait. */
const MOST_KEPT_BYTES = 6e9;
const STAMP = /stamp=(\d+)/g;

interface Kept {
  readonly body: Buffer;
  readonly encoding: string | undefined;
  readonly at: number;
}

const kept: Kept[] = [];
const sockets = new Set<Socket>();
const delays: number[] = [];
let settings: SinkSettings;
let server: Server;
let port = 0;
let keptBytes = 0;
let lines = 0;
let requests = 0;
let wireBytes = 0;
let toldBytes = 0;
let firstAt: number | undefined;
let lastAt: number | undefined;

process.once("message", (given: SinkSettings) => {
  settings = given;
  server = createServer();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  listen(() => tell({ name: "ready", port }));
  process.on("message", (order: SinkOrder) => {
    if (order === "up") return listen(() => undefined);
    if (order === "report") return count(true);
    server.close();
    for (const socket of sockets) socket.destroy();
  });
});
// Whoever started it has ended.
process.once("disconnect", () => process.exit());
setInterval(() => {
  if (wireBytes !== toldBytes) tell({ name: "progress", wireBytes });
  toldBytes = wireBytes;
  if (kept.length > 0 && lastAt !== undefined && monotonicMs() - lastAt > PAUSE_MS) count(false);
}, LOOK_MS);

function createServer(): Server {
  if (settings.transport === "tcp") return createTcpServer((socket) => socket.on("data", arrived));
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => undefined);
    request.on("end", () => answer(request, response, Buffer.concat(chunks)));
  };
  return settings.transport === "https"
    ? createHttpsServer(settings.certificate, listener)
    : createHttpServer(listener);
}

function listen(then: () => void): void {
  server.listen(port, "127.0.0.1", () => {
    port = (server.address() as AddressInfo).port;
    then();
  });
}

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const encoding = request.headers["content-encoding"];
  const type = request.headers["content-type"] ?? "";
  if (request.method === "POST") {
    requests += 1;
    arrived(body, encoding);
  }
  if (request.url?.includes("_bulk") === true) return answerBulk(response, plain(body, encoding));
  if (request.method !== "POST") return answerElasticsearch(response);
  // Of OTLP in protobuf an empty answer accepts everything; LogDNA's protocol wants JSON.
  const isProtobuf = type.includes("protobuf");
  response.setHeader("content-type", isProtobuf ? type : "application/json");
  response.end(isProtobuf ? "" : '{"status":"ok"}');
}

/** What Elasticsearch says of itself, which its clients ask for. */
function answerElasticsearch(response: ServerResponse): void {
  response.setHeader("content-type", "application/json");
  response.setHeader("x-elastic-product", "Elasticsearch");
  response.end('{"name":"sink","version":{"number":"8.15.0"},"tagline":"You Know, for Search"}');
}

function answerBulk(response: ServerResponse, body: Buffer): void {
  response.setHeader("content-type", "application/json");
  response.setHeader("x-elastic-product", "Elasticsearch");
  const item = '{"create":{"status":201}}';
  const items = Array.from({ length: countLines(body, "bulk") }, () => item).join();
  response.end(`{"took":1,"errors":false,"items":[${items}]}`);
}

function arrived(body: Buffer, encoding?: string): void {
  lastAt = monotonicMs();
  wireBytes += body.length;
  if (firstAt === undefined) {
    firstAt = lastAt;
    tell({ name: "first", at: firstAt });
  }
  keptBytes += body.length;
  kept.push({ body, encoding, at: lastAt });
  if (keptBytes > MOST_KEPT_BYTES) count(false);
}

function count(asked: boolean): void {
  for (const { body, encoding, at } of kept) {
    const bytes = plain(body, encoding);
    lines += countLines(bytes, settings.form);
    if (!bytes.includes("stamp=")) continue;
    for (const [, stamp] of bytes.toString("latin1").matchAll(STAMP)) delays.push(at - Number(stamp) / 1000);
  }
  kept.length = 0;
  keptBytes = 0;
  tell({ name: "counted", asked, arrivals: { lines, requests, wireBytes, firstAt, lastAt, delays } });
}

function plain(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === "gzip") return gunzipSync(body);
  return encoding === "zstd" ? zstdDecompressSync(body) : body;
}

function tell(news: SinkNews): void {
  process.send?.(news);
}
