import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../clock.ts";
import type { Bench, Measure, Run } from "../measure.ts";
import { descriptors, memoryOf, threadSeconds, wakeUps } from "../process_cost.ts";
import { type Subject, start } from "../subject.ts";

const FILES_A_DIRECTORY = 100;
const PATIENCE_MS = 120_000;
/** How long a program may take to come to rest after the last line has arrived, in milliseconds. */
const SETTLE_MS = { full: 15_000, quick: 3000 } as const;
const QUIET_MS = { full: 60_000, quick: 5000 } as const;

export const idle: Measure = {
  name: "idle",
  about: "Files of one line each, all shipped; then nothing happens.",
  axis: "files",
  metrics: [
    { key: "cpuPercent", title: "CPU, % of one core", digits: 3, better: "less" },
    { key: "wakeUps", title: "wake-ups/s", digits: 1, better: "less" },
    { key: "descriptors", title: "open descriptors", digits: 0, better: "less" },
    { key: "rss", title: "RSS, MB", digits: 0, better: "less" },
    { key: "private", title: "of it private, MB", digits: 0, better: "less" },
  ],
  chart: { kind: "lines", metric: "rss", scale: "log" },
  runs: 1,
  warmUps: 0,
  async prepare(bench) {
    const points = bench.quick ? [100, 2000] : [100, 1000, 20_000];
    const cases = points.flatMap((x) => {
      const logs = join(bench.place.inputs, `idle-${x}`);
      for (let n = 0; n < x; n += 1) {
        const directory = join(logs, String(Math.floor(n / FILES_A_DIRECTORY)));
        if (n % FILES_A_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
        writeFileSync(join(directory, `${n}.log`), `the only line of file ${n}\n`);
      }
      return [...bench.ours, ...bench.peers].map((subject) => ({
        subject: subject.name,
        x,
        run: () => rest(subject, bench, logs, x),
      }));
    });
    return { cases, input: `${points.join(", ")} files of one line, ${FILES_A_DIRECTORY} in each directory` };
  },
};

async function rest(subject: Subject, bench: Bench, logs: string, files: number): Promise<Run> {
  const size = bench.quick ? "quick" : "full";
  const running = await start(subject, { ...bench.place, logs, depth: 2 });
  try {
    const { pid, sink, gone } = running;
    const { lines } = await sink.until(files, PATIENCE_MS, gone);
    if (lines < files) bench.say(`  Of ${subject.name} ${lines} of ${files} lines arrived.`);
    await delay(SETTLE_MS[size]);
    const before = { cpu: threadSeconds(pid), wakeUps: wakeUps(pid), at: monotonicMs() };
    await delay(QUIET_MS[size]);
    const seconds = (monotonicMs() - before.at) / 1000;
    const cpu = threadSeconds(pid) - before.cpu;
    const woken = wakeUps(pid) - before.wakeUps;
    const memory = memoryOf(pid);
    return {
      sample: {
        cpuPercent: (cpu / seconds) * 100,
        wakeUps: woken / seconds,
        descriptors: descriptors(pid),
        rss: memory.rss / 1e6,
        private: memory.private / 1e6,
      },
    };
  } finally {
    await running.stop();
  }
}
