import assert from "node:assert/strict";
import { test } from "node:test";
import { runScenario } from "./run_scenario.ts";
import { SCENARIOS } from "./scenarios.ts";

/** What a busy machine may add to a recovery; `npm run faults` holds it to its bound. */
const SLACK_MS = 15_000;

/** A short choice of everything, with the seeds that it is run with. */
const QUICK: Readonly<Record<string, number>> = {
  unacceptable: 1,
  "left-hanging": 1,
  certificate: 1,
  dns: 1,
  statuses: 1,
  "too-large": 1,
  "lost-answers": 1,
  deletions: 1,
  paused: 1,
  "log-disk-full": 1,
  "state-disk-full": 1,
};

for (const [name, seed] of Object.entries(QUICK)) {
  const scenario = SCENARIOS.find((candidate) => candidate.name === name);
  assert.ok(scenario !== undefined, name);
  test(`nothing is lost, repeated or out of order: ${scenario.about}`, {
    skip: scenario.lacks?.() ?? false,
  }, async (t) => {
    const { violations, numbers, notes } = await runScenario(scenario, seed, SLACK_MS);
    for (const note of notes) t.diagnostic(note);
    t.diagnostic(JSON.stringify(numbers));
    assert.deepEqual(violations, [], `replay it with: npm run faults -- --scenario ${name} --seed ${seed}`);
  });
}
