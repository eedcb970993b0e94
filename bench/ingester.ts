/**
 * What the ingestion server takes, keeps and finds: `node bench/ingester.ts [MEASURE…] [--lines N] [--connections N] [--corpus DIR]`.
 * MEASURE is `ingest` (lines a second that are accepted, which means on disk; CPU seconds; bytes on disk once merges have ended),
 * `search` (times of queries over what `ingest` stored) or `tail` (delays and CPU seconds with 200 viewers); all of them where none
 * is said. Sender and viewers are processes of their own on the same cores. The corpus is made from a seed, and kept in DIR.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type CorpusBody, corpusIn } from "./ingester_corpus.ts";

const LAUNCHER = join(import.meta.dirname, "../bin/logdna-ingester");
const MEASURES = ["ingest", "search", "tail"] as const;
const VIEWERS = 200;
const TAIL_SECONDS = 10;
const TAIL_BATCHES_A_SECOND = 20;
const TAIL_LINES_A_BATCH = 50;
const QUERY_TURNS = 11;
/** Clock ticks of /proc/PID/stat in a second. */
const TICKS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lines: { type: "string", default: "1000000" },
    connections: { type: "string", default: "4" },
    corpus: { type: "string" },
    launcher: { type: "string", default: LAUNCHER },
  },
});

interface Server {
  readonly process: ChildProcess;
  readonly url: string;
  readonly key: string;
  readonly token: string;
}

const [mode] = positionals;
if (mode === "send-bodies" || mode === "view-tail") {
  await (mode === "send-bodies" ? sendBodies : viewTail)();
} else {
  const root = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    await measure(root, positionals.length === 0 ? MEASURES : positionals);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function measure(root: string, wanted: readonly string[]): Promise<void> {
  const lines = Number(values.lines);
  const directory = values.corpus ?? join(root, "corpus");
  const corpus = corpusIn(directory, lines);
  const data = join(root, "data");
  say(`${availableParallelism()} cores, ${lines} lines, ${values.connections} connections`);
  const server = await startServer(data);
  try {
    if (wanted.includes("ingest") || wanted.includes("search"))
      await ingest(server, corpus.bodies, join(directory, `corpus-${lines}.json`), data);
    if (wanted.includes("search")) await search(server, corpus.uniqueId, corpus.from, corpus.to);
    if (wanted.includes("tail")) await tail(server);
  } finally {
    server.process.kill();
    await once(server.process, "close");
  }
}

async function startServer(data: string): Promise<Server> {
  const child = spawn(values.launcher, ["--data-dir", data, "--http", "--listen", "127.0.0.1:0"], {
    env: { PATH: process.env.PATH, LOGDNA_INGESTER_CONFINEMENT: "off" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [first] = await once(child.stdout, "data");
  const { url, keyFile, tokenFile } = JSON.parse(String(first)) as Record<string, string>;
  const secret = (file = ""): string => readFileSync(file, "utf8").split("\n")[0] ?? "";
  return { process: child, url: url ?? "", key: secret(keyFile), token: secret(tokenFile) };
}

async function ingest(server: Server, bodies: readonly CorpusBody[], index: string, data: string): Promise<void> {
  const total = (of: (body: CorpusBody) => number): number => bodies.reduce((sum, body) => sum + of(body), 0);
  const [lines, raw] = [total((body) => body.lines), total((body) => body.raw)];
  const before = cpuOf(server);
  const sent = await runChild("send-bodies", server, { INDEX: index });
  const atEnd = cpuOf(server) - before;
  await quiet(server);
  const settled = cpuOf(server) - before;
  const million = lines / 1e6;
  say(`accepted     ${round(lines / Number(sent.seconds))} lines/s, ${fixed(raw / 1e6 / Number(sent.seconds))} MB/s`);
  say(`  a request  ${sent.p50} ms (median), ${sent.p99} ms (p99)`);
  say(`server       ${fixed(atEnd / million)} CPU-s per 10^6 lines until the last answer`);
  say(`             ${fixed(settled / million)} CPU-s per 10^6 lines until merges had ended`);
  say(`sender       ${fixed(Number(sent.cpu) / million)} CPU-s per 10^6 lines`);
  const parts = bytesOfParts(join(data, "store"));
  say(`on disk      ${fixed(parts / raw, 3)} bytes per byte of text (${fixed(raw / 1e6)} MB), merged`);
  say(`peak memory  ${round(peakOf(server) / 1e6)} MB`);
}

async function search(server: Server, uniqueId: string, from: number, to: number): Promise<void> {
  const hour = `from=${from + 6 * 3_600_000}&to=${from + 7 * 3_600_000}`;
  const queries: Readonly<Record<string, string>> = {
    "newest first": "lines?",
    "word in every 9th line": "lines?q=error",
    "word in 1 of 10^5 lines": 'lines?q="Out of memory"',
    "id in one line": `lines?q=${uniqueId}`,
    "id in no line": "lines?q=5c4c970a-00000000",
    phrase: 'lines?q="connection refused by upstream"',
    "phrase and field": 'lines?q="slow query" host:web-07 level:error',
    "field alone": "lines?q=host:web-07",
    "rare word in an hour": `lines?q="Out of memory"&${hour}`,
    "word in an hour, oldest first": `lines?q=refused&order=asc&${hour}`,
    "histogram of all": `histogram?from=${from}&to=${to}`,
    "histogram of a word": `histogram?q=refused&from=${from}&to=${to}`,
    "facets of all": "facets?",
  };
  const times = new Map<string, number[]>();
  const found = new Map<string, string>();
  for (let turn = 0; turn < QUERY_TURNS; turn += 1)
    for (const [name, query] of Object.entries(queries)) {
      const began = performance.now();
      const answer = await get(server, `/api/v1/${query.replaceAll(" ", "%20").replaceAll('"', "%22")}`);
      const took = performance.now() - began;
      // The first turn warms up.
      if (turn > 0) times.set(name, [...(times.get(name) ?? []), took]);
      const { lines } = JSON.parse(answer) as { lines?: unknown[] };
      if (lines !== undefined) found.set(name, `, ${lines.length} lines`);
    }
  say("a query: median, p99 (ms)");
  for (const [name, each] of times)
    say(
      `  ${name.padEnd(30)} ${quantile(each, 0.5).padStart(7)} ${quantile(each, 0.99).padStart(7)}${found.get(name) ?? ""}`,
    );
}

async function tail(server: Server): Promise<void> {
  const viewers = startChild("view-tail", server, {});
  await once(viewers.stdout ?? viewers, "data");
  const before = cpuOf(server);
  const began = performance.now();
  const agent = new Agent({ keepAlive: true });
  const batches = TAIL_SECONDS * TAIL_BATCHES_A_SECOND;
  for (let n = 0; n < batches; n += 1) {
    await delay(Math.max(0, began + (n * 1000) / TAIL_BATCHES_A_SECOND - performance.now()));
    const lines = Array.from({ length: TAIL_LINES_A_BATCH }, (_, i) => ({
      line: `sent=${Date.now()} ${i % 10 === 0 ? "tenth" : "other"} GET /api/v1/items/${n}/${i} 200 ${"x".repeat(60)}`,
      app: "tail",
    }));
    await post(agent, server, "tail", JSON.stringify({ lines }), {});
  }
  const seconds = (performance.now() - began) / 1000;
  const used = cpuOf(server) - before;
  await delay(500);
  viewers.kill("SIGTERM");
  const result = await resultOf(viewers);
  agent.destroy();
  const rate = batches * TAIL_LINES_A_BATCH;
  say(`tail         ${VIEWERS} viewers, half of them with a word to look for, ${round(rate / seconds)} lines/s`);
  say(
    `  a line     ${result.p50} ms (median), ${result.p99} ms (p99), ${result.max} ms at most, from sending to the viewer`,
  );
  say(`  events     ${result.lines} lines of ${(VIEWERS / 2) * rate + (VIEWERS / 2) * (rate / 10)} arrived`);
  say(`  server     ${fixed(used / seconds, 2)} CPU-s a second`);
  agent.destroy();
}

/** The child that sends the corpus. */
async function sendBodies(): Promise<void> {
  const { URL: url = "", KEY: key = "", INDEX: index = "" } = process.env;
  const { bodies } = JSON.parse(readFileSync(index, "utf8")) as { bodies: CorpusBody[] };
  const agent = new Agent({ keepAlive: true, maxSockets: Number(values.connections) });
  const times: number[] = [];
  let next = 0;
  const began = performance.now();
  const connection = async (): Promise<void> => {
    for (let n = next++; n < bodies.length; n = next++) {
      const body = bodies[n] as CorpusBody;
      const started = performance.now();
      await post(agent, { url, key }, body.host, readFileSync(body.file), {
        "content-encoding": "gzip",
        "x-batch-id": `bench-${String(n).padStart(12, "0")}-000000000000`,
        "x-batch-attempt": "1",
      });
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: Number(values.connections) }, connection));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage();
  print({ seconds, cpu: (user + system) / 1e6, p50: quantile(times, 0.5), p99: quantile(times, 0.99) });
  agent.destroy();
}

/** The child that watches: says that all viewers are there, and at SIGTERM what they saw. */
async function viewTail(): Promise<void> {
  const { URL: url = "", TOKEN: token = "" } = process.env;
  const times: number[] = [];
  let ready = 0;
  const agent = new Agent({ maxSockets: VIEWERS });
  for (let n = 0; n < VIEWERS; n += 1) {
    const asked = request(`${url}/api/v1/tail?q=${n % 2 ? "tenth" : ""}`, {
      agent,
      headers: { authorization: `Bearer ${token}` },
    });
    asked.on("response", (response) => {
      response.setEncoding("latin1");
      response.once("data", () => {
        ready += 1;
        if (ready === VIEWERS) process.stdout.write("ready\n");
      });
      response.on("data", (text: string) => {
        const now = Date.now();
        for (const match of text.matchAll(/"line":"sent=(\d+) /g)) times.push(now - Number(match[1]));
      });
      response.on("error", () => undefined);
    });
    asked.on("error", () => undefined);
    asked.end();
  }
  await once(process, "SIGTERM");
  print({ lines: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), max: quantile(times, 1) });
  process.exit(0);
}

function startChild(name: string, { url, key, token }: Server, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", import.meta.filename, name, "--connections", values.connections],
    { env: { URL: url, KEY: key, TOKEN: token, ...env }, stdio: ["ignore", "pipe", "inherit"] },
  );
}

function runChild(name: string, server: Server, env: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
  return resultOf(startChild(name, server, env));
}

async function resultOf(child: ChildProcess): Promise<Record<string, unknown>> {
  let output = "";
  for await (const chunk of child.stdout ?? []) output += chunk;
  return JSON.parse(output) as Record<string, unknown>;
}

function post(
  agent: Agent,
  { url, key }: { readonly url: string; readonly key: string },
  host: string,
  body: string | Uint8Array,
  headers: Record<string, string>,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const length = Buffer.byteLength(body);
  const sent = request(`${url}/logs/agent?hostname=${host}`, {
    method: "POST",
    agent,
    headers: { apikey: key, "content-type": "application/json", "content-length": length, ...headers },
  });
  sent.on("error", reject);
  sent.on("response", (response) => {
    response.resume();
    response.on("end", () =>
      response.statusCode === 200 ? resolve() : reject(new Error(`The server answered ${response.statusCode}.`)),
    );
  });
  sent.end(body);
  return promise;
}

function get({ url, token }: Server, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  asked.on("error", reject);
  asked.on("response", async (response) => {
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    if (response.statusCode === 200) resolve(text);
    else reject(new Error(`${path}: ${response.statusCode} ${text}`));
  });
  asked.end();
  return promise;
}

/** CPU seconds of the server, all its threads; it has no other processes. */
function cpuOf(server: Server): number {
  const stat = readFileSync(`/proc/${server.process.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function peakOf(server: Server): number {
  const status = readFileSync(`/proc/${server.process.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** Resolves once the server has used next to nothing for some seconds. */
async function quiet(server: Server): Promise<void> {
  for (let still = 0, last = cpuOf(server); still < 3; ) {
    await delay(1000);
    const now = cpuOf(server);
    still = now - last < 0.2 ? still + 1 : 0;
    last = now;
  }
}

/** Bytes of the parts that are in use: of those whose rows are in a merged one as well, the merged one. */
function bytesOfParts(store: string): number {
  const parts = new Map<string, { table: string; low: number; high: number; level: number; path: string }>();
  for (const { name, parentPath } of readdirSync(store, { recursive: true, withFileTypes: true })) {
    const [, low, high, level] = /^\d{8}_(\d+)_(\d+)_(\d+)$/.exec(name) ?? [];
    if (level === undefined) continue;
    // The engine links to the table's directory from another, so each is met twice.
    const table = realpathSync(parentPath);
    const path = join(table, name);
    parts.set(path, { table, low: Number(low), high: Number(high), level: Number(level), path });
  }
  const all = [...parts.values()];
  const used = all.filter(
    (part) =>
      !all.some(
        (other) =>
          other.table === part.table && other.low <= part.low && other.high >= part.high && other.level > part.level,
      ),
  );
  return used.reduce(
    (sum, { path }) => sum + Number(execFileSync("du", ["-sb", path], { encoding: "utf8" }).split("\t")[0]),
    0,
  );
}

function quantile(times: readonly number[], share: number): string {
  const sorted = times.toSorted((a, b) => a - b);
  return fixed(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
}

function fixed(number: number, digits = 1): string {
  return number.toFixed(digits);
}

function round(number: number): string {
  return Math.round(number).toLocaleString("en");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
