import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";
import type { Config } from "../config/mod.ts";
import type { Destination } from "./report.ts";
import { textOf } from "./text_of.ts";

/** Where the agent connects to, as its name is looked up now. Nothing is sent there. */
export async function destinationOf({ proxy, useSsl, output, ...server }: Config): Promise<Destination> {
  const { host, port } = proxy ?? server;
  const behind =
    proxy === undefined ? undefined : `${isIPv6(server.host) ? `[${server.host}]` : server.host}:${server.port}`;
  const common = { host, port, encrypted: useSsl, output, behind, resolvers: resolversOf(textOf("/etc/resolv.conf")) };
  try {
    const found = await lookup(host, { all: true });
    return { ...common, addresses: [...new Set(found.map(({ address }) => address))].sort(), problem: undefined };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return { ...common, addresses: [], problem: `the name ${host} cannot be looked up: ${code}` };
  }
}

/** The name servers of resolv.conf(5); the one of this host where none is named. */
function resolversOf(text: string): string[] {
  const found = text.split("\n").flatMap((line) => {
    const address = /^nameserver\s+([0-9A-Fa-f:.]+)/.exec(line)?.[1];
    return address !== undefined && isIP(address) > 0 ? [address] : [];
  });
  return found.length === 0 ? ["127.0.0.1"] : [...new Set(found)];
}
