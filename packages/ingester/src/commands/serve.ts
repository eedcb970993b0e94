import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import type { Confinement } from "@logdna-agent/confinement";
import { givenBy } from "../confinement/confine_server.ts";
import { tellConfinement } from "../confinement/tell_confinement.ts";
import { type Given, readGivenFiles } from "../given.ts";
import { createWebServer } from "../http/server.ts";
import { ReadAccess } from "../http/session.ts";
import { isLoopback, type Settings } from "../options.ts";
import { keptSecret, makePrivateDirectory, SECRET_FILES } from "../private_files.ts";
import { Receiver } from "../receive/receive.ts";
import { openEmbedded, openServer } from "../store/connection.ts";
import { Store } from "../store/store.ts";
import { LiveTail } from "../tail/live_tail.ts";
import { privateIdentity, type ServerIdentity } from "../tls/authority.ts";
import { GivenCertificate } from "../tls/given_certificate.ts";
import { givenIdentity } from "../tls/given_identity.ts";
import { say } from "./say.ts";

const HOUR_MS = 3_600_000;
const RETENTION_INTERVAL_MS = 600_000;
/** Time for answering what is in hand after SIGTERM. */
const STOP_MS = 10_000;
/** Status with which the server asks whoever started it to start it anew: EX_TEMPFAIL of sysexits.h. */
const RESTART_STATUS = 75;
/** How often the files of a given certificate are looked at; what has changed is taken up at the second look. */
const CERTIFICATE_LOOK_MS = 5_000;

/**
 * Runs the server until SIGTERM or SIGINT.
 * @param confinement what the process is confined to, or why it is not although that was wanted.
 * @returns the exit status.
 */
export async function serve(settings: Settings, confinement: Confinement | string | undefined): Promise<number> {
  process.umask(0o077);
  // Memory of requests is outside of the engine's heap, which would be cleared for every few megabytes of it.
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  const { dataDir } = settings;
  makePrivateDirectory(dataDir, SECRET_FILES.key);
  const { given, staysRootFor } =
    typeof confinement === "object" ? givenBy(confinement) : { given: await takeGiven(settings), staysRootFor: [] };
  const keyFile = settings.ingestionKeys ?? join(dataDir, SECRET_FILES.key);
  const tokenFile = settings.tokenFile ?? join(dataDir, SECRET_FILES.token);
  const keys =
    settings.ingestionKeys === undefined ? [keptSecret(keyFile)] : secretsIn(given, keyFile, "--ingestion-key-file");
  const token =
    settings.tokenFile === undefined ? keptSecret(tokenFile) : (secretsIn(given, tokenFile, "--token-file")[0] ?? "");
  const identity = await identityOf(settings, given);
  const store = await Store.open(
    settings.clickhouseUrl === undefined ? await openEmbedded(dataDir) : await openServer(settings.clickhouseUrl),
  );
  const tail = new LiveTail();
  const server = createWebServer({
    store,
    tail,
    page: given.page,
    identity: identity?.current,
    strictTransport: identity !== undefined && identity.caFile === undefined,
    access: new ReadAccess(token, !settings.http),
    receiver: new Receiver({ store, keys, onStored: (lines) => tail.viewers > 0 && tail.publish(lines()) }),
    onError: (what, error) => say("error", `${what}: ${error.message}`),
  });
  const port = await server.listen(settings.host, settings.port, given.listeners);
  // Heard before it is said that the server is ready: whoever waits for that may stop it at once.
  const { promise: restart, resolve: needRestart } = Promise.withResolvers<number>();
  const stop = Promise.race([once("SIGTERM"), once("SIGINT"), restart]);
  tellConfinement(confinement, staysRootFor);
  announce(settings, port, { keyFile, tokenFile, token, caFile: identity?.caFile });

  const retention = { maxAgeMs: settings.maxAgeMs, maxBytes: settings.maxBytes };
  const timers = [
    setInterval(() => void retain(store, retention), RETENTION_INTERVAL_MS),
    renewal(settings, given, server.useIdentity, (reason) => {
      say("warn", `${reason} The server ends with status ${RESTART_STATUS}, to be started anew.`);
      needRestart(RESTART_STATUS);
    }),
  ];
  void retain(store, retention);
  const status = await stop;
  for (const timer of timers) clearInterval(timer);
  const stopped = (async () => {
    await server.close();
    await store.close();
    return status;
  })();
  const late = new Promise<number>((resolve) => setTimeout(resolve, STOP_MS, status === 0 ? 1 : status).unref());
  return Promise.race([stopped, late]);
}

/** For a server that is not confined. */
async function takeGiven(settings: Settings): Promise<Given> {
  const { buildPage } = await import("@logdna-agent/web");
  return { ...readGivenFiles(settings), page: await buildPage() };
}

interface Identity {
  readonly current: ServerIdentity;
  readonly caFile: string | undefined;
}

async function identityOf(settings: Settings, given: Given): Promise<Identity | undefined> {
  const { http, tlsCert, tlsKey, dataDir, names, host } = settings;
  if (http) return undefined;
  if (tlsCert !== undefined && tlsKey !== undefined)
    return { current: givenIdentity(tlsCert, tlsKey, (file) => contentOf(given, file)), caFile: undefined };
  const own = isLoopback(host) || host === "::" || host === "0.0.0.0" ? [] : [host];
  const all = [...new Set(["localhost", "127.0.0.1", "::1", hostname(), ...own, ...names])];
  const { caFile, identity } = await privateIdentity(dataDir, all);
  return { caFile, current: identity };
}

/**
 * Takes up certificates that were renewed, here or by whoever manages the files.
 * @param restart what to do where only a new start can read them.
 */
function renewal(
  settings: Settings,
  given: Given,
  use: (identity: ServerIdentity) => void,
  restart: (reason: string) => void,
): NodeJS.Timeout {
  const { tlsCert: certFile, tlsKey: keyFile } = settings;
  const onError = (message: string): void => say("error", `Cannot renew the certificate: ${message}`);
  if (certFile === undefined || keyFile === undefined || given.held.state.descriptors.length === 0)
    return setInterval(async () => {
      try {
        const identity = await identityOf(settings, { ...given, files: {} });
        if (identity !== undefined) use(identity.current);
      } catch (error) {
        onError(error instanceof Error ? error.message : String(error));
      }
    }, HOUR_MS);
  const onUnreadable = (): void =>
    restart(
      `The certificate in ${certFile} or its key in ${keyFile} has changed, and user ${process.geteuid?.()} may not read both.`,
    );
  const certificate = new GivenCertificate({ certFile, keyFile, held: given.held, use, onError, onUnreadable });
  return setInterval(() => certificate.look(), CERTIFICATE_LOOK_MS);
}

async function retain(store: Store, retention: Parameters<Store["retain"]>[0]): Promise<void> {
  if (retention.maxAgeMs === undefined && retention.maxBytes === undefined) return;
  try {
    for (const day of await store.retain(retention)) say("info", `Dropped the lines that arrived on ${day}.`);
  } catch (error) {
    say("error", `Cannot drop old lines: ${error instanceof Error ? error.message : error}`);
  }
}

/** What a file held at the start; where it was not there, what it holds now. */
function contentOf(given: Given, file: string): string {
  return given.files[file] ?? readFileSync(file, "utf8");
}

function secretsIn({ files }: Given, file: string, flag: string): string[] {
  const secrets = (files[file] ?? "").split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
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

/** Resolves with the status to end with. */
function once(signal: NodeJS.Signals): Promise<number> {
  return new Promise((resolve) => process.once(signal, () => resolve(0)));
}
