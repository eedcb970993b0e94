import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { HEALTH_CHECK, writeCorpus } from "../corpus.ts";
import { inputText, type Measure, sizeOf } from "../measure.ts";
import { SHIPPING, ship } from "../ship.ts";

const EXCLUSION = HEALTH_CHECK;
const REDACTIONS = ["password=\\S+", "(?i)bearer [a-z0-9._-]+", "SHA256:[0-9a-f]+", "user\\d{3}\\b"] as const;

/** Sets of rules, each with the variables that set it. */
const SETS = [
  { name: "no rules", env: {} },
  {
    name: "1 exclusion, 1 redaction",
    env: { LOGDNA_LINE_EXCLUSION_REGEX: EXCLUSION, LOGDNA_REDACT_REGEX: REDACTIONS[0] },
  },
  {
    name: "1 exclusion, 4 redactions",
    env: { LOGDNA_LINE_EXCLUSION_REGEX: EXCLUSION, LOGDNA_REDACT_REGEX: REDACTIONS.join(",") },
  },
] as const;

export const rules: Measure = {
  name: "rules",
  about:
    "The same file with rules on lines: of 100 lines about 2 are excluded; the first redaction is found in few lines, the four together in one of eight.",
  metrics: SHIPPING,
  chart: { kind: "bars", metric: "mbPerCpu" },
  runs: 5,
  warmUps: 1,
  async prepare(bench) {
    const logs = join(bench.place.inputs, "rules");
    mkdirSync(logs);
    const corpus = writeCorpus(join(logs, "app.log"), sizeOf(bench, 180, 20));
    const cases = bench.ours.flatMap((subject) =>
      SETS.map(({ name, env }) => ({
        subject: `${subject.name}, ${name}`,
        run: () => {
          const lines = corpus.lines - ("LOGDNA_LINE_EXCLUSION_REGEX" in env ? corpus.healthChecks : 0);
          return ship(subject, { ...bench.place, logs, env }, corpus, lines);
        },
      })),
    );
    return { cases, input: inputText(corpus) };
  },
};
