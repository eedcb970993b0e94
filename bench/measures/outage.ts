import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../clock.ts";
import { corpusBlocks, SEED } from "../corpus.ts";
import type { Bench, Measure, Run } from "../measure.ts";
import { cpuSeconds, MemoryTrack } from "../process_cost.ts";
import { type Subject, start } from "../subject.ts";

/** Bytes a second that are written. */
const RATE = 4e6;
/** Seconds before the outage, of it, and after it in which is written. */
const SECONDS = { full: [15, 60, 15], quick: [2, 5, 2] } as const;
/** How long nothing may arrive until the rest counts as lost. */
const PATIENCE_MS = 60_000;

export const outage: Measure = {
  name: "outage",
  about: `${RATE / 1e6} MB a second are written to one file; for the time of the outage the server's port is closed and all its connections are gone.`,
  metrics: [
    { key: "peakRss", title: "peak RSS, MB", digits: 0, better: "less" },
    { key: "peakPrivate", title: "of it private, MB", digits: 0, better: "less" },
    { key: "outageCpuPercent", title: "CPU in the outage, % of one core", digits: 1, better: "less" },
    { key: "catchUp", title: "all arrived after the last line, s", digits: 1, better: "less" },
    { key: "lost", title: "lines lost", digits: 0 },
    { key: "twice", title: "lines sent twice", digits: 0 },
  ],
  chart: { kind: "tracks" },
  runs: 1,
  warmUps: 0,
  async prepare(bench) {
    const [before, out, after] = SECONDS[bench.quick ? "quick" : "full"];
    const cases = [...bench.ours, ...bench.peers].map((subject) => ({
      subject: subject.name,
      run: () => endure(subject, bench),
    }));
    return { cases, input: `${before} s, an outage of ${out} s, ${after} s` };
  },
};

async function endure(subject: Subject, bench: Bench): Promise<Run> {
  const logs = mkdtempSync(join(bench.place.inputs, "outage-"));
  const file = openSync(join(logs, "app.log"), "a");
  const running = await start(subject, { ...bench.place, logs });
  const writer = writing(file);
  try {
    const { pid, sink, gone } = running;
    const [before, out, after] = SECONDS[bench.quick ? "quick" : "full"];
    const memory = new MemoryTrack(pid, bench.quick ? 100 : 500);
    await Promise.race([sink.first, gone]);
    await delay(before * 1000);
    sink.down();
    const cpu = cpuSeconds(pid);
    await Promise.race([delay(out * 1000), gone]);
    const outageCpuPercent = ((cpuSeconds(pid) - cpu) / out) * 100;
    sink.up();
    await Promise.race([delay(after * 1000), gone]);
    const lines = writer.end();
    const endedAt = monotonicMs();
    const arrivals = await sink.until(lines, PATIENCE_MS, gone);
    const { track, peak } = memory.end();
    return {
      sample: {
        peakRss: peak.rss / 1e6,
        peakPrivate: peak.private / 1e6,
        outageCpuPercent,
        catchUp: Math.max(0, (arrivals.lastAt ?? Number.NaN) - endedAt) / 1000,
        lost: Math.max(0, lines - arrivals.lines),
        twice: Math.max(0, arrivals.lines - lines),
      },
      track,
    };
  } finally {
    writer.end();
    await running.stop();
    closeSync(file);
    rmSync(logs, { recursive: true });
  }
}

/** Writes lines at the rate until it is told to end. */
function writing(file: number): { end(): number } {
  const blocks = corpusBlocks(SEED);
  const begun = monotonicMs();
  let bytes = 0;
  let lines = 0;
  const timer = setInterval(() => {
    while (bytes < ((monotonicMs() - begun) / 1000) * RATE) {
      const { value } = blocks.next();
      writeSync(file, value.text);
      bytes += value.bytes;
      lines += value.lines;
    }
  }, 20);
  return {
    end() {
      clearInterval(timer);
      return lines;
    },
  };
}
