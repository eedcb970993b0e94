import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeCorpus } from "../corpus.ts";
import { inputText, type Measure, sizeOf } from "../measure.ts";
import { SHIPPING, ship } from "../ship.ts";
import { startOnce } from "./start_up.ts";

export const confinement: Measure = {
  name: "confinement",
  about:
    "The same file with and without the agent's confinement, and how long each takes to start on an empty directory.",
  metrics: [
    ...SHIPPING.slice(0, 4),
    { key: "watchingMs", title: "exec to watching, ms", digits: 0, better: "less" },
    { key: "startCpuMs", title: "CPU until then, ms", digits: 0, better: "less" },
  ],
  chart: { kind: "bars", metric: "mbPerSecond" },
  runs: 7,
  warmUps: 1,
  async prepare(bench) {
    const logs = join(bench.place.inputs, "confinement");
    const few = join(bench.place.inputs, "confinement-start");
    for (const directory of [logs, few]) mkdirSync(directory);
    const corpus = writeCorpus(join(logs, "app.log"), sizeOf(bench, 180, 20));
    writeCorpus(join(few, "app.log"), 100);
    const cases = bench.ours.flatMap((subject) =>
      (["best-effort", "off"] as const).map((mode) => ({
        subject: `${subject.name}, ${mode === "off" ? "not confined" : "confined"}`,
        run: async () => {
          const env = { LOGDNA_CONFINEMENT: mode };
          const shipped = await ship(subject, { ...bench.place, logs, env }, corpus);
          const started = await startOnce(subject, { ...bench.place, logs: few, env });
          return { sample: { ...shipped.sample, ...started.sample } };
        },
      })),
    );
    return { cases, input: inputText(corpus) };
  },
};
