import { BlockList, isIP } from "node:net";

/** A host without the things in which names of the same host differ. */
function plain(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}

/** Whether a host, a name or an address without brackets, is this one. */
export function isLoopback(host: string): boolean {
  const name = plain(host);
  return (
    name === "localhost" || name.endsWith(".localhost") || isWithin(name, "127.0.0.0/8") || isWithin(name, "::1/128")
  );
}

/**
 * Whether one of the entries of NO_PROXY takes in a destination. No standard says what they are; this is what curl does,
 * and Go and Python nearly: `*` is every host; `example.com` and `.example.com` are that host and all beneath it,
 * `*.example.com` those beneath it alone; an address is itself, `10.0.0.0/8` and `fd00::/8` are networks; a port behind a
 * name or an address (`[::1]:443`) restricts it to that port. Blanks separate entries as commas do. Names are compared, never looked up.
 * @param host a name, or an address without brackets.
 */
export function passesBy(entries: readonly string[], host: string, port: number): boolean {
  const name = plain(host);
  return entries
    .flatMap((entry) => entry.trim().split(/\s+/))
    .some((entry) => entry === "*" || matches(entry, name, port));
}

function matches(entry: string, name: string, port: number): boolean {
  const network = plain(entry);
  if (isIP(network) > 0) return isWithin(name, `${network}/${isIP(network) === 6 ? 128 : 32}`);
  if (network.includes("/")) return isWithin(name, network);
  const [, host = "", digits] = /^(.*?)(?::([0-9]+))?$/.exec(entry) ?? [];
  if (digits !== undefined) return Number(digits) === port && matches(host, name, port);
  if (isIP(name) > 0 || network === "") return false;
  if (network.startsWith("*.")) return name.endsWith(network.slice(1));
  const domain = network.replace(/^\./, "");
  return name === domain || name.endsWith(`.${domain}`);
}

/** Whether a host is an address in a network; IPv4 addresses may be written as IPv6 ones. */
function isWithin(host: string, network: string): boolean {
  const [address = "", bits = ""] = network.split("/");
  const version = isIP(address);
  if (isIP(host) === 0 || version === 0 || !/^[0-9]{1,3}$/.test(bits) || Number(bits) > (version === 6 ? 128 : 32))
    return false;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), version === 6 ? "ipv6" : "ipv4");
  return list.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");
}
