/**
 * The fault harness: `npm run faults -- [--scenario NAME]… [--seed N] [--runs N] [--verbose] [--list] [--table] [--soak MINUTES]`; see docs/faults.md.
 *
 * Each run is one line; the end is 1 when an invariant did not hold in one of them.
 */
import { parseArgs } from "node:util";
import { runScenario } from "./run_scenario.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { soak, soakText } from "./soak.ts";
import { measureTable } from "./table.ts";
import type { Verdict } from "./verdict.ts";

const USAGE_STATUS = 2;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { values } = parsed();

process.exit(await main());

function parsed() {
  try {
    return parseArgs({
      options: {
        seed: { type: "string", default: "1" },
        runs: { type: "string", default: "1" },
        scenario: { type: "string", multiple: true, default: [] },
        verbose: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        table: { type: "boolean", default: false },
        soak: { type: "string" },
      },
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error} See docs/faults.md.\n`);
    process.exit(USAGE_STATUS);
  }
}

async function main(): Promise<number> {
  if (values.list) {
    for (const { name, about } of SCENARIOS) say(`${name.padEnd(28)}${about}`);
    return 0;
  }
  if (values.table) return (await measureTable(say)) ? 0 : 1;
  if (values.soak !== undefined) return soakFor(Number(values.soak), Number(values.seed));
  const chosen = SCENARIOS.filter(({ name }) => values.scenario.length === 0 || values.scenario.includes(name));
  const unknown = values.scenario.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  const [seed, runs] = [Number(values.seed), Number(values.runs)];
  if (unknown.length > 0 || !Number.isSafeInteger(seed) || !Number.isSafeInteger(runs)) {
    process.stderr.write(
      unknown.length > 0
        ? `There is no scenario ${unknown.join(", ")}; npm run faults -- --list tells which there are.\n`
        : "--seed and --runs take whole numbers.\n",
    );
    return USAGE_STATUS;
  }
  return runAll(chosen, seed, runs);
}

async function soakFor(minutes: number, seed: number): Promise<number> {
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
    process.stderr.write("--soak takes a number of minutes, and --seed a whole number.\n");
    return USAGE_STATUS;
  }
  const result = await soak(minutes, seed, say);
  tell(result.verdict);
  say(`\n${soakText(result)}`);
  return result.verdict.violations.length === 0 ? 0 : 1;
}

async function runAll(scenarios: readonly Scenario[], firstSeed: number, runs: number): Promise<number> {
  const verdicts: Verdict[] = [];
  let skipped = 0;
  for (const scenario of scenarios) {
    const lacks = scenario.lacks?.();
    if (lacks !== undefined) {
      skipped += 1;
      say(`- ${scenario.name}: skipped, it ${lacks}`);
      continue;
    }
    for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
      const verdict = await runScenario(scenario, seed);
      verdicts.push(verdict);
      tell(verdict);
    }
  }
  const failed = verdicts.filter(({ violations }) => violations.length > 0);
  const highest = (name: string): number => Math.max(0, ...verdicts.map(({ numbers }) => numbers[name] ?? 0));
  const sum = (name: string): number => verdicts.reduce((total, { numbers }) => total + (numbers[name] ?? 0), 0);
  say(
    `\n${verdicts.length} runs, ${failed.length} failed, ${skipped} scenarios skipped. ${sum("lines")} lines written, ${sum("lost")} lost, ${sum("destroyed")} destroyed with deleted files, ${sum("stored twice")} stored twice, ${sum("repeated batches")} batches repeated under their ids; recovery within ${highest("recovery ms")} ms, RSS at most ${highest("RSS MB")} MB, at most ${highest("fds")} descriptors.`,
  );
  if (failed.length > 0) say("\nTo run those that failed again:");
  for (const { scenario, seed } of failed) say(`  npm run faults -- --scenario ${scenario} --seed ${seed}`);
  return failed.length === 0 ? 0 : 1;
}

function tell({ scenario, seed, violations, numbers, notes, trace }: Verdict): void {
  if (values.verbose) for (const line of trace) say(`    ${line}`);
  const told = Object.entries(numbers).map(([name, value]) => `${name} ${value}`);
  say(`${violations.length === 0 ? "✔" : "✖"} ${scenario} seed ${seed}: ${told.join(", ")}`);
  for (const violation of violations) say(`    ✖ ${violation}`);
  for (const note of notes) say(`    ${note}`);
}
