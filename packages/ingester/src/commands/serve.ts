import { hostname } from "node:os";
import { join } from "node:path";
import { buildPage } from "@logdna-agent/web";
import { createWebServer } from "../http/server.ts";
import { ReadAccess } from "../http/session.ts";
import { isLoopback, type Settings } from "../options.ts";
import { keptSecret, makePrivateDirectory, readIfThere } from "../private_files.ts";
import { Receiver } from "../receive/receive.ts";
import { openEmbedded, openServer } from "../store/connection.ts";
import { Store } from "../store/store.ts";
import { LiveTail } from "../tail/live_tail.ts";
import { privateIdentity, type ServerIdentity } from "../tls/authority.ts";
import { givenIdentity } from "../tls/given_identity.ts";

const HOUR_MS = 3_600_000;
const RETENTION_INTERVAL_MS = 600_000;
/** Time for answering what is in hand after SIGTERM. */
const STOP_MS = 10_000;

/** Files that the server keeps its secrets in, beneath the data directory. */
export const SECRET_FILES = { key: "ingestion-key", token: "read-token" } as const;

/** Runs the server until SIGTERM or SIGINT. @returns the exit status. */
export async function serve(settings: Settings): Promise<number> {
  process.umask(0o077);
  const { dataDir } = settings;
  makePrivateDirectory(dataDir, SECRET_FILES.key);
  const keyFile = settings.ingestionKeys ?? join(dataDir, SECRET_FILES.key);
  const tokenFile = settings.tokenFile ?? join(dataDir, SECRET_FILES.token);
  const keys =
    settings.ingestionKeys === undefined ? [keptSecret(keyFile)] : secretsIn(keyFile, "--ingestion-key-file");
  const token =
    settings.tokenFile === undefined ? keptSecret(tokenFile) : (secretsIn(tokenFile, "--token-file")[0] ?? "");
  const identity = await identityOf(settings);
  const page = await buildPage();
  const store = await Store.open(
    settings.clickhouseUrl === undefined ? await openEmbedded(dataDir) : await openServer(settings.clickhouseUrl),
  );
  const tail = new LiveTail();
  const server = createWebServer({
    store,
    tail,
    page,
    identity: identity?.current,
    strictTransport: identity !== undefined && identity.caFile === undefined,
    access: new ReadAccess(token, !settings.http),
    receiver: new Receiver({ store, keys, onStored: (lines) => tail.publish(lines) }),
    onError: (what, error) => say("error", `${what}: ${error.message}`),
  });
  const port = await server.listen(settings.host, settings.port);
  // Heard before it is said that the server is ready: whoever waits for that may stop it at once.
  const stop = Promise.race([once("SIGTERM"), once("SIGINT")]);
  announce(settings, port, { keyFile, tokenFile, token, caFile: identity?.caFile });

  const retention = { maxAgeMs: settings.maxAgeMs, maxBytes: settings.maxBytes };
  const timers = [
    setInterval(() => void retain(store, retention), RETENTION_INTERVAL_MS),
    setInterval(() => void renew(settings, server.useIdentity), HOUR_MS),
  ];
  void retain(store, retention);
  await stop;
  for (const timer of timers) clearInterval(timer);
  const stopped = (async () => {
    await server.close();
    await store.close();
    return 0;
  })();
  const late = new Promise<number>((resolve) => setTimeout(resolve, STOP_MS, 1).unref());
  return Promise.race([stopped, late]);
}

interface Identity {
  readonly current: ServerIdentity;
  readonly caFile: string | undefined;
}

async function identityOf(settings: Settings): Promise<Identity | undefined> {
  const { http, tlsCert, tlsKey, dataDir, names, host } = settings;
  if (http) return undefined;
  if (tlsCert !== undefined && tlsKey !== undefined)
    return { current: givenIdentity(tlsCert, tlsKey), caFile: undefined };
  const own = isLoopback(host) || host === "::" || host === "0.0.0.0" ? [] : [host];
  const all = [...new Set(["localhost", "127.0.0.1", "::1", hostname(), ...own, ...names])];
  const { caFile, identity } = await privateIdentity(dataDir, all);
  return { caFile, current: identity };
}

/** Certificates that were renewed, here or by whoever manages the files, are taken up without a restart. */
async function renew(settings: Settings, use: (identity: ServerIdentity) => void): Promise<void> {
  try {
    const identity = await identityOf(settings);
    if (identity !== undefined) use(identity.current);
  } catch (error) {
    say("error", `Cannot renew the certificate: ${error instanceof Error ? error.message : error}`);
  }
}

async function retain(store: Store, retention: Parameters<Store["retain"]>[0]): Promise<void> {
  if (retention.maxAgeMs === undefined && retention.maxBytes === undefined) return;
  try {
    for (const day of await store.retain(retention)) say("info", `Dropped the lines that arrived on ${day}.`);
  } catch (error) {
    say("error", `Cannot drop old lines: ${error instanceof Error ? error.message : error}`);
  }
}

function secretsIn(file: string, flag: string): string[] {
  const secrets = (readIfThere(file) ?? "").split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  if (secrets.length === 0)
    throw new Error(`${file} is missing or holds no secret: write one a line into it, or give another with ${flag}.`);
  return secrets;
}

interface Announcement {
  readonly keyFile: string;
  readonly tokenFile: string;
  readonly token: string;
  readonly caFile: string | undefined;
}

/** Says where the server is: to people on a terminal, with the address that signs in; else as a line of JSON, without it. */
function announce(settings: Settings, port: number, { token, ...files }: Announcement): void {
  const any = settings.host === "::" || settings.host === "0.0.0.0";
  const host = any ? "localhost" : settings.host.includes(":") ? `[${settings.host}]` : settings.host;
  const url = `${settings.http ? "http" : "https"}://${host}:${port}`;
  if (process.stdout.isTTY !== true) {
    process.stdout.write(`${JSON.stringify({ ready: true, url, ...files })}\n`);
    return;
  }
  const authority = files.caFile === undefined ? "" : `  Authority:      ${files.caFile}\n`;
  process.stdout.write(
    `\n  The page:       ${url}/#token=${token}\n  Ingestion key:  ${files.keyFile}\n${authority}\n`,
  );
}

function say(level: "info" | "error", message: string): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message })}\n`);
}

function once(signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => process.once(signal, () => resolve()));
}
