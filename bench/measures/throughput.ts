import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeCorpus } from "../corpus.ts";
import { inputText, type Measure, sizeOf } from "../measure.ts";
import { SHIPPING, ship } from "../ship.ts";

export const throughput: Measure = {
  name: "throughput",
  about: "One file of mixed lines, from the start of the program to the arrival of the last line.",
  metrics: SHIPPING,
  chart: { kind: "bars", metric: "mbPerCpu" },
  runs: 5,
  warmUps: 1,
  async prepare(bench) {
    const logs = join(bench.place.inputs, "throughput");
    mkdirSync(logs);
    const corpus = writeCorpus(join(logs, "app.log"), sizeOf(bench, 180, 20));
    const options = { ...bench.place, logs };
    const cases = [...bench.ours, ...bench.peers].map((subject) => ({
      subject: subject.name,
      run: () => ship(subject, options, corpus),
    }));
    return { cases, input: inputText(corpus) };
  },
};
