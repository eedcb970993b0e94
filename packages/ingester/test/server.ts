import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LinesAnswer, StoredLine } from "@logdna-agent/protocol";
import { type Answer, type Asked, ask } from "./requests.ts";

export const LAUNCHER = fileURLToPath(new URL("../../../bin/logdna-ingester", import.meta.url));

/** A test, or the file's `{ after }`: what is started within it ends with it. */
export interface Scope {
  after(end: () => void | Promise<void>): void;
}

const directories: string[] = [];
// Tests run what is to be done after them in the order that it was given in: programs that still run come after their directories.
process.on("exit", () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** Makes a directory that is removed when the tests of the file have ended, and all that they started. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "ingester-"));
  directories.push(directory);
  return directory;
}

/** The program `logdna-ingester` as a process, started through its launcher as a user would start it. */
export interface Program {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Resolves with what `find` finds in the output; looked for after each piece of it. Rejects after 20 s. */
  until<T>(find: () => T | null | undefined, what: string): Promise<T>;
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

export type Variables = Readonly<Record<string, string>>;

/** How it is started otherwise than by its launcher and as the user of the test. */
export interface Launch {
  /** Flags of Node, which the launcher does not take. */
  readonly node?: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
}

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const QUIET = ["--disable-warning=ExperimentalWarning"];

/** Starts the program; it is killed after the test where it still runs. */
export function startProgram(
  scope: Scope,
  args: readonly string[],
  env: Variables = {},
  { node, user }: Launch = {},
): Program {
  const [command, ...first] = node === undefined ? [LAUNCHER] : [process.execPath, ...QUIET, ...node, MAIN];
  const child = spawn(command ?? LAUNCHER, [...first, ...args], {
    ...user,
    cwd: tmpdir(),
    // `off` shows that the server does its work without any of it, too.
    env: {
      PATH: process.env.PATH,
      TZ: "UTC",
      LOGDNA_INGESTER_CONFINEMENT: process.env.TEST_CONFINEMENT ?? "best-effort",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  const lookers = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      output[name] += chunk;
      for (const look of lookers) look();
    });
  }
  let running = true;
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on("close", (code, signal) => {
      running = false;
      for (const look of lookers) look();
      resolve(code ?? signal ?? -1);
    });
  });
  scope.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return {
    child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ended,
    until<T>(find: () => T | null | undefined, what: string): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const fail = (why: string): void =>
        reject(new Error(`${why} before ${what}:\n${output.stdout.slice(-2000)}\n${output.stderr.slice(-2000)}`));
      const timer = setTimeout(() => fail("20 s passed"), 20_000);
      const look = (): void => {
        const found = find() ?? undefined;
        if (found === undefined && running) return;
        clearTimeout(timer);
        lookers.delete(look);
        if (found === undefined) fail("The program ended");
        else resolve(found);
      };
      lookers.add(look);
      look();
      return promise;
    },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

/** Runs the program to its end. */
export async function runProgram(
  scope: Scope,
  args: readonly string[],
  env?: Variables,
  launch?: Launch,
): Promise<{ status: number | NodeJS.Signals; stdout: string; stderr: string }> {
  const program = startProgram(scope, args, env, launch);
  const status = await program.ended;
  return { status, stdout: program.stdout(), stderr: program.stderr() };
}

/** A directory in which the user that the server becomes may look for its own. */
export function makePassable(): string {
  const directory = makeDirectory();
  chmodSync(directory, 0o711);
  return directory;
}

export interface ServerOptions {
  /** Where the server keeps its things; one that is removed after the test when not given. */
  readonly dataDir?: string;
  /** HTTPS with the server's own authority instead of plain HTTP. */
  readonly secure?: boolean;
  readonly args?: readonly string[];
  readonly env?: Variables;
  readonly launch?: Launch;
  /** Instead of a free port of 127.0.0.1. */
  readonly listen?: string;
}

/** What the server says when it is ready. */
interface Ready {
  readonly ready: true;
  readonly url: string;
  readonly keyFile: string;
  readonly tokenFile: string;
  readonly caFile?: string;
}

/** How a batch is sent; without `headers`, the ingestion key is the `apikey` header. */
export interface Sending extends Asked {
  readonly path?: string;
  readonly query?: string;
  readonly batch?: string;
}

export type Parameters = Readonly<Record<string, string | number | readonly string[]>>;

/** A server that is ready. */
export interface Server extends Program {
  readonly ready: Ready;
  readonly url: string;
  readonly dataDir: string;
  readonly key: string;
  readonly token: string;
  /** The authority's certificate in PEM form; undefined with plain HTTP. */
  readonly ca: string | undefined;
  /** What it has logged but for the line that tells what was given away. */
  complaints(): string;
  /** Sends lines, or any body, to the ingestion endpoint as host `h` unless the query says otherwise. */
  post(body: unknown, sending?: Sending): Promise<Answer>;
  /** Sends lines that must be accepted. */
  store(host: string, lines: readonly unknown[], sending?: Sending): Promise<void>;
  /** Asks the read API with the read token. */
  get(path: string, parameters?: Parameters): Promise<Answer>;
  /** What the read API answers, which must be 200. */
  read<T>(path: string, parameters?: Parameters): Promise<T>;
  /** Up to 5,000 lines, the oldest first. */
  lines(parameters: Parameters): Promise<readonly StoredLine[]>;
  texts(parameters: Parameters): Promise<string[]>;
}

/** Starts a server on a free port of loopback and waits until it is ready. */
export async function startServer(scope: Scope, options: ServerOptions = {}): Promise<Server> {
  const dataDir = options.dataDir ?? join(makePassable(), "data");
  const program = startProgram(
    scope,
    [
      ...["--data-dir", dataDir, "--listen", options.listen ?? "127.0.0.1:0"],
      ...(options.secure ? [] : ["--http"]),
      ...(options.args ?? []),
    ],
    options.env,
    options.launch,
  );
  const first = await program.until(() => /^.*\n/.exec(program.stdout())?.[0], "the line that says ready");
  const ready: Ready = JSON.parse(first);
  const { url, keyFile, tokenFile, caFile } = ready;
  const firstLine = (file: string): string => readFileSync(file, "utf8").split("\n")[0] ?? "";
  const key = firstLine(keyFile);
  const token = firstLine(tokenFile);
  const ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
  const server: Server = {
    ...program,
    ready,
    url,
    dataDir,
    key,
    token,
    ca,
    complaints: () => program.stderr().replaceAll(/^.*"event":"confined".*\n/gm, ""),
    post(body, { path = "/logs/agent", query = "hostname=h", batch, headers, ...asked } = {}) {
      return ask(`${url}${path}?${query}`, {
        method: "POST",
        body: typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body),
        headers: {
          "content-type": "application/json; charset=UTF-8",
          ...(batch !== undefined && { "x-batch-id": batch }),
          ...(headers ?? { apikey: key }),
        },
        ca,
        ...asked,
      });
    },
    async store(host, lines, sending = {}) {
      const { status, text } = await server.post(
        { lines },
        { query: `hostname=${encodeURIComponent(host)}`, ...sending },
      );
      assert.equal(status, 200, text);
    },
    get(path, parameters = {}) {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(parameters))
        for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
      return ask(`${url}${path}?${query}`, { headers: { authorization: `Bearer ${token}` }, ca });
    },
    async read<T>(path: string, parameters: Parameters = {}): Promise<T> {
      const { status, text } = await server.get(path, parameters);
      assert.equal(status, 200, text);
      return JSON.parse(text) as T;
    },
    async lines(parameters) {
      return (await server.read<LinesAnswer>("/api/v1/lines", { order: "asc", limit: 5000, ...parameters })).lines;
    },
    async texts(parameters) {
      return (await server.lines(parameters)).map(({ line }) => line);
    },
  };
  return server;
}
