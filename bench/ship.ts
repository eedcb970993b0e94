/** Ships what is in a directory once, from the start of a program to the arrival of the last line, and tells what that cost. */
import type { Corpus } from "./corpus.ts";
import type { Metric, Run } from "./measure.ts";
import { cpuSeconds, MemoryTrack } from "./process_cost.ts";
import { type Subject, start, type TaskOptions } from "./subject.ts";

/** How long nothing may arrive before a run counts as failed. */
const PATIENCE_MS = 60_000;
const SAMPLE_MS = 100;

/** The numbers that `ship` gives, as tables show them. */
export const SHIPPING: readonly Metric[] = [
  { key: "mbPerCpu", title: "MB per CPU-s", digits: 1, better: "more" },
  { key: "mbPerSecond", title: "MB/s wall", digits: 1, better: "more" },
  { key: "peakRss", title: "peak RSS, MB", digits: 0, better: "less" },
  { key: "peakPrivate", title: "of it private, MB", digits: 0, better: "less" },
  { key: "wire", title: "bytes sent / input", digits: 3 },
  { key: "requests", title: "requests", digits: 0 },
];

/**
 * @param corpus what is in the directory.
 * @param lines how many of them must arrive.
 * @throws {Error} when they do not, or the program ends.
 */
export async function ship(subject: Subject, options: TaskOptions, corpus: Corpus, lines = corpus.lines): Promise<Run> {
  const running = await start(subject, options);
  try {
    const memory = new MemoryTrack(running.pid, SAMPLE_MS);
    const arrivals = await running.sink.until(lines, PATIENCE_MS, running.gone);
    const cpu = cpuSeconds(running.pid);
    const { peak } = memory.end();
    if (arrivals.lines < lines || arrivals.lastAt === undefined)
      throw new Error(`Of ${subject.name} ${arrivals.lines} of ${lines} lines arrived.`);
    const wall = (arrivals.lastAt - running.startedAt) / 1000;
    const megabytes = corpus.bytes / 1e6;
    return {
      sample: {
        cpu,
        wall,
        mbPerCpu: megabytes / cpu,
        mbPerSecond: megabytes / wall,
        peakRss: peak.rss / 1e6,
        peakPrivate: peak.private / 1e6,
        wire: arrivals.wireBytes / corpus.bytes,
        requests: arrivals.requests,
      },
    };
  } finally {
    await running.stop();
  }
}
