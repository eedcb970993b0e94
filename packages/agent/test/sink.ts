import { Buffer } from "node:buffer";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, Server as HttpsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { HEADER, type WireLine } from "@logdna-agent/protocol";

/** One request that the sink got. */
export interface Arrival {
  readonly at: number;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly batchId: string;
  readonly lines: readonly WireLine[];
  /** Uncompressed size of the body, in bytes. */
  readonly size: number;
}

/** Answers a request instead of the sink; true when it has, false to let the sink accept it. */
type Behaviour = (request: IncomingMessage, response: ServerResponse, arrival: Arrival) => boolean | Promise<boolean>;

/** An ingestion server that keeps what it accepts in memory: the other end of the wire in the agent's tests. */
export interface Sink {
  readonly port: number;
  /** Requests that were accepted, in order. */
  readonly accepted: readonly Arrival[];
  /** Every request, accepted or not. */
  readonly requests: readonly Arrival[];
  /** Every connection, once it is made: with TLS a `TLSSocket`. */
  readonly connections: readonly Socket[];
  /**
   * Lines of accepted batches as our server gives them back: each batch id once, in the order of the ids. Several requests are
   * under way at once, so the order of arrival is not the order of the lines.
   */
  lines(): WireLine[];
  /** Texts of these lines, of one file or of all. */
  texts(file?: string): string[];
  /** Resolves once the condition holds; it is looked at after each accepted request. Rejects after `timeoutMs`. */
  until(condition: () => boolean, what?: string, timeoutMs?: number): Promise<void>;
  behave(behaviour: Behaviour | undefined): void;
  /** Closes the connections that no request is on. */
  closeIdle(): void;
  /** Replaces the certificate of new connections. */
  useCertificate(certificate: { readonly key: string; readonly cert: string }): void;
  close(): Promise<void>;
}

/**
 * Starts a sink on loopback: HTTPS with a certificate, to which further options of TLS may be added; plain HTTP without.
 * @param linesOf reads a body of another protocol.
 */
export async function startSink(
  certificate?: ServerOptions,
  port = 0,
  host = "localhost",
  linesOf: (body: string) => readonly WireLine[] = (body) => (JSON.parse(body) as { lines: WireLine[] }).lines,
): Promise<Sink> {
  const accepted: Arrival[] = [];
  const requests: Arrival[] = [];
  const waiting = new Set<() => void>();
  let behaviour: Behaviour | undefined;

  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const coding = request.headers["content-encoding"];
    const plain = coding === "gzip" ? gunzipSync(bytes) : coding === "zstd" ? zstdDecompressSync(bytes) : bytes;
    const arrival: Arrival = {
      at: Date.now(),
      url: new URL(request.url ?? "/", "http://sink"),
      headers: request.headers,
      batchId: String(request.headers[HEADER.batchId]),
      lines: linesOf(plain.toString("utf8")),
      size: plain.length,
    };
    requests.push(arrival);
    if (!(await behaviour?.(request, response, arrival))) {
      accepted.push(arrival);
      response.setHeader("content-type", "application/json");
      response.end('{"status":"ok"}');
    }
    for (const look of waiting) look();
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    onRequest(request, response).catch(() => request.destroy());
  };
  const server = certificate === undefined ? createHttpServer(listener) : createHttpsServer(certificate, listener);
  server.keepAliveTimeout = 60_000;
  const connections: Socket[] = [];
  server.on(certificate === undefined ? "connection" : "secureConnection", (socket: Socket) =>
    connections.push(socket),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });

  const sink: Sink = {
    port: (server.address() as AddressInfo).port,
    accepted,
    requests,
    connections,
    lines() {
      const seen = new Set<string>();
      const ordered = accepted.toSorted((a, b) => (a.batchId < b.batchId ? -1 : a.batchId > b.batchId ? 1 : 0));
      return ordered.flatMap((arrival) => {
        if (seen.has(arrival.batchId)) return [];
        seen.add(arrival.batchId);
        return arrival.lines;
      });
    },
    texts(file) {
      return sink.lines().flatMap((line) => (file === undefined || line.file === file ? [line.line] : []));
    },
    until(condition, what = condition.toString(), timeoutMs = 20_000) {
      if (condition()) return Promise.resolve();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(
          new Error(`Not within ${timeoutMs} ms: ${what}. Arrived: ${JSON.stringify(sink.texts()).slice(0, 2000)}`),
        );
      }, timeoutMs);
      const look = (): void => {
        if (!condition()) return;
        waiting.delete(look);
        clearTimeout(timer);
        resolve();
      };
      waiting.add(look);
      return promise;
    },
    behave(next) {
      behaviour = next;
    },
    closeIdle() {
      server.closeIdleConnections();
    },
    useCertificate(next) {
      if (server instanceof HttpsServer) server.setSecureContext(next);
      server.closeIdleConnections();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return sink;
}
