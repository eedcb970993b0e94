/** Whether the cost of a byte stays the same, whatever the bytes are divided into. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Corpus, CorpusText, NOTHING, sum, writeCorpus, writeLinesOf } from "../corpus.ts";
import { type Bench, inputText, type Measure, sizeOf } from "../measure.ts";
import { SHIPPING, ship } from "../ship.ts";

interface Point {
  readonly x: number;
  /** Writes the files of this point. */
  fill(logs: string, size: number): Corpus;
  readonly depth?: 1 | 2;
}

const BYTES_MB = [25, 100, 400] as const;
const DIRECTORY_FILES = 1000;

export const files = measure({
  name: "files",
  about: "The same bytes, divided among more and more files of one directory.",
  axis: "files",
  points: ({ quick }) =>
    [1, 100, quick ? 1000 : 10_000].map((x) => ({ x, fill: (logs, size) => fillFiles(logs, size, x) })),
});

export const directories = measure({
  name: "directories",
  about: `The same bytes in ${DIRECTORY_FILES.toLocaleString("en")} files, divided among more and more directories.`,
  axis: "directories",
  points: () =>
    [1, 10, 100, DIRECTORY_FILES].map((x) => ({
      x,
      depth: 2,
      fill: (logs, size) => {
        for (let n = 0; n < x; n += 1) mkdirSync(join(logs, String(n)));
        return fillFiles(logs, size, DIRECTORY_FILES, (n) => String(n % x));
      },
    })),
});

export const lineLengths = measure({
  name: "line-lengths",
  about: "The same bytes in one file, in lines of more and more bytes each.",
  axis: "bytes a line",
  points: () =>
    [20, 100, 200, 1000, 8000, 32_000].map((x) => ({
      x,
      fill: (logs, size) => writeLinesOf(x, join(logs, "app.log"), size),
    })),
});

export const bytes = measure({
  name: "bytes",
  about: "One file with more and more bytes: the cost must grow with them and with nothing else.",
  axis: "MB",
  points: ({ quick }) =>
    BYTES_MB.map((megabytes) => ({
      x: quick ? megabytes / 5 : megabytes,
      fill: (logs) => writeCorpus(join(logs, "app.log"), (quick ? megabytes / 5 : megabytes) * 1e6),
    })),
});

function measure(given: {
  readonly name: string;
  readonly about: string;
  readonly axis: string;
  readonly points: (bench: Bench) => readonly Point[];
}): Measure {
  const { name, about, axis, points } = given;
  return {
    ...{ name, about, axis, metrics: [...SHIPPING, { key: "cpu", title: "CPU s", digits: 2 }] },
    chart: { kind: "lines", metric: "mbPerCpu", scale: "log" },
    runs: 3,
    warmUps: 1,
    async prepare(bench) {
      const prepared = points(bench).map((point) => {
        const logs = join(bench.place.inputs, `${name}-${point.x}`);
        mkdirSync(logs);
        return { ...point, logs, corpus: point.fill(logs, sizeOf(bench, 180, 20)) };
      });
      const cases = prepared.flatMap(({ x, logs, corpus, depth = 1 }) =>
        [...bench.ours, ...bench.peers].map((subject) => ({
          subject: subject.name,
          x,
          run: () => ship(subject, { ...bench.place, logs, depth }, corpus),
        })),
      );
      return { cases, input: prepared.map(({ x, corpus }) => `${x} ${axis}: ${inputText(corpus)}`).join("; ") };
    },
  };
}

/** Divides about so many bytes evenly among files: what comes next in the text goes to the next file. */
function fillFiles(logs: string, size: number, count: number, directoryOf: (n: number) => string = () => ""): Corpus {
  const text = new CorpusText();
  let all = NOTHING;
  for (let n = 0; n < count; n += 1) {
    const missing = Math.max(1, Math.round(((n + 1) * size) / count) - all.bytes);
    all = sum(all, writeCorpus(join(logs, directoryOf(n), `${n}.log`), missing, text));
  }
  return all;
}
