import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { runScenario } from "./run_scenario.ts";
import { SCENARIOS } from "./scenarios.ts";

/** What a busy machine may add to a recovery; `npm run faults` holds it to its bound. */
const SLACK_MS = 15_000;

/** Scenarios mostly wait, so a few run at the same time. */
const AT_ONCE = 3;

/** A short choice of everything, with the seeds that it is run with. */
const QUICK: Readonly<Record<string, readonly number[]>> = {
  unacceptable: [1],
  "left-hanging": [1],
  certificate: [1],
  dns: [1],
  proxy: [1],
  statuses: [1],
  "slow-statuses": [1, 2, 3, 4],
  "too-large": [1],
  "lost-answers": [1],
  "poison-and-killed": [1],
  hangup: [1],
  "rotated-while-ending": [1],
  deletions: [1],
  paused: [1],
  "log-disk-full": [1],
  "state-disk-full": [1],
};

suite("faults", { concurrency: AT_ONCE }, () => {
  for (const [name, seeds] of Object.entries(QUICK)) {
    const scenario = SCENARIOS.find((candidate) => candidate.name === name);
    assert.ok(scenario !== undefined, name);
    test(`nothing is lost, repeated or out of order: ${scenario.about}`, {
      skip: scenario.lacks?.() ?? false,
    }, async (t) => {
      const verdicts = await Promise.all(seeds.map((seed) => runScenario(scenario, seed, SLACK_MS)));
      for (const { seed, violations, numbers, notes } of verdicts) {
        for (const note of notes) t.diagnostic(note);
        t.diagnostic(JSON.stringify(numbers));
        assert.deepEqual(violations, [], `replay it with: npm run faults -- --scenario ${name} --seed ${seed}`);
      }
    });
  }
});
