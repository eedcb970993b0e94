import type { Segment } from "./log_file.ts";
import { BOUNDS, type Scenario } from "./scenario.ts";
import type { Scene } from "./scene.ts";

/** What came of one run. */
export interface Verdict {
  readonly scenario: string;
  readonly seed: number;
  /** Invariants that did not hold, each as a sentence. */
  readonly violations: readonly string[];
  readonly numbers: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
  readonly trace: readonly string[];
}

/**
 * Looks whether everything held that must hold after a run.
 * @param slackMs by how much a recovery may be slower than its bound.
 */
export function judge(scenario: Scenario, seed: number, scene: Scene, durationMs: number, slackMs: number): Verdict {
  const { ledger, server, agent, recoveries } = scene;
  const bounds = { ...BOUNDS, ...scenario.bounds };
  const missing = scene.missing();
  const inDeleted = missing.flatMap((run) => scene.destroyed.flatMap((segment) => overlap(run, segment)));
  const destroyed = count(inDeleted);
  const lost = count(missing) - destroyed;
  const violations: string[] = [...ledger.wrong, ...agent.wrong];
  const check = (holds: boolean, otherwise: string): void => {
    if (!holds) violations.push(otherwise);
  };
  check(lost === 0, `${lost} lines lost, of ${missing.slice(0, 10).map(told).join(", ")}`);
  for (const disorder of ledger.disorder().slice(0, 3)) check(false, `out of order: ${disorder}`);
  // Those under way, and as many that were acknowledged before an earlier one; see `Pipeline`.
  const window = 2 * scene.maxInFlight * agent.numbers.abrupt + server.lostAnswers;
  check(
    ledger.repeatedBatches <= window,
    `${ledger.repeatedBatches} batches came again; ${window} were in flight at ${agent.numbers.abrupt} abrupt ends or had lost their answer`,
  );
  check(
    ledger.storedTwice <= bounds.storedTwice,
    `${ledger.storedTwice} lines stored twice, at most ${bounds.storedTwice} may be: ${ledger.doubled.map(({ file, from, to, batch }) => `${file} ${from} to ${to} in ${batch}`).join(", ")}`,
  );
  check(
    agent.numbers.peakRss <= bounds.rss,
    `${mb(agent.numbers.peakRss)} MB resident, at most ${mb(bounds.rss)} may be`,
  );
  check(agent.numbers.peakFds <= bounds.fds, `${agent.numbers.peakFds} open descriptors, at most ${bounds.fds} may be`);
  const poison = scene.files
    .flatMap((file) => file.poison.map((number) => ({ file: file.name, number })))
    .filter((line) => !ledger.has(line)).length;
  check(
    agent.numbers.abrupt > 0 || agent.numbers.refused === poison,
    `the agent tells of ${agent.numbers.refused} lines that the server refuses, ${poison} are`,
  );
  check(server.trapped === 0, `${server.trapped} connections followed a redirect`);
  for (const { after, ms, boundMs, lateMs } of recoveries)
    check(
      ms <= boundMs + lateMs + slackMs,
      `a line took ${Math.round(ms)} ms after ${after}, at most ${boundMs} ms may be (timers here were ${Math.round(lateMs)} ms late meanwhile)`,
    );
  return {
    scenario: scenario.name,
    seed,
    violations,
    notes: scene.notes,
    trace: scene.trace,
    numbers: {
      lines: scene.files.reduce((sum, { written }) => sum + written, 0),
      lost,
      destroyed,
      "stored twice": ledger.storedTwice,
      "repeated batches": ledger.repeatedBatches,
      requests: server.requests,
      starts: agent.numbers.starts,
      "start ms": Math.round(agent.numbers.slowestStart),
      "recovery ms": Math.round(Math.max(0, ...recoveries.map(({ ms }) => ms))),
      "RSS MB": mb(agent.numbers.peakRss),
      fds: agent.numbers.peakFds,
      s: Math.round(durationMs / 100) / 10,
    },
  };
}

function overlap(a: Segment, b: Segment): Segment[] {
  const [from, to] = [Math.max(a.from, b.from), Math.min(a.to, b.to)];
  return a.file === b.file && from < to ? [{ file: a.file, from, to }] : [];
}

function count(segments: readonly Segment[]): number {
  return segments.reduce((sum, { from, to }) => sum + to - from, 0);
}

function told({ file, from, to }: Segment): string {
  return `${file} ${from} to ${to - 1}`;
}

function mb(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
