import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer, Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import { ENDPOINTS, type ErrorAnswer } from "@logdna-agent/protocol";
import type { PageFile } from "@logdna-agent/web";
import { type FastifyError, type FastifyListenOptions, type FastifyReply, fastify } from "fastify";
import { ACCEPTED_CODINGS } from "../receive/body.ts";
import type { Receiver } from "../receive/receive.ts";
import { Refusal } from "../receive/refusal.ts";
import { QueryTooSlow } from "../store/store.ts";
import { StoreUnavailable, UnstorableRows } from "../store/writer.ts";
import type { ServerIdentity } from "../tls/authority.ts";
import { cannotListen } from "./listening.ts";
import { addReadApi, type ReadApiOptions } from "./read_api.ts";

export interface WebServerOptions extends ReadApiOptions {
  readonly receiver: Receiver;
  readonly page: ReadonlyMap<string, PageFile>;
  /** Undefined for plain HTTP. */
  readonly identity: ServerIdentity | undefined;
  /**
   * Tell browsers to speak nothing but HTTPS with this host, and to let nobody pass over a certificate that is not right:
   * only where they trust the certificate anyway, as the host's other ports and services would be shut out otherwise.
   */
  readonly strictTransport: boolean;
  /** Something failed that is no fault of the request. */
  readonly onError: (what: string, error: Error) => void;
}

export interface WebServer {
  /**
   * Starts to listen; resolves with the port.
   * @param descriptors sockets that listen at the address already, to be used instead of new ones.
   * @throws {Error} that names the address.
   */
  listen(host: string, port: number, descriptors?: readonly number[]): Promise<number>;
  /** Uses another certificate for new connections. */
  useIdentity(identity: ServerIdentity): void;
  /** Takes no new requests, answers those in hand, ends the tails. */
  close(): Promise<void>;
}

/** Everything that the page may do: load its own files and talk to its own origin. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const SECURITY_HEADERS = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
} as const;

/** Milliseconds for the head of a request, and for all of it: a client that trickles bytes holds a connection no longer. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How often connections are looked at for the above. */
const CHECK_INTERVAL_MS = 5_000;
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** A TLS connection takes about 50 KB: these are 250 MB, and an agent needs only a few. */
const MAX_CONNECTIONS = 5_000;
/** Milliseconds for what is in hand when the server is to stop. */
const FINISH_MS = 5_000;

/** The HTTP side of the server: ingestion, read API, page, health. */
export function createWebServer(options: WebServerOptions): WebServer {
  const { receiver, page, identity, strictTransport, onError } = options;
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  };
  const headers = strictTransport
    ? { ...SECURITY_HEADERS, "strict-transport-security": "max-age=31536000" }
    : SECURITY_HEADERS;
  // One for each address that a name such as localhost stands for.
  const listeners: (Server | HttpsServer)[] = [];
  const sockets = new Set<Socket>();
  const makeListener = (handler: RequestListener): Server | HttpsServer => {
    const listener =
      identity === undefined
        ? createHttpServer(limits, handler)
        : createHttpsServer(
            { ...limits, ...identity, minVersion: "TLSv1.2", handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
            handler,
          );
    listener.maxConnections = MAX_CONNECTIONS;
    listener.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    listeners.push(listener);
    return listener;
  };
  const server = fastify({
    serverFactory: makeListener,
    // A path that cannot be decoded gets neither to the hooks nor to the error handler.
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      reply
        .headers(headers)
        .code(400)
        .send({ error: "The path cannot be decoded." } satisfies ErrorAnswer);
    },
    forceCloseConnections: "idle",
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  let stopping = false;

  server.addHook("onRequest", async (_, reply) => {
    reply.headers(headers);
  });
  server.addHook("onSend", async (_, reply) => {
    // A connection that stayed open for another request would hold up the end.
    if (stopping) reply.header("connection", "close");
  });

  server.register(async (ingestion) => {
    // The receiver reads the body itself, with its own limits.
    ingestion.removeAllContentTypeParsers();
    ingestion.addContentTypeParser("*", (_request, _payload, done) => done(null));
    ingestion.addHook("onRequest", async (_, reply) => {
      reply.header("accept-encoding", ACCEPTED_CODINGS);
    });
    for (const path of ENDPOINTS) {
      ingestion.post(path, async (request) => {
        await receiver.receive(request.raw);
        return { status: "ok" };
      });
    }
  });
  addReadApi(server, options);

  server.get("/health/live", async () => ({ status: "ok" }));
  server.get("/health/ready", async (_, reply) =>
    stopping ? reply.code(503).send({ error: "The server is stopping." }) : { status: "ok" },
  );
  for (const [path, { type, body }] of page) {
    const etag = `"${createHash("sha256").update(body).digest("base64url")}"`;
    server.get(path, async (request, reply) => {
      // Kept by browsers, but never shown without asking: after an update the page must fit the server.
      reply.headers({ etag, "cache-control": "no-cache" });
      if (request.headers["if-none-match"]?.includes(etag)) return reply.code(304).send();
      return reply.type(type).send(Buffer.from(body));
    });
  }

  server.setNotFoundHandler(async (_, reply) => reply.code(404).send({ error: "Not found." } satisfies ErrorAnswer));
  server.setErrorHandler(async (error: FastifyError, request, reply) => {
    const { status, message } = answerTo(error);
    const unexpected = status >= 500 && !(error instanceof Refusal);
    if (unexpected || error instanceof UnstorableRows)
      onError(`${request.method} ${new URL(request.url, "http://server").pathname}`, error);
    if (status === 503) reply.header("retry-after", "1");
    // Only a bounded part of a refused body is read to its end; behind more than that the connection cannot be used again.
    if (status === 413) reply.header("connection", "close");
    return reply.code(status).send({ error: message } satisfies ErrorAnswer);
  });

  return {
    async listen(host, port, [first, ...others] = []) {
      try {
        await server.listen(first === undefined ? { host, port } : onDescriptor(first));
        // Like the ones that are made for each address of a name, these end with the first.
        for (const fd of others) {
          const further = makeListener(server.routing).listen({ fd });
          server.server.once("close", () => further.close());
          await once(further, "listening");
        }
      } catch (error) {
        throw cannotListen(host, port, error);
      }
      const address = server.server.address();
      return typeof address === "object" && address !== null ? address.port : port;
    },
    useIdentity(next) {
      for (const listener of listeners)
        if (listener instanceof HttpsServer) listener.setSecureContext({ ...next, minVersion: "TLSv1.2" });
    },
    async close() {
      stopping = true;
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, FINISH_MS);
      await server.close();
      clearTimeout(late);
    },
  };
}

/** Fastify hands this on to `net.Server.listen`, which then looks at the descriptor alone. */
function onDescriptor(fd: number): FastifyListenOptions {
  const options: FastifyListenOptions & { readonly fd: number } = { fd, host: "127.0.0.1" };
  return options;
}

function answerTo(error: FastifyError | Error): { status: number; message: string } {
  if (error instanceof Refusal) return { status: error.status, message: error.message };
  if (error instanceof QueryTooSlow) return { status: 504, message: error.message };
  if (error instanceof StoreUnavailable) {
    const full = /NOT_ENOUGH_SPACE|No space left|RESERVE|Cannot reserve/i.test(error.message);
    return full
      ? { status: 507, message: "The server's disk is full." }
      : { status: 503, message: "The store cannot take lines now." };
  }
  if (error instanceof UnstorableRows) return { status: 400, message: "The store cannot take these lines." };
  const status = "statusCode" in error ? Number(error.statusCode) : 500;
  return status >= 400 && status < 500
    ? { status, message: error.message }
    : { status: 500, message: "The server failed to answer." };
}
