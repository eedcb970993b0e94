import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentLife, fromBeginning, type Lookback, type UnknownFile } from "./first_position.ts";

const NOW = 1_000_000_000;
const LIFE: AgentLife = { startedAt: NOW, lastAlive: NOW - 60_000 };
const FIRST_LIFE: AgentLife = { startedAt: NOW, lastAlive: undefined };
const LATER_CLOCK: AgentLife = { startedAt: NOW, lastAlive: NOW + 3_600_000 };
const OLD: UnknownFile = { size: 10_000, bornAt: NOW - 90_000, changedAt: NOW - 10, appeared: false, succeeds: false };

const CASES: readonly (readonly [string, AgentLife, Partial<UnknownFile>, readonly Lookback[]])[] = [
  ["an old file", LIFE, {}, ["start"]],
  ["an old file, on the first run", FIRST_LIFE, {}, ["start"]],
  ["a small old file", LIFE, { size: 8191 }, ["start", "smallfiles"]],
  ["a file born while nobody looked", LIFE, { bornAt: NOW - 30_000 }, ["start", "smallfiles", "resume"]],
  ["an old file under a name that another one had", LIFE, { succeeds: true }, ["start", "smallfiles", "resume"]],
  ["an old file, where the clock was put back since the last run", LATER_CLOCK, {}, ["start", "smallfiles", "resume"]],
  ["a file born since the start", LIFE, { bornAt: NOW + 1 }, ["start", "smallfiles", "resume", "tail", "none"]],
  ["a file that appeared", LIFE, { appeared: true }, ["start", "smallfiles", "resume", "tail", "none"]],
  ["a file of unknown birth, changed while nobody looked", LIFE, { bornAt: 0 }, ["start", "smallfiles", "resume"]],
];

for (const [what, life, file, expected] of CASES) {
  test(`${what} is read from its beginning with: ${expected.join(", ")}`, () => {
    const all: readonly Lookback[] = ["start", "smallfiles", "resume", "tail", "none"];
    assert.deepEqual(
      all.filter((lookback) => fromBeginning(lookback, { ...OLD, ...file }, life)),
      expected,
    );
  });
}
