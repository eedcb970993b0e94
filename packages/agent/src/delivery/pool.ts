import type { AgentOptions, Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent, type AgentOptions as TlsAgentOptions } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import { Agent as PlainAgent } from "../http.ts";
import { addressMs, openTunnel, type TunnelOptions, tunnelTimeout } from "./tunnel.ts";

/** What the connections of a pool go through. */
interface Way extends Omit<TunnelOptions, "addressMs"> {
  /** Milliseconds for a tunnel to be made. */
  readonly timeoutMs: number;
}

/** What Node hands to `createConnection`: the options of the agent over those of a request, not always of the same one. */
type ConnectOptions = Parameters<HttpAgent["createConnection"]>[0];

type Done = (error: Error | null, socket: Duplex) => void;

/**
 * Makes the tunnels of a pool. They are given up by their own clock: a request that is given up does not tell the agent, and
 * Node does not say which connection is for which request.
 */
class Tunnels {
  readonly #way: Way;
  readonly #making = new Set<AbortController>();

  constructor(way: Way) {
    this.#way = way;
  }

  /** Makes a connection of a new tunnel, and hands that over as Node's agents want it. */
  connect({ host, port }: ConnectOptions, done: Done | undefined, over: (tunnel: Socket) => Duplex): undefined {
    const { proxy, timeoutMs } = this.#way;
    const target = { host: host ?? "", port: Number(port) };
    const making = new AbortController();
    this.#making.add(making);
    const timer = setTimeout(() => making.abort(tunnelTimeout(proxy, target, timeoutMs)), timeoutMs);
    openTunnel({ ...this.#way, addressMs: addressMs(timeoutMs) }, target, making.signal)
      .finally(() => {
        clearTimeout(timer);
        this.#making.delete(making);
      })
      .then(over)
      .then(
        (socket) => done?.(null, socket),
        // With an error Node takes no socket, which its types do not know.
        (error: Error) => (done as ((error: Error) => void) | undefined)?.(error),
      );
  }

  close(): void {
    for (const making of this.#making) making.abort();
  }
}

/** Connections of TLS, each from a tunnel of its own; the certificate is that of the server behind it. */
class TlsPool extends HttpsAgent {
  readonly #tunnels: Tunnels;

  constructor(options: TlsAgentOptions, way: Way) {
    super(options);
    this.#tunnels = new Tunnels(way);
  }

  override createConnection(...[options, done]: Parameters<HttpsAgent["createConnection"]>): undefined {
    // Node's own agent over that socket: it keeps the sessions, so that the next connection resumes one.
    const over = (socket: Socket): Duplex => super.createConnection({ ...options, socket } as typeof options) as Duplex;
    return this.#tunnels.connect(options, done, over);
  }

  override destroy(): void {
    this.#tunnels.close();
    super.destroy();
  }
}

/**
 * Connections without TLS. They are tunnelled too, not sent to the proxy as requests of absolute form: what answers is
 * always the server then, and a 403 of the proxy cannot be taken for one, which would mean a wrong key.
 */
class PlainPool extends PlainAgent {
  readonly #tunnels: Tunnels;

  constructor(options: AgentOptions, way: Way) {
    super(options);
    this.#tunnels = new Tunnels(way);
  }

  override createConnection(...[options, done]: Parameters<HttpAgent["createConnection"]>): undefined {
    return this.#tunnels.connect(options, done, (socket) => socket);
  }

  override destroy(): void {
    this.#tunnels.close();
    super.destroy();
  }
}

export interface PoolOptions {
  readonly maxSockets: number;
  /** Milliseconds after which an address of several is given up for the next. */
  readonly addressMs: number;
  /** What the server is verified with, and is shown; undefined for a server of plain HTTP. */
  readonly context: SecureContext | undefined;
  readonly way: Way | undefined;
}

/** A pool of connections to one server that are kept and used again, the last used first. */
export function createPool(options: PoolOptions): HttpAgent {
  const pool = newPool(options);
  // Node makes a name of 20 options for each request and again at its end, to tell servers apart.
  pool.getName = () => "the server";
  return pool;
}

function newPool({ maxSockets, addressMs, context, way }: PoolOptions): HttpAgent {
  const kept: AgentOptions = {
    keepAlive: true,
    maxSockets,
    scheduling: "lifo",
    autoSelectFamilyAttemptTimeout: addressMs,
  };
  if (context === undefined) return way === undefined ? new PlainAgent(kept) : new PlainPool(kept, way);
  const options = { ...kept, rejectUnauthorized: true, secureContext: context };
  return way === undefined ? new HttpsAgent(options) : new TlsPool(options, way);
}

/** Closes what is idle, and what is under way once its request has ended. */
export function retire(pool: HttpAgent): void {
  pool.maxFreeSockets = 0;
  for (const sockets of Object.values(pool.freeSockets)) for (const socket of [...(sockets ?? [])]) socket.destroy();
}
