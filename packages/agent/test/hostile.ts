import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type Destination, Transport } from "../src/delivery/transport.ts";

/** What a transport to such a server gives an exchange. */
export const TIMEOUT_MS = 300;

/** What a server does with a connection once its first bytes are there. */
export type Act = (socket: Socket, first: Buffer) => unknown;

interface Hostile {
  readonly transport: Transport;
  /** Every connection that there was. */
  readonly sockets: readonly Socket[];
  /** Resolves once the agent has closed every connection. */
  allClosed(): Promise<void>;
}

/** What every transport of a test has in common. */
export const DESTINATION: Omit<Destination, "port"> = {
  host: "127.0.0.1",
  endpoint: "/logs/agent",
  useSsl: false,
  key: () => "a-key",
  hostname: "host",
  ip: undefined,
  mac: undefined,
  tags: [],
  timeoutMs: TIMEOUT_MS,
  maxSockets: 1,
  userAgent: "test",
  caFile: undefined,
  caDir: undefined,
  clientCertFile: undefined,
  clientKeyFile: undefined,
  proxy: undefined,
};

/**
 * A server on bare TCP that does what it likes once the first bytes of a connection are there, and a transport to it.
 * @param options or what makes them of the server's port: where it is no server but a proxy.
 */
export async function hostile(
  t: TestContext,
  act: Act,
  options: Partial<Destination> | ((port: number) => Partial<Destination>) = {},
): Promise<Hostile> {
  const sockets: Socket[] = [];
  const closings: Promise<void>[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    closings.push(new Promise((resolve) => socket.on("close", () => resolve())));
    socket.once("data", (first: Buffer) => act(socket, first));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const given = typeof options === "function" ? options(port) : options;
  const transport = new Transport({ ...DESTINATION, port, ...given });
  t.after(() => {
    transport.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    transport,
    sockets,
    async allClosed() {
      await Promise.all(closings);
    },
  };
}

/** A body of so many bytes; what is in it is not looked at. */
export function bodyOfSize(size: number) {
  return { bytes: Buffer.alloc(size, "x"), encoding: undefined, plainSize: size };
}
