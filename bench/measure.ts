/** What a measurement is: cases that are run in turn, each of which gives numbers. */
import type { Corpus } from "./corpus.ts";
import type { Place } from "./place.ts";
import type { MemoryAt } from "./process_cost.ts";
import type { Subject } from "./subject.ts";

/** Numbers of one run, by the names of metrics. */
export type Sample = Readonly<Record<string, number>>;

/** A number that runs give. */
export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** Which is better; with it the table says how many times better the first case is. */
  readonly better?: "more" | "less";
}

/** One thing that is run again and again. */
export interface Case {
  readonly subject: string;
  /** The point on the axis of a measure that has several for each subject. */
  readonly x?: number;
  run(): Promise<Run>;
}

export interface Run {
  readonly sample: Sample;
  /** Memory over the time of the run, where that is shown. */
  readonly track?: readonly MemoryAt[];
}

/** What all cases of a measure may use. */
export interface Bench {
  readonly place: Place;
  /** Whether the sizes are those that show that everything works, rather than those of numbers that count. */
  readonly quick: boolean;
  /** The agent in the ways that were asked for, the usual one first. */
  readonly ours: readonly Subject[];
  readonly peers: readonly Subject[];
  /** Megabytes that were asked for, instead of a measure's own. */
  readonly megabytes: number | undefined;
  say(text: string): void;
}

export interface Measure {
  readonly name: string;
  readonly about: string;
  /** What stands above the column of `x`. */
  readonly axis?: string;
  readonly metrics: readonly Metric[];
  readonly chart: Chart;
  /** Counted runs of each case, and runs before that are not counted. */
  readonly runs: number;
  readonly warmUps: number;
  /** Prepares what is to be shipped. @returns the cases, and what of the preparation the report tells. */
  prepare(bench: Bench): Promise<Prepared>;
}

interface Prepared {
  readonly cases: readonly Case[];
  /** What was shipped, in words. */
  readonly input: string;
}

/** How the result is drawn: bars of a metric, lines of it over `x`, or memory over time. */
type Chart =
  | { readonly kind: "bars"; readonly metric: string }
  | { readonly kind: "lines"; readonly metric: string; readonly scale: "log" | "linear" }
  | { readonly kind: "tracks" };

/** The size of a measure's input in bytes. */
export function sizeOf(bench: Bench, full: number, quick: number): number {
  return (bench.megabytes ?? (bench.quick ? quick : full)) * 1e6;
}

export function inputText({ bytes, lines }: Corpus): string {
  return `${(bytes / 1e6).toFixed(1)} MB, ${lines.toLocaleString("en")} ${lines === 1 ? "line" : "lines"}`;
}
