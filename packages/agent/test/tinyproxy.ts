import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { Owner, Place } from "./agent.ts";
import { eventually } from "./eventually.ts";

/** Names that this process alone knows: lines of hosts(5). */
export type Hosts = readonly string[];

/** A launcher for a program to which /etc/hosts is another file; needs root, for a mount of its own. */
export function withHosts(place: Place, name: string, hosts: Hosts): string[] {
  const file = join(place.root, `${name}.hosts`);
  writeFileSync(file, ["127.0.0.1 localhost", ...hosts, ""].join("\n"), { mode: 0o644 });
  return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', file];
}

export interface Tinyproxy {
  readonly port: number;
  /** What it was asked to connect to, as `host:port`, whether it did or not. */
  asked(): string[];
  log(): string;
  stop(): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

/** Why a test with tinyproxy is skipped; false where it is not. */
export const noTinyproxy: string | false = (() => {
  if (process.geteuid?.() !== 0) return "needs root, for a proxy that knows names of its own";
  try {
    execFileSync("tinyproxy", ["-v"], { stdio: "ignore" });
    return false;
  } catch {
    return "needs tinyproxy";
  }
})();

/** A TCP port that nothing listens on just now. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

interface TinyproxyOptions {
  readonly place: Place;
  readonly hosts: Hosts;
  /** Lines of tinyproxy.conf(5). */
  readonly settings?: readonly string[];
  readonly listen?: string;
  readonly port?: number;
}

/** Starts a tinyproxy that ends with the test; resolves once it takes connections. */
export async function startTinyproxy(t: Owner, options: TinyproxyOptions): Promise<Tinyproxy> {
  const { place, hosts, settings = [], listen = "127.0.0.1" } = options;
  const port = options.port ?? (await freePort(listen));
  const config = join(place.root, "tinyproxy.conf");
  const lines = [`Port ${port}`, `Listen ${listen}`, "Timeout 60", "MaxClients 50", "LogLevel Info", ...settings];
  writeFileSync(config, `${lines.join("\n")}\n`);
  const [command = "", ...args] = [...withHosts(place, "proxy", hosts), "tinyproxy", "-d", "-c", config];
  const child: ChildProcess = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, "close");
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  t.after(stop);
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`tinyproxy ended:\n${log}`);
    return log.includes("Starting main loop");
  }, "tinyproxy takes connections");
  return {
    port,
    asked: () => [...log.matchAll(/: CONNECT (\S+) HTTP/g)].map(([, target = ""]) => target),
    log: () => log,
    stop,
    signal: (name) => void child.kill(name),
  };
}
