import { Buffer } from "node:buffer";
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, Server as HttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { HEADER, type WireBody, type WireLine } from "@logdna-agent/protocol";
import { CONNECTION_FAULTS, type ConnectionFaultName } from "./connection_faults.ts";
import { accept, type ExchangeFault } from "./exchange_faults.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** What a server does instead of accepting; drawn anew for each exchange. */
type Injected =
  | { readonly connection: ConnectionFaultName }
  | {
      readonly exchange: ExchangeFault;
      readonly share: number;
      readonly only?: (lines: readonly WireLine[]) => boolean;
    };

/** An ingestion server on TCP, with or without TLS, that stores into a ledger and fails in every way that it is told. */
export class FaultServer {
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #http: HttpServer;
  /** All that are there; a port may be used again before the end of its last connection was seen. */
  readonly #sockets = new Set<Socket>();
  readonly #open = new Map<number, { readonly socket: Socket; requests: number }>();
  readonly #held = new Set<Socket>();
  readonly #trap: Server;
  #listener: Server | undefined;
  #port = 0;
  #injected: Injected | undefined;
  /** Every request that was begun. */
  requests = 0;
  /** Batches that were stored although the client could not know. */
  lostAnswers = 0;
  /** Connections that a redirect led to. */
  trapped = 0;
  /** Whoever asks for more at once than this server expects. */
  concurrent = { now: 0, most: 0 };

  private constructor(ledger: Ledger, random: Random, certificate: Certificate | undefined) {
    this.#ledger = ledger;
    this.#random = random;
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      response.on("error", () => undefined);
      this.#onRequest(request, response).catch(() => request.destroy());
    };
    this.#http = certificate === undefined ? createHttpServer(listener) : createHttpsServer(certificate, listener);
    this.#http.keepAliveTimeout = 60_000;
    this.#http.on("clientError", (_, socket) => socket.destroy());
    this.#trap = createServer((socket) => {
      this.trapped += 1;
      socket.destroy();
    });
  }

  /** Starts one on a free port of an address of loopback. */
  static async start(options: {
    ledger: Ledger;
    random: Random;
    certificate?: Certificate | undefined;
    address?: string;
  }): Promise<FaultServer> {
    const server = new FaultServer(options.ledger, options.random, options.certificate);
    await new Promise<void>((resolve) => server.#trap.listen(0, "127.0.0.1", resolve));
    await server.listen(options.address);
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens, at another address if one is given; on the same port as before. */
  async listen(address = "127.0.0.1"): Promise<void> {
    if (this.#listener !== undefined) return;
    const listener = createServer((socket) => this.#onConnection(socket));
    await new Promise<void>((resolve, reject) => {
      listener.once("error", reject);
      listener.listen({ port: this.#port, host: address }, resolve);
    });
    this.#port = (listener.address() as AddressInfo).port;
    this.#listener = listener;
  }

  /** Refuses connections from now on, and ends those that are there, as when the process has ended. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    const closed = listener && new Promise((resolve) => listener.close(resolve));
    this.#cut();
    await closed;
  }

  /** What happens to connections from now on; those that are there end. */
  injectConnection(connection: ConnectionFaultName): void {
    this.#injected = { connection };
    this.#cut();
  }

  /**
   * What happens to this share of the exchanges from now on.
   * @param only to bodies that fit; they are read before it is decided.
   */
  inject(exchange: ExchangeFault, share = 1, only?: (lines: readonly WireLine[]) => boolean): void {
    this.#injected = { exchange, share, ...(only === undefined ? {} : { only }) };
  }

  /** Everything is accepted again; what is held is cut, as when a stalled server was started anew, unless `hanging`. */
  async heal({ hanging = false }: { readonly hanging?: boolean } = {}): Promise<void> {
    this.#injected = undefined;
    if (!hanging) for (const socket of this.#held) socket.resetAndDestroy();
    this.#held.clear();
    await this.listen();
  }

  /** The certificate of new connections; those that are there end. */
  useCertificate(certificate: Certificate): void {
    if (this.#http instanceof HttpsServer) this.#http.setSecureContext(certificate);
    this.#cut();
  }

  async close(): Promise<void> {
    await this.refuse();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#trap.close(resolve));
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #onConnection(socket: Socket): void {
    const port = socket.remotePort ?? -1;
    this.#open.set(port, { socket, requests: 0 });
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#held.delete(socket);
      this.#sockets.delete(socket);
      if (this.#open.get(port)?.socket === socket) this.#open.delete(port);
    });
    const injected = this.#injected;
    if (injected !== undefined && "connection" in injected)
      CONNECTION_FAULTS[injected.connection].act(socket, () => this.#held.add(socket));
    else this.#http.emit("connection", socket);
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    this.concurrent.now += 1;
    this.concurrent.most = Math.max(this.concurrent.most, this.concurrent.now);
    response.once("close", () => {
      this.concurrent.now -= 1;
    });
    const connection = this.#open.get(request.socket.remotePort ?? -1);
    if (connection === undefined) return void request.destroy();
    connection.requests += 1;
    let body: Promise<readonly WireLine[]> | undefined;
    const lines = (): Promise<readonly WireLine[]> => {
      body ??= linesOf(request);
      return body;
    };
    const injected = this.#injected;
    const fault = await this.#faultFor(injected, lines);
    const exchange = {
      request,
      response,
      nth: connection.requests,
      trap: `http://127.0.0.1:${(this.#trap.address() as AddressInfo).port}/logs/agent`,
      hold: () => void this.#held.add(connection.socket),
      reset: () => void connection.socket.resetAndDestroy(),
      read: async () => void (await lines()),
      store: async () => {
        const all = await lines();
        if (fault?.loses === true) this.lostAnswers += 1;
        this.#ledger.store(String(request.headers[HEADER.batchId]), all);
      },
    };
    if (fault !== undefined) return fault.act(exchange);
    await exchange.store();
    accept(exchange);
  }

  async #faultFor(
    injected: Injected | undefined,
    lines: () => Promise<readonly WireLine[]>,
  ): Promise<ExchangeFault | undefined> {
    if (injected === undefined || !("exchange" in injected) || !this.#random.chance(injected.share)) return undefined;
    if (injected.only !== undefined && !injected.only(await lines())) return undefined;
    return injected.exchange;
  }
}

async function linesOf(request: IncomingMessage): Promise<readonly WireLine[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
  return (JSON.parse(plain.toString("utf8")) as WireBody).lines;
}
