/**
 * Ships lines to a real OpenTelemetry Collector and compares what it writes with what was in the files: every line once, in its
 * order, its bytes where the record says, in spite of kill -9 and of a collector that is away for a while.
 *
 *     node packages/agent/test/collector_check.ts PATH/OF/otelcol [LINES]
 *
 * The collector needs the receiver `otlp` and the exporter `file`, as the distributions `otelcol` (contrib) have them. It is no
 * part of the tests, since no package that they could install has it.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentProcess, makePlace, type Owner, startedAgent } from "./agent.ts";
import { eventually } from "./eventually.ts";
import { type ReceivedRecord, readExport } from "./otlp/export_request.ts";

const [binary, count = "20000"] = process.argv.slice(2);
if (binary === undefined || !existsSync(binary)) {
  process.stderr.write("Usage: collector_check.ts PATH/OF/otelcol [LINES]\n");
  process.exit(2);
}

const ends: (() => unknown)[] = [];
const owner: Owner = { after: (end) => ends.push(end) };
try {
  await check(binary, Number(count));
} finally {
  for (const end of ends.reverse()) await end();
}

async function check(otelcol: string, lines: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "collector-"));
  owner.after(() => rmSync(directory, { recursive: true, force: true }));
  const output = join(directory, "out.jsonl");
  const port = await freePort();
  const config = join(directory, "config.yaml");
  writeFileSync(config, configOf(port, output));
  const place = makePlace();
  const log = join(place.logs, "a.log");
  const half = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, n) => `${from + n} é "quoted" \\ \t\u001b[31m ${"x".repeat(n % 300)}\n`).join(
      "",
    );
  const text = half(0, lines >> 1);
  const more = half(lines >> 1, lines);
  writeFileSync(log, text);

  const begun = performance.now();
  let collector = await startCollector(otelcol, config, port);
  const start = (): Promise<AgentProcess> =>
    startedAgent(owner, {
      place,
      port,
      env: {
        LOGDNA_OUTPUT: "otlp",
        LOGDNA_INGESTION_KEY: undefined,
        LOGDNA_LOOKBACK: "start",
        LOGDNA_INGEST_BUFFER_SIZE: "131072",
        LOGDNA_HOST: `127.0.0.1:${port}`,
      },
    });
  const first = await start();
  await eventually(() => recordsIn(output).length > 0, "the first records");
  await first.stop("SIGKILL");
  const second = await start();
  await end(collector);
  appendFileSync(log, more);
  await second.logged(({ event }) => event === "delivery_failed");
  collector = await startCollector(otelcol, config, port);
  await eventually(() => unique(recordsIn(output)).length >= lines, `${lines} records`, 60_000);
  assert.equal(await second.stop(), 0);
  await end(collector);

  const arrived = recordsIn(output);
  const records = unique(arrived).toSorted((a, b) => offsetOf(a) - offsetOf(b));
  const bytes = Buffer.from(text + more);
  assert.equal(records.map((record) => `${record.text}\n`).join(""), bytes.toString("utf8"));
  for (const record of records) {
    const size = Buffer.byteLength(record.text);
    assert.equal(bytes.toString("utf8", offsetOf(record), offsetOf(record) + size), record.text);
    assert.equal(record.attributes["log.file.path"], log);
    assert.equal(record.resource["host.name"], "test-host");
  }
  process.stdout.write(
    `${lines} lines, ${bytes.length} bytes: each arrived, in its place; ${arrived.length - records.length} came again, under their ids. ${((performance.now() - begun) / 1000).toFixed(1)} s\n`,
  );
}

function configOf(port: number, output: string): string {
  return `receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}
exporters:
  file: {path: "${output}", append: true, flush_interval: 100ms}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [otlp], exporters: [file]}}
`;
}

async function startCollector(otelcol: string, config: string, port: number): Promise<ChildProcess> {
  const child = spawn(otelcol, ["--config", `file:${config}`], { stdio: ["ignore", "ignore", "pipe"] });
  owner.after(() => child.kill("SIGKILL"));
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await eventually(() => said.includes("Everything is ready") || child.exitCode !== null, `the collector on ${port}`);
  assert.equal(child.exitCode, null, said);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  await closed;
}

/** What the collector has written: one request in OTLP's JSON on each line. */
function recordsIn(path: string): ReceivedRecord[] {
  if (!existsSync(path)) return [];
  const whole = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return whole.flatMap((line) => readExport(line));
}

function unique(records: readonly ReceivedRecord[]): ReceivedRecord[] {
  return [...new Map(records.map((record) => [record.attributes["log.record.uid"], record])).values()];
}

function offsetOf({ attributes }: ReceivedRecord): number {
  return Number(attributes["log.file.record_offset"]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
