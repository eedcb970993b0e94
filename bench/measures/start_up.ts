import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { writeCorpus } from "../corpus.ts";
import { inputText, type Measure, type Run } from "../measure.ts";
import { cpuSeconds, MemoryTrack } from "../process_cost.ts";
import { type Subject, start, type TaskOptions } from "../subject.ts";

const TIMEOUT_MS = 30_000;

export const startUp: Measure = {
  name: "start-up",
  about:
    "From exec to the arrival of a line that was there before, and to following all files (which only this agent says), with one small file.",
  metrics: [
    { key: "firstMs", title: "exec to first line, ms", digits: 0, better: "less" },
    { key: "watchingMs", title: "exec to watching, ms", digits: 0 },
    { key: "startCpuMs", title: "CPU until then, ms", digits: 0, better: "less" },
    { key: "rss", title: "RSS then, MB", digits: 0, better: "less" },
    { key: "private", title: "of it private, MB", digits: 0, better: "less" },
  ],
  chart: { kind: "bars", metric: "firstMs" },
  runs: 11,
  warmUps: 1,
  async prepare(bench) {
    const logs = join(bench.place.inputs, "start-up");
    mkdirSync(logs);
    const corpus = writeCorpus(join(logs, "app.log"), 100);
    const cases = [...bench.ours, ...bench.peers].map((subject) => ({
      subject: subject.name,
      run: () => startOnce(subject, { ...bench.place, logs }),
    }));
    return { cases, input: inputText(corpus) };
  },
};

/** Starts a program once, until its first line has arrived and it has said that it follows all files. */
export async function startOnce(subject: Subject, options: TaskOptions): Promise<Run> {
  const running = await start(subject, options);
  try {
    const memory = new MemoryTrack(running.pid, 20);
    const late = delay(TIMEOUT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`${subject.name} did not start within ${TIMEOUT_MS} ms.`);
    });
    late.catch(() => undefined);
    const watching = subject.watching === undefined ? Number.NaN : running.watching;
    const all = Promise.all([running.sink.first, watching]);
    const [first, followed] = await Promise.race([all, running.gone, late]);
    const cpu = cpuSeconds(running.pid);
    const { last } = memory.end();
    return {
      sample: {
        firstMs: first - running.startedAt,
        watchingMs: followed - running.startedAt,
        startCpuMs: cpu * 1000,
        rss: last.rss / 1e6,
        private: last.private / 1e6,
      },
    };
  } finally {
    await running.stop();
  }
}
