import { closeSync, mkdtempSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../clock.ts";
import type { Bench, Measure, Run } from "../measure.ts";
import { memoryOf, threadSeconds, wakeUps } from "../process_cost.ts";
import { quantile } from "../stats.ts";
import { type Subject, start } from "../subject.ts";

const EVERY_MS = 50;
const PATIENCE_MS = 30_000;
/** How long a program is left alone before it is measured. */
const SETTLE_MS = 2000;

export const latency: Measure = {
  name: "latency",
  about: `One line each ${EVERY_MS} ms, from write(2) to the arrival of the request that has it, and what following costs meanwhile.`,
  metrics: [
    { key: "p50", title: "p50, ms", digits: 2, better: "less" },
    { key: "p99", title: "p99, ms", digits: 2, better: "less" },
    { key: "longest", title: "longest, ms", digits: 1, better: "less" },
    { key: "cpuPercent", title: "CPU, % of one core", digits: 2, better: "less" },
    { key: "wakeUps", title: "wake-ups/s", digits: 0, better: "less" },
    { key: "rss", title: "RSS, MB", digits: 0, better: "less" },
  ],
  chart: { kind: "bars", metric: "p99" },
  runs: 3,
  warmUps: 0,
  async prepare(bench) {
    const lines = bench.quick ? 100 : 1200;
    const cases = [...bench.ours, ...bench.peers].map((subject) => ({
      subject: subject.name,
      run: () => follow(subject, bench, lines),
    }));
    return { cases, input: `${lines} lines of ${stampedLine(0).length} bytes` };
  },
};

/** A line that tells when it was written, in microseconds of the monotonic clock. */
export function stampedLine(atMs: number): string {
  const stamp = `stamp=${Math.round(atMs * 1000)}`;
  return `2026-01-02T03:04:05.678Z INFO orders request=8f14e45f user=user42 "GET /api/v1/orders HTTP/1.1" 200 ${stamp}`
    .padEnd(179, ".")
    .concat("\n");
}

async function follow(subject: Subject, bench: Bench, lines: number): Promise<Run> {
  const logs = mkdtempSync(join(bench.place.inputs, "latency-"));
  const file = openSync(join(logs, "app.log"), "a");
  const running = await start(subject, { ...bench.place, logs });
  try {
    const { pid, sink, gone } = running;
    // Without a stamp: it waits for the program to start.
    writeSync(file, "the first line\n");
    await sink.until(1, PATIENCE_MS, gone);
    await delay(SETTLE_MS);
    const before = { cpu: threadSeconds(pid), wakeUps: wakeUps(pid), at: monotonicMs() };
    for (let n = 1; n <= lines; n += 1) {
      writeSync(file, stampedLine(monotonicMs()));
      await delay(Math.max(0, before.at + n * EVERY_MS - monotonicMs()));
    }
    const seconds = (monotonicMs() - before.at) / 1000;
    const cpu = threadSeconds(pid) - before.cpu;
    const woken = wakeUps(pid) - before.wakeUps;
    const { rss } = memoryOf(pid);
    const { delays } = await sink.until(lines + 1, PATIENCE_MS, gone);
    if (delays.length !== lines) throw new Error(`Of ${subject.name} ${delays.length} of ${lines} lines arrived.`);
    return {
      sample: {
        p50: quantile(delays, 0.5),
        p99: quantile(delays, 0.99),
        longest: Math.max(...delays),
        cpuPercent: (cpu / seconds) * 100,
        wakeUps: woken / seconds,
        rss: rss / 1e6,
      },
    };
  } finally {
    await running.stop();
    closeSync(file);
  }
}
