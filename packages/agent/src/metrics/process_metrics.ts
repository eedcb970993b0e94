import { readdirSync } from "node:fs";
import type { Metric } from "./exposition.ts";

/** What every client library tells of its process, under the same names (prometheus.io, "Writing client libraries"). */
export function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  const openFiles = countOpenFiles();
  return [
    metric("counter", "cpu_seconds_total", "Seconds of CPU time, user and system.", (user + system) / 1e6),
    metric("gauge", "resident_memory_bytes", "Bytes of memory that are resident.", process.memoryUsage.rss()),
    metric("gauge", "start_time_seconds", "When the process started, since the epoch.", performance.timeOrigin / 1000),
    ...(openFiles === undefined ? [] : [metric("gauge", "open_fds", "Open file descriptors.", openFiles)]),
  ];
}

function metric(type: "counter" | "gauge", name: string, help: string, value: number): Metric {
  return { name: `process_${name}`, help, type, samples: [{ value }] };
}

/** Undefined where /proc is not mounted or not readable. */
function countOpenFiles(): number | undefined {
  try {
    // One of them is that by which the directory is listed.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}
