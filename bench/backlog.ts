/**
 * Whether one huge backlog holds up what is written now: `node bench/backlog.ts [GIGABYTES]`, 10 of them where nothing is said. While the
 * agent drains one file of that size, lines are written to others, one every few milliseconds, and the time from write(2) to their
 * arrival at a server on this machine is taken; memory is followed meanwhile.
 */
import { spawn } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";

const LAUNCHER = join(import.meta.dirname, "../bin/logdna-agent");
const LIVE_FILES = 20;
const STEP_MS = 50;
const LINE = `2026-01-02T03:04:05.678Z INFO  request 12345678 GET /api/v1/items/42 status=200 duration=${"1".repeat(3)}ms`;
const LIVE = /"line":"live (\d+) /g;

const gigabytes = Number(process.argv[2] ?? 10);
const root = mkdtempSync(join(tmpdir(), "bench-"));
const logs = join(root, "logs");
const writtenAt: number[] = [];
const delays: number[] = [];
const peaks: number[] = [];
let plainBytes = 0;
let previous = 0;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const bytes = Buffer.concat(chunks);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
    plainBytes += body.length;
    if (body.includes('"line":"live '))
      for (const [, number] of body.toString("latin1").matchAll(LIVE))
        delays.push(performance.now() - (writtenAt[Number(number)] ?? 0));
    response.end('{"status":"ok"}');
  });
});

try {
  mkdirSync(logs);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const size = fill(join(logs, "backlog.log"), gigabytes * 1e9);
  const live = Array.from({ length: LIVE_FILES }, (_, n) => join(logs, `live-${n}.log`));
  for (const path of live) writeFileSync(path, "");
  const config = join(root, "config.yaml");
  writeFileSync(config, `log:\n  dirs: [${JSON.stringify(logs)}]\n`);
  const agent = spawn(LAUNCHER, [], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      LOGDNA_INGESTION_KEY: "bench",
      LOGDNA_HOST: `localhost:${(server.address() as AddressInfo).port}`,
      LOGDNA_USE_SSL: "false",
      LOGDNA_DB_PATH: join(root, "state"),
      LOGDNA_LOOKBACK: "start",
      LOGDNA_CONFIG_FILE: config,
    },
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => agent.once("close", resolve));
  try {
    const status = join(root, "state", "status.json");
    while (plainBytes === 0 || left(status) === 0) await delay(10);
    const begun = performance.now();
    for (let n = 0; left(status) > 0; n += 1) {
      writtenAt[n] = performance.now();
      appendFileSync(live[n % LIVE_FILES] ?? "", `live ${n} ${"x".repeat(80)}\n`);
      peaks.push(memory(agent.pid ?? 0));
      await delay(STEP_MS);
    }
    const seconds = (performance.now() - begun) / 1000;
    while (delays.length < writtenAt.length) await delay(10);
    const sorted = delays.toSorted((a, b) => a - b);
    const at = (share: number): number =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
    process.stdout.write(
      [
        `${(size / 1e9).toFixed(1)} GB drained in ${seconds.toFixed(0)} s (${(size / 1e6 / seconds).toFixed(0)} MB/s) while ${sorted.length} lines were written to ${LIVE_FILES} other files.`,
        `From write(2) to arrival: median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest ${at(1)} ms.`,
        `Memory: peak ${Math.round(Math.max(...peaks) / 1024)} MB (VmHWM).`,
        "",
      ].join("\n"),
    );
  } finally {
    agent.kill("SIGTERM");
    await ended;
  }
} finally {
  server.close();
  server.closeAllConnections();
  rmSync(root, { recursive: true, force: true });
}

/** Writes about so many bytes of lines; gives how many. */
function fill(path: string, bytes: number): number {
  const block = Buffer.from(`${LINE}\n`.repeat(100_000));
  const blocks = Math.ceil(bytes / block.length);
  const fd = openSync(path, "w");
  for (let n = 0; n < blocks; n += 1) writeSync(fd, block);
  closeSync(fd);
  return blocks * block.length;
}

/** Bytes of the backlog as `logdna-agent status` tells them. */
function left(path: string): number {
  try {
    const { backlog } = JSON.parse(readFileSync(path, "utf8")) as {
      backlog: { files: { path: string; unread: number }[] };
    };
    previous = backlog.files.find((file) => file.path.endsWith("backlog.log"))?.unread ?? 0;
    return previous;
  } catch {
    // It is being written.
    return previous;
  }
}

/** Kilobytes: `VmHWM` of proc_pid_status(5). */
function memory(pid: number): number {
  return Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}
