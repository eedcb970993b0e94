import { closeSync, mkdirSync, openSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../clock.ts";
import { writeCorpus } from "../corpus.ts";
import { type Bench, inputText, type Measure, type Run, sizeOf } from "../measure.ts";
import { cpuSeconds, MemoryTrack } from "../process_cost.ts";
import { quantile } from "../stats.ts";
import { type Running, type Subject, start } from "../subject.ts";
import { stampedLine } from "./latency.ts";

const PATIENCE_MS = 120_000;
const LIVE_MS = 50;
const SAMPLE_MS = 500;

export const backlog: Measure = {
  name: "backlog",
  about: `A large backlog in one file, while a line is written to another each ${LIVE_MS} ms: memory over the time, and how long those lines take.`,
  metrics: [
    { key: "peakRss", title: "peak RSS, MB", digits: 0, better: "less" },
    { key: "peakPrivate", title: "of it private, MB", digits: 0, better: "less" },
    { key: "lastRss", title: "RSS at the end, MB", digits: 0, better: "less" },
    { key: "mbPerSecond", title: "MB/s wall", digits: 1, better: "more" },
    { key: "mbPerCpu", title: "MB per CPU-s", digits: 1, better: "more" },
    { key: "p50", title: "live line p50, ms", digits: 1, better: "less" },
    { key: "p99", title: "live line p99, ms", digits: 1, better: "less" },
  ],
  chart: { kind: "tracks" },
  runs: 1,
  warmUps: 0,
  async prepare(bench) {
    const logs = join(bench.place.inputs, "backlog");
    mkdirSync(logs);
    const corpus = writeCorpus(join(logs, "backlog.log"), sizeOf(bench, 10_000, 200));
    const cases = [...bench.ours, ...bench.peers].map((subject) => ({
      subject: subject.name,
      run: () => drain(subject, bench, logs, corpus),
    }));
    return { cases, input: inputText(corpus) };
  },
};

async function drain(
  subject: Subject,
  bench: Bench,
  logs: string,
  corpus: { readonly bytes: number; readonly lines: number },
): Promise<Run> {
  const path = join(logs, "live.log");
  const file = openSync(path, "a");
  truncateSync(path);
  const running = await start(subject, { ...bench.place, logs });
  let live = 0;
  try {
    const memory = new MemoryTrack(running.pid, bench.quick ? 100 : 1000);
    await Promise.race([running.sink.first, running.gone]);
    const writing = setInterval(() => {
      writeSync(file, stampedLine(monotonicMs()));
      live += 1;
    }, LIVE_MS);
    try {
      await Promise.race([untilNearlyAll(running, corpus.lines), running.gone]);
    } finally {
      clearInterval(writing);
    }
    const arrivals = await running.sink.until(corpus.lines + live, PATIENCE_MS, running.gone);
    const cpu = cpuSeconds(running.pid);
    const wall = ((arrivals.lastAt ?? Number.NaN) - running.startedAt) / 1000;
    const { track, peak, last } = memory.end();
    if (arrivals.lines < corpus.lines + live)
      throw new Error(`Of ${subject.name} ${arrivals.lines} of ${corpus.lines + live} lines arrived.`);
    return {
      sample: {
        peakRss: peak.rss / 1e6,
        peakPrivate: peak.private / 1e6,
        lastRss: last.rss / 1e6,
        mbPerSecond: corpus.bytes / 1e6 / wall,
        mbPerCpu: corpus.bytes / 1e6 / cpu,
        p50: quantile(arrivals.delays, 0.5),
        p99: quantile(arrivals.delays, 0.99),
      },
      track,
    };
  } finally {
    await running.stop();
    closeSync(file);
  }
}

/**
 * Resolves when nine of ten lines have arrived, by what a line took on the wire at first: counting all of them would keep the server
 * busy, and is only possible in a pause, which there is none of while lines are written.
 */
async function untilNearlyAll({ sink }: Running, lines: number): Promise<void> {
  await delay(SAMPLE_MS);
  const sample = await sink.report();
  const wanted = 0.9 * lines * (sample.wireBytes / sample.lines);
  for (let seen = 0, since = monotonicMs(); sink.wireBytes < wanted; ) {
    // What does not arrive is told by whoever waits for all of it.
    if (sink.wireBytes === seen && monotonicMs() - since > PATIENCE_MS) return;
    if (sink.wireBytes !== seen) since = monotonicMs();
    seen = sink.wireBytes;
    await delay(LIVE_MS);
  }
}
