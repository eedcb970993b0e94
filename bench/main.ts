/** Measures the agent against other programs: `npm run bench -- --help` tells how, docs/performance.md what came of it. */
import { mkdirSync } from "node:fs";
import { bundleAgent } from "../scripts/bundle_agent.ts";
import { agentSubject } from "./agent.ts";
import { interleave } from "./interleave.ts";
import { machineText, thisMachine } from "./machine.ts";
import type { Bench, Measure } from "./measure.ts";
import { MEASURES } from "./measures/mod.ts";
import { type Options, optionsOf, USAGE } from "./options.ts";
import { installedPeers, PEER_PROGRAMS } from "./peers/mod.ts";
import { makePlace } from "./place.ts";
import { RESULTS, writeReport } from "./report.ts";
import { type Result, saveResult } from "./result.ts";
import { tableOf, terminalText } from "./tables.ts";

const USAGE_STATUS = 2;
const INTERRUPTED_STATUS = 130;
/** With more programs than this waiting for a core, numbers are those of a busy machine. */
const QUIET_LOAD = 0.3;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

// Ending by itself, it ends what it has started and removes what it has written.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(INTERRUPTED_STATUS));
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = optionsOf(args);
    const unknown = options.measures.filter((name) => !MEASURES.some((measure) => measure.name === name));
    if (unknown.length > 0) throw new Error(`There is no measure ${unknown.join(", ")}; --list tells which there are.`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return USAGE_STATUS;
  }
  if (options.help) say(USAGE);
  else if (options.list) list();
  else if (options.report) writeReport();
  else return (await measureAll(options, `npm run bench -- ${args.map(quoted).join(" ")}`)) ? 0 : 1;
  return 0;
}

function list(): void {
  for (const { name, about } of MEASURES) say(`${name.padEnd(16)}${about}`);
  const peers = installedPeers().map(({ name, version }) => `${name} (${version})`);
  say(`\nOther programs: ${peers.join(", ") || "none"} of ${PEER_PROGRAMS.join(", ")}`);
}

/** @returns whether nothing failed. */
async function measureAll(options: Options, command: string): Promise<boolean> {
  const machine = thisMachine();
  say(machineText(machine));
  if (machine.load > QUIET_LOAD) say("The machine has other work: numbers will be worse than they are, and vary.");
  const place = await makePlace();
  const program = bundleAgent(place.bundle);
  const bench: Bench = {
    place,
    quick: options.quick,
    ours: options.variants.map((variant) => agentSubject(variant, program)),
    peers: installedPeers().filter(
      ({ name }) => options.against.length === 0 || options.against.some((part) => name.includes(part)),
    ),
    megabytes: options.megabytes,
    say,
  };
  const chosen = MEASURES.filter(({ name }) => options.measures.length === 0 || options.measures.includes(name));
  const directory = options.record ? RESULTS : options.save;
  if (directory !== undefined) mkdirSync(directory, { recursive: true });
  let failures = 0;
  for (const measure of chosen) {
    const result = await run(measure, bench, options, command);
    if (directory !== undefined) saveResult(directory, { ...result, machine });
    failures += result.cases.filter(({ failed }) => failed !== undefined).length;
  }
  if (options.record) writeReport();
  if (failures > 0) say(`${failures} cases failed: see above.`);
  return failures === 0;
}

async function run(
  measure: Measure,
  bench: Bench,
  options: Options,
  command: string,
): Promise<Omit<Result, "machine">> {
  say(`\n${measure.name}: ${measure.about}`);
  const { cases, input } = await measure.prepare(bench);
  say(`  ${input}`);
  const runs = options.runs ?? (bench.quick ? 1 : measure.runs);
  const warmUps = bench.quick ? 0 : measure.warmUps;
  const result = {
    measure: measure.name,
    command,
    date: new Date().toISOString().slice(0, 10),
    quick: bench.quick,
    input,
    runs,
    subjects: [...bench.ours, ...bench.peers].map(({ name, version, work }) => ({ name, version, work })),
    cases: await interleave(cases, { runs, warmUps }, say),
  };
  say(`\n${terminalText(tableOf(measure, result))}`);
  return result;
}

function quoted(arg: string): string {
  return /^[\w./=:,-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`;
}
