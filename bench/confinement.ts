/**
 * What the agent's confinement costs: `node bench/confinement.ts [MEGABYTES] [BUNDLE]`, as root, where BUNDLE is what `npm run bundle`
 * printed; without it the sources run. Starts the agent and has it read and
 * deliver existing lines to a server on this machine, with and without, in turn, so that what else the machine does falls on
 * both. For all layers, mounts must be shared, which `unshare --mount --propagation shared` in front of it makes them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const LAUNCHER = join(import.meta.dirname, "../bin/logdna-agent");
const NODE_FLAGS = ["--disable-warning=ExperimentalWarning", "--max-semi-space-size=1"];
const MODES = ["off", "best-effort"] as const;
const STARTS = 11;
const RUNS = 5;
/** Clock ticks in a second: sysconf(3), `_SC_CLK_TCK`, 100 on every Linux. */
const TICKS = 100;
/** How long a run may take, in milliseconds. */
const TIMEOUT_MS = 120_000;
const LINE = `2026-01-02T03:04:05.678Z INFO  request 12345678 GET /api/v1/items/42 status=200 duration=${"1".repeat(3)}ms`;

type Mode = (typeof MODES)[number];

interface Moment {
  /** Seconds from the start of the process. */
  readonly wall: number;
  /** Seconds of processor time of all its threads, its first image included. */
  readonly cpu: number;
}

interface Sample {
  readonly started: Moment;
  readonly delivered: Moment;
}

const megabytes = Number(process.argv[2] ?? 200);
const bundle = process.argv[3];
const [command, ...args] =
  bundle === undefined ? [LAUNCHER] : ([process.execPath, ...NODE_FLAGS, bundle] as [string, ...string[]]);
const root = mkdtempSync(join(tmpdir(), "bench-"));
let layers = "";
/** Lines that arrived, and who wants to know. */
let arrived = 0;
let onArrival = (): void => undefined;

try {
  const server = await discardingServer();
  const { port } = server.address() as AddressInfo;
  const empty = join(root, "empty");
  const full = join(root, "full");
  mkdirSync(empty);
  mkdirSync(full);
  const lines = fill(join(full, "app.log"), megabytes * 1e6);
  const starts = await inTurn(STARTS, (mode) => sample(mode, empty, port, 0));
  const runs = await inTurn(RUNS, (mode) => sample(mode, full, port, lines));
  server.close();
  process.stdout.write(`Layers with it: ${layers}\n`);
  print(`start-up, ${STARTS} each`, starts, ({ started }) => ({
    "wall ms": started.wall * 1000,
    "CPU ms": started.cpu * 1000,
  }));
  print(`${megabytes} MB delivered, from the start of the process, ${RUNS} each`, runs, ({ delivered }) => ({
    "wall s": delivered.wall,
    "CPU s": delivered.cpu,
  }));
  print(`${megabytes} MB delivered, from agent_started, ${RUNS} each`, runs, ({ started, delivered }) => ({
    "wall s": delivered.wall - started.wall,
    "CPU s": delivered.cpu - started.cpu,
    "MB/s": megabytes / (delivered.wall - started.wall),
  }));
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** An ingestion server that counts lines and forgets them. */
async function discardingServer(): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const bytes = Buffer.concat(chunks);
      arrived += countLines(request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes);
      response.setHeader("content-type", "application/json");
      response.end('{"status":"ok"}');
      onArrival();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return server;
}

function countLines(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf('"line":'); at >= 0; at = body.indexOf('"line":', at + 1)) count += 1;
  return count;
}

/** Writes lines until there are about so many bytes; gives their number. */
function fill(path: string, bytes: number): number {
  const block = Buffer.from(`${LINE}\n`.repeat(10_000));
  const blocks = Math.ceil(bytes / block.length);
  const fd = openSync(path, "w");
  for (let n = 0; n < blocks; n += 1) writeSync(fd, block);
  closeSync(fd);
  return blocks * 10_000;
}

async function inTurn(count: number, measure: (mode: Mode) => Promise<Sample>): Promise<Record<Mode, Sample[]>> {
  const samples: Record<Mode, Sample[]> = { off: [], "best-effort": [] };
  // Once each without counting, to have the program's files in memory.
  for (const mode of MODES) await measure(mode);
  for (let n = 0; n < count; n += 1) for (const mode of MODES) samples[mode].push(await measure(mode));
  return samples;
}

/** Runs an agent until it has started and its lines have arrived. */
async function sample(mode: Mode, logs: string, port: number, lines: number): Promise<Sample> {
  const state = mkdtempSync(join(root, "state-"));
  const config = join(root, "config.yaml");
  writeFileSync(config, `log:\n  dirs: [${JSON.stringify(logs)}]\n`);
  arrived = 0;
  const begun = performance.now();
  const agent = spawn(command, args, {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      LOGDNA_INGESTION_KEY: "bench",
      LOGDNA_HOST: `localhost:${port}`,
      LOGDNA_USE_SSL: "false",
      LOGDNA_DB_PATH: state,
      LOGDNA_HOSTNAME: "bench",
      LOGDNA_LOOKBACK: "start",
      LOGDNA_CONFINEMENT: mode,
      LOGDNA_CONFIG_FILE: config,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((resolve) => agent.once("close", resolve));
  try {
    const now = (): Moment => ({
      wall: (performance.now() - begun) / 1000,
      cpu: processorTime(agent.pid ?? -1),
    });
    const moments = await Promise.all([whenStarted(agent).then(now), whenDelivered(lines).then(now)]);
    return { started: moments[0], delivered: moments[1] };
  } finally {
    agent.kill("SIGKILL");
    await ended;
    rmSync(state, { recursive: true, force: true });
  }
}

function whenStarted(agent: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let output = "";
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
    layers = /"layers":\[([^\]]*)\]/.exec(output)?.[1] ?? layers;
    if (output.includes('"agent_started"')) resolve();
  };
  agent.stdout?.on("data", collect);
  agent.stderr?.on("data", collect);
  agent.once("close", () => reject(new Error(`The agent ended:\n${output}`)));
  return promise;
}

function whenDelivered(lines: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`${arrived} of ${lines} lines arrived`)), TIMEOUT_MS);
  onArrival = () => {
    if (arrived < lines) return;
    clearTimeout(timer);
    resolve();
  };
  onArrival();
  return promise;
}

/** User and system time of a process: proc_pid_stat(5), fields 14 and 15. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function print(
  what: string,
  samples: Readonly<Record<Mode, readonly Sample[]>>,
  columns: (sample: Sample) => Readonly<Record<string, number>>,
): void {
  const medians = MODES.map((mode) => {
    const rows = samples[mode].map(columns);
    const names = Object.keys(rows[0] ?? {});
    return new Map(names.map((name) => [name, median(rows.map((row) => row[name] ?? 0))]));
  });
  const head = ["", ...MODES, "ratio"].map((cell) => cell.padStart(12)).join("");
  process.stdout.write(`\n${what}, medians\n  ${head}\n`);
  const [off = new Map<string, number>(), on = new Map<string, number>()] = medians;
  for (const [name, without] of off) {
    const withIt = on.get(name) ?? 0;
    const cells = [name, without.toFixed(2), withIt.toFixed(2), (withIt / without).toFixed(3)];
    process.stdout.write(`  ${cells.map((cell) => cell.padStart(12)).join("")}\n`);
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return ((sorted[middle] ?? 0) + (sorted[sorted.length - 1 - middle] ?? 0)) / 2;
}
