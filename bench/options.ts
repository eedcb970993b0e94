/** What `npm run bench` is told on its command line. */
import { parseArgs } from "node:util";
import type { AgentVariant } from "./agent.ts";

export const USAGE = `npm run bench -- [MEASURE]… [OPTION]…

Measures each of the measures, or all of them, and prints tables.

  --list                   the measures, and the other programs that are looked for on PATH
  --quick                  small sizes and one run, to see that everything works; its numbers mean nothing
  --runs N                 counted runs of each case
  --megabytes N            size of the input, where the measure ships one
  --against NAME           only other programs whose name has this; several times for several; "none" for none
  --agent-env NAME=VALUE   a setting of the agent in all its runs; several times for several
  --variant NAME:A=B C=D   the agent once more, with these settings, in turn with the others; several times for several
  --program NAME:PATH      the agent once more, by another bundle's main.mjs, as of another version
  --save DIRECTORY         writes the results there, as JSON
  --record                 writes them to bench/results and docs/performance.md
  --report                 writes docs/performance.md from bench/results, and measures nothing
`;

export interface Options {
  readonly measures: readonly string[];
  readonly list: boolean;
  readonly quick: boolean;
  readonly record: boolean;
  readonly report: boolean;
  readonly help: boolean;
  readonly save: string | undefined;
  readonly runs: number | undefined;
  readonly megabytes: number | undefined;
  readonly against: readonly string[];
  readonly variants: readonly AgentVariant[];
}

/** @throws {Error} when something of it makes no sense. */
export function optionsOf(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      list: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      save: { type: "string" },
      runs: { type: "string" },
      megabytes: { type: "string" },
      against: { type: "string", multiple: true, default: [] },
      "agent-env": { type: "string", multiple: true, default: [] },
      variant: { type: "string", multiple: true, default: [] },
      program: { type: "string", multiple: true, default: [] },
    },
  });
  const always = assignments(values["agent-env"]);
  const usual = { name: "this agent", env: always };
  const { list, quick, record, report, help, save, against } = values;
  if (quick && record) throw new Error("--quick makes no numbers that could be recorded.");
  return {
    ...{ measures: positionals, list, quick, record, report, help, save, against },
    runs: positive("--runs", values.runs),
    megabytes: positive("--megabytes", values.megabytes),
    variants: [
      usual,
      ...values.variant.map((text) => {
        const { name, rest } = named("--variant", text);
        return { name: `${usual.name}, ${name}`, env: { ...always, ...assignments(rest.split(" ").filter(Boolean)) } };
      }),
      ...values.program.map((text) => {
        const { name, rest } = named("--program", text);
        return { name: `${usual.name}, ${name}`, env: always, program: rest };
      }),
    ],
  };
}

function assignments(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new Error(`"${text}" is no setting: it has to be NAME=VALUE.`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function named(option: string, text: string): { name: string; rest: string } {
  const at = text.indexOf(":");
  if (at < 1) throw new Error(`${option} "${text}" has no name: it has to be NAME:….`);
  return { name: text.slice(0, at), rest: text.slice(at + 1) };
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!(number > 0)) throw new Error(`${option} takes a number above 0, not "${text}".`);
  return number;
}
