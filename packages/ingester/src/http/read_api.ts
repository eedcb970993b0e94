import type { ServerResponse } from "node:http";
import type { LinesAnswer } from "@logdna-agent/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { matcher } from "../query/matcher.ts";
import { type Query, readQuery } from "../query/query.ts";
import { Refusal } from "../receive/refusal.ts";
import { placeOf } from "../store/line_id.ts";
import type { Store } from "../store/store.ts";
import type { LiveTail } from "../tail/live_tail.ts";
import { bucketsOf, filterOf, type Page, pageOf } from "./read_parameters.ts";
import type { ReadAccess } from "./session.ts";

/** A comment this often keeps connections of quiet tails alive through proxies, in milliseconds. */
const HEARTBEAT_MS = 15_000;

export interface ReadApiOptions {
  readonly store: Store;
  readonly tail: LiveTail;
  readonly access: ReadAccess;
}

/** The routes of the read API; see `read_api.ts` of the protocol. */
export function addReadApi(server: FastifyInstance, { store, tail, access }: ReadApiOptions): void {
  const tails = new Set<ServerResponse>();
  // They would never end by themselves.
  server.addHook("preClose", async () => {
    for (const response of tails) response.end();
  });
  const query = (request: FastifyRequest): URLSearchParams => new URL(request.url, "http://server").searchParams;

  server.post("/api/v1/session", { bodyLimit: 4096 }, async (request, reply) => {
    const cookie = access.signIn((request.body as { token?: unknown } | null)?.token);
    if (cookie === undefined) throw new Refusal(401, "The token is not right.");
    return reply.header("set-cookie", cookie).send({ status: "ok" });
  });
  server.delete("/api/v1/session", async (_, reply) =>
    reply.header("set-cookie", access.signOut()).send({ status: "ok" }),
  );

  server.register(async (reading) => {
    reading.addHook("onRequest", async (request) => {
      if (!access.allows(request.headers)) throw new Refusal(401, "Reading needs the read token.");
    });
    reading.get("/api/v1/lines", (request, reply) =>
      readLines(store, readQuery(filterOf(query(request))), pageOf(query(request)), goneOf(reply)),
    );
    reading.get<{ Params: { id: string } }>("/api/v1/lines/:id", async (request, reply) => {
      const place = placeOf(request.params.id);
      const line = place && (await store.line(place, goneOf(reply)));
      if (line === undefined) throw new Refusal(404, "There is no such line.");
      return line;
    });
    reading.get("/api/v1/histogram", (request, reply) =>
      store.histogram(readQuery(filterOf(query(request))), bucketsOf(query(request)), goneOf(reply)),
    );
    reading.get("/api/v1/facets", (request, reply) => store.facets(readQuery(filterOf(query(request))), goneOf(reply)));
    // HEAD would be an answer that never ends.
    reading.get("/api/v1/tail", { exposeHeadRoute: false }, (request, reply) => {
      const { from: _from, to: _to, ...filter } = filterOf(query(request));
      tails.add(reply.raw);
      reply.raw.on("close", () => tails.delete(reply.raw));
      streamTail(tail, readQuery(filter), reply);
    });
  });
}

/** Aborted once the client has gone, so that what it asked for is not looked for when its turn comes. */
function goneOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort(new Refusal(499, "The client has gone.")));
  return gone.signal;
}

async function readLines(store: Store, query: Query, page: Page, gone: AbortSignal): Promise<LinesAnswer> {
  const { limit, order, cursor, around } = page;
  if (around === undefined) {
    const after = cursor === undefined ? undefined : placeOf(cursor);
    if (cursor !== undefined && after === undefined) throw new Refusal(400, "cursor: it is none of this server.");
    return store.lines(query, order, limit, after, gone);
  }
  const place = placeOf(around);
  const line = place && (await store.line(place, gone));
  if (place === undefined || line === undefined) throw new Refusal(404, "There is no such line.");
  const half = Math.ceil(limit / 2);
  const [before, after] = await Promise.all([
    store.lines(query, "desc", half, place, gone),
    store.lines(query, "asc", half, place, gone),
  ]);
  const ascending = [...before.lines.toReversed(), line, ...after.lines];
  return order === "asc"
    ? { lines: ascending, next: after.next }
    : { lines: ascending.toReversed(), next: before.next };
}

/** Server-sent events (HTML, 9.2): what is stored from now on, until the viewer goes. */
function streamTail(tail: LiveTail, query: Query, reply: FastifyReply): void {
  const headers = reply.getHeaders();
  reply.hijack();
  const response: ServerResponse = reply.raw;
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
  response.write(": tail\n\n");
  const subscription = tail.subscribe(matcher(query), {
    send: (event, data) => response.write(`event: ${event}\ndata: ${data}\n\n`),
  });
  const heartbeat = setInterval(() => response.write(": here\n\n"), HEARTBEAT_MS);
  response.on("drain", () => subscription.ready());
  response.on("close", () => {
    clearInterval(heartbeat);
    subscription.end();
  });
}
