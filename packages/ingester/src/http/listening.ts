import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** The error for an address that cannot be listened on, with what to do. */
export function cannotListen(host: string, port: number, error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  const refused = error instanceof Error && "code" in error && error.code === "EACCES";
  const hint = refused
    ? ` Only root may listen on low ports: start the server as root, which it gives away, or run sysctl net.ipv4.ip_unprivileged_port_start=${port}; or give`
    : " Give";
  return new Error(`Cannot listen on ${host}:${port}: ${why}.${hint} another address with --listen.`);
}

/**
 * Listens without taking connections, for whoever the descriptors are handed to: one for each address that a name stands
 * for, all on one port. They stay open until the process ends.
 * @throws {Error} that names the address.
 */
export async function listeningDescriptors(host: string, port: number): Promise<number[]> {
  try {
    const found = host === "localhost" ? await lookup(host, { all: true }) : [];
    const [first = host, ...others] = found.map(({ address }) => address);
    const main = await listening(first, port);
    const address = main.address();
    const chosen = typeof address === "object" && address !== null ? address.port : port;
    // As localhost may be an address that this host does not have, such as ::1, one is enough.
    const further = await Promise.allSettled(others.map((other) => listening(other, chosen)));
    const servers = [main, ...further.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))];
    return servers.map(descriptorOf);
  } catch (error) {
    throw cannotListen(host, port, error);
  }
}

async function listening(host: string, port: number): Promise<Server> {
  const server = createServer();
  server.listen({ host, port });
  await once(server, "listening");
  return server;
}

/** The documentation of `server.listen(handle)` names this member; there is no other way to the descriptor. */
function descriptorOf(server: Server): number {
  const { _handle: handle } = server as Server & { readonly _handle?: { readonly fd?: number } };
  if (handle?.fd === undefined || handle.fd < 0) throw new Error("the listening socket has no descriptor");
  return handle.fd;
}
