import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { createServer } from "../http.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { answer, type Told } from "./answer.ts";

/** Where the port is to be. */
export interface MetricsAddress {
  /** Undefined for none. */
  readonly metricsPort: number | undefined;
  /** Undefined for loopback. */
  readonly metricsHost: string | undefined;
}

const LOOPBACK = ["127.0.0.1", "::1"] as const;
/** Many hosts have no IPv6. */
const NO_IPV6 = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

const MAX_HEADER_BYTES = 8 * 1024;
/** With one more, the oldest is closed: who holds many open shuts nobody out. */
const MAX_CONNECTIONS = 32;
/** Milliseconds that a connection lasts at most, whatever its client does. */
const CONNECTION_MS = 5_000;

/**
 * The agent's only way in: metrics and health in plain HTTP. What it tells is numbers, so it has no access control beyond the
 * address that it is bound to, and it must cost next to nothing, whoever asks for it in whatever way.
 */
export class MetricsPort {
  readonly #told: Told;
  readonly #emit: (event: AgentEvent) => void;
  #servers: readonly Server[] = [];
  /** Undefined where an address could not be bound, so that it is tried again. */
  #address: MetricsAddress | undefined;
  /** In the order of their arrival, each with the request it has made, if it has. */
  readonly #connections = new Map<Socket, { asked: boolean }>();

  constructor(told: Told, emit: (event: AgentEvent) => void) {
    this.#told = told;
    this.#emit = emit;
  }

  /** Listens there from now on and nowhere else. Where that cannot be it says so; metrics are not worth a line. */
  async listen({ metricsPort, metricsHost }: MetricsAddress): Promise<void> {
    if (this.#address?.metricsPort === metricsPort && this.#address?.metricsHost === metricsHost) return;
    await this.close();
    this.#address = { metricsPort, metricsHost };
    if (metricsPort === undefined) return;
    const hosts = metricsHost === undefined ? LOOPBACK : [metricsHost];
    const servers: Server[] = [];
    for (const host of hosts) {
      const server = await this.#listen(metricsPort, host, isLoopback(host), metricsHost === undefined);
      if (server !== undefined) servers.push(server);
    }
    this.#servers = servers;
    const addresses = servers.flatMap((server) => {
      const address = server.address();
      return typeof address === "object" && address !== null ? [shown(address.address, address.port)] : [];
    });
    if (addresses.length > 0) this.#emit({ name: "metrics_served", addresses });
  }

  /** Lets go of the port and of everyone who is connected. */
  async close(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    this.#address = undefined;
    const closed = servers.map((server) => new Promise<unknown>((resolve) => server.close(resolve)));
    for (const socket of this.#connections.keys()) socket.destroy();
    await Promise.all(closed);
  }

  #listen(port: number, host: string, loopback: boolean, byDefault: boolean): Promise<Server | undefined> {
    const answering = (request: IncomingMessage, response: ServerResponse): void => {
      const connection = this.#connections.get(request.socket);
      // What is sent behind the first request is left alone; the connection ends with the first answer.
      if (connection === undefined || connection.asked) return;
      connection.asked = true;
      answer(request, response, this.#told, loopback);
    };
    const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, answering);
    // Without these, Node would ask for the body, or close without a word.
    server.on("checkContinue", answering);
    server.on("connect", (_, socket) => {
      socket.end(
        "HTTP/1.1 405 Method Not Allowed\r\nallow: GET, HEAD\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
      );
    });
    server.on("connection", (socket: Socket) => this.#admit(socket));
    // The port alone is no reason for the process to go on.
    server.unref();
    return new Promise((resolve) => {
      server.once("listening", () => {
        server.removeAllListeners("error");
        // What a listening socket may run into, such as too many open files, passes.
        server.on("error", () => undefined);
        resolve(server);
      });
      server.once("error", (error: NodeJS.ErrnoException) => {
        const code = error.code ?? "";
        if (!(byDefault && host === "::1" && NO_IPV6.has(code))) {
          this.#address = undefined;
          this.#emit({ name: "metrics_unavailable", address: shown(host, port), code, advice: advice(code, port) });
        }
        resolve(undefined);
      });
      server.listen({ host, port });
    });
  }

  #admit(socket: Socket): void {
    const [oldest] = this.#connections.keys();
    if (this.#connections.size >= MAX_CONNECTIONS) oldest?.destroy();
    this.#connections.set(socket, { asked: false });
    const end = setTimeout(() => socket.destroy(), CONNECTION_MS);
    end.unref();
    socket.once("close", () => {
      clearTimeout(end);
      this.#connections.delete(socket);
    });
  }
}

/** Whether an address is reached from this host alone: RFC 1122, 3.2.1.3; RFC 4291, 2.5.3. */
function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

function shown(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function advice(code: string, port: number): string {
  if (code === "EADDRINUSE")
    return "another program has that port; free it and send SIGHUP, or choose another METRICS_PORT";
  if (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT" || code === "EINVAL")
    return "this host has no such address; correct METRICS_HOST";
  if (port < 1024)
    return "a port below 1024 takes a privilege that the agent does not have; choose another METRICS_PORT";
  return "check METRICS_PORT and METRICS_HOST";
}
