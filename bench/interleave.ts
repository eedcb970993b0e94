import type { Case, Run, Sample } from "./measure.ts";
import type { MemoryAt } from "./process_cost.ts";
import { median } from "./stats.ts";

/** All runs of a case. */
export interface CaseResult {
  readonly subject: string;
  readonly x?: number;
  /** Of each metric the median. */
  readonly medians: Sample;
  readonly samples: readonly Sample[];
  /** Memory over time in the last run. */
  readonly track?: readonly MemoryAt[];
  /** Why it was given up; what was measured until then does not count. */
  readonly failed?: string;
}

/** Runs every case once, then every case again, and so on: what else the machine does falls on all of them alike. */
export async function interleave(
  cases: readonly Case[],
  { runs, warmUps }: { readonly runs: number; readonly warmUps: number },
  say: (text: string) => void,
): Promise<CaseResult[]> {
  const all = new Map<Case, Run[]>(cases.map((each) => [each, []]));
  const failures = new Map<Case, string>();
  for (let turn = -warmUps; turn < runs; turn += 1) {
    for (const [each, done] of all) {
      if (failures.has(each)) continue;
      const name = each.x === undefined ? each.subject : `${each.subject}, ${each.x}`;
      const which = turn < 0 ? "warm-up" : `run ${turn + 1}`;
      try {
        const run = await each.run();
        say(`  ${which}  ${name.padEnd(36)}${shortText(run.sample)}`);
        if (turn >= 0) done.push(run);
      } catch (error) {
        // One program that fails must not cost the hours that were spent on the others.
        failures.set(each, error instanceof Error ? error.message : String(error));
        say(`  ${which}  ${name.padEnd(36)}FAILED: ${failures.get(each)}`);
      }
    }
  }
  return [...all].map(([each, done]) => {
    const { subject, x } = each;
    const failed = failures.get(each);
    const point = { subject, ...(x === undefined ? {} : { x }) };
    if (failed !== undefined) return { ...point, medians: {}, samples: [], failed };
    const samples = done.map(({ sample }) => sample);
    const track = done.at(-1)?.track;
    return { ...point, medians: mediansOf(samples), samples, ...(track && { track }) };
  });
}

function mediansOf(samples: readonly Sample[]): Sample {
  const keys = Object.keys(samples[0] ?? {});
  // A number that some runs do not have, such as a time that is never told, is one of none.
  const valuesOf = (key: string): number[] => samples.map((sample) => sample[key] ?? Number.NaN);
  return Object.fromEntries(keys.map((key) => [key, median(valuesOf(key))]));
}

function shortText(sample: Sample): string {
  return Object.entries(sample)
    .map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`)
    .join("  ");
}
