/**
 * `npm start`: the whole system on this machine. Starts the ingestion server and an agent that ships /var/log to it over
 * HTTPS, and prints the address of the page. Everything it keeps is in `var/` of the checkout.
 *
 *   npm start -- [--http] [--port PORT] [--log-dirs DIR,DIR] [--data DIR]
 *
 * `--http` serves the page without TLS, on loopback only, for a browser that should not ask about the private certificate.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

interface Ready {
  readonly url: string;
  readonly caFile?: string;
  readonly keyFile: string;
  readonly tokenFile: string;
}

const root = join(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    http: { type: "boolean", default: false },
    port: { type: "string" },
    "log-dirs": { type: "string", default: "/var/log" },
    data: { type: "string", default: join(root, "var") },
  },
});

/** With this the agent asks to be started anew, for what it has given away meanwhile. */
const RESTART_STATUS = 75;

const children: ChildProcess[] = [];
let stopping = false;

/** Ends the agent first, so that what it has in hand still finds the server. */
async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const child of children.toReversed()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    await new Promise((resolve) => child.once("exit", resolve));
  }
  process.exit(code);
}

function start(
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  stdout: "pipe" | "inherit",
): ChildProcess {
  // In a process group of its own: Ctrl-C reaches this script alone, which stops the two in order.
  const child = spawn(join(root, "bin", name), args, { env, detached: true, stdio: ["ignore", stdout, "inherit"] });
  children.push(child);
  child.on("exit", (code, signal) => {
    children.splice(children.indexOf(child), 1);
    if (stopping) return;
    if (code === RESTART_STATUS) return void start(name, args, env, stdout);
    process.stderr.write(`${name} ended (${signal ?? `exit code ${code}`}); stopping.\n`);
    void stop(code ?? 1);
  });
  return child;
}

// A terminal that is closed sends SIGHUP, which the agent alone would take for "read the configuration again".
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop(0));

const data = join(values.data, "ingester");
// To be passed through by the users that the two become; what is in it is private.
mkdirSync(values.data, { recursive: true, mode: 0o711 });
mkdirSync(data, { recursive: true, mode: 0o700 });
const port = values.port ?? String((await isFree(8443)) ? 8443 : 0);
const server = start(
  "logdna-ingester",
  ["--data-dir", data, "--listen", `127.0.0.1:${port}`, ...(values.http ? ["--http"] : [])],
  process.env,
  "pipe",
);
const ready = await readyLine(server);
const url = new URL(ready.url);
// Directories in a file replace the default; those of a flag would be added to it.
const configFile = join(values.data, "agent.yaml");
const dirs = values["log-dirs"].split(",");
writeFileSync(configFile, `${JSON.stringify({ log: { dirs } }, undefined, 2)}\n`, { mode: 0o600 });
// An agent that is configured for another server by this shell's environment must not send this trial's logs there.
const foreign = /^(?:LOGDNA_|MZ_|LDLOG|LOG_DIRS$|COMPRESS$|GZIP_COMPRESS_LEVEL$|DEFAULT_CONF_FILE$)/;
start(
  "logdna-agent",
  ["--config", configFile, "--db-path", join(values.data, "agent")],
  {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name))),
    LOGDNA_HOST: url.host,
    LOGDNA_USE_SSL: String(url.protocol === "https:"),
    LOGDNA_INGESTION_KEY_FILE: ready.keyFile,
    // A trial should show something at once: small files are read from their beginning.
    LOGDNA_LOOKBACK: process.env.LOGDNA_LOOKBACK ?? "smallfiles",
    ...(ready.caFile === undefined ? {} : { SSL_CERT_FILE: ready.caFile }),
  },
  "inherit",
);

// Signing in with the token in the fragment: it is not sent to the server as part of the address, nor logged by it. It is
// shown to a person alone: standard output may be a log file, which the agent would ship.
const isTerminal = process.stdout.isTTY === true;
const page = isTerminal ? `${ready.url}/#token=${readFileSync(ready.tokenFile, "utf8").trim()}` : ready.url;
process.stdout.write(`
  The page:      ${page}
  ${isTerminal ? "" : `Sign in with:  the token in ${ready.tokenFile}\n  `}Shipping:      ${values["log-dirs"]}
  Kept in:       ${values.data}
  ${
    url.protocol === "https:"
      ? `The certificate comes from a private authority made for this machine: import ${ready.caFile}\n  into the browser, accept it once, or start with: npm start -- --http`
      : "Plain HTTP, on loopback only."
  }
  Stop with Ctrl-C.

`);

/** The line of JSON that the server prints when it can be used. */
async function readyLine(child: ChildProcess): Promise<Ready> {
  if (child.stdout === null) throw new Error("The server has no standard output.");
  for await (const line of createInterface({ input: child.stdout })) {
    const record: unknown = JSON.parse(line);
    if (typeof record === "object" && record !== null && "ready" in record) return record as unknown as Ready;
  }
  // The server has said why on standard error; its end stops everything.
  return new Promise(() => undefined);
}

function isFree(candidate: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(candidate, "127.0.0.1");
  socket.on("connect", () => {
    socket.destroy();
    resolve(false);
  });
  socket.on("error", () => resolve(true));
  return promise;
}
