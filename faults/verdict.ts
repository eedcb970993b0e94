import { type LineId, lineOf } from "./ledger.ts";
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
  // Those under way, as many that were acknowledged before an earlier one, and one that waits to be written; see `Pipeline`.
  const ends = agent.numbers.abrupt + agent.numbers.reloads;
  const window = (2 * scene.maxInFlight + 1) * ends + server.lostAnswers + bounds.repeatedBatches;
  check(
    ledger.repeatedBatches <= window,
    `${ledger.repeatedBatches} batches came again; ${window} were in flight at ${ends} abrupt ends and reloads, or had lost their answer`,
  );
  check(
    ledger.storedTwice <= bounds.storedTwice,
    `${ledger.storedTwice} lines stored twice, at most ${bounds.storedTwice} may be: ${ledger.doubled.map(({ file, from, to, batch, before }) => `${file} ${from} to ${to} in ${before} and ${batch}`).join(", ")}`,
  );
  check(
    agent.numbers.peakRss <= bounds.rss,
    `${mb(agent.numbers.peakRss)} MB resident, at most ${mb(bounds.rss)} may be`,
  );
  check(
    agent.numbers.peakFds <= bounds.fds,
    `${agent.numbers.peakFds} open descriptors, at most ${bounds.fds} may be: ${agent.numbers.openAtPeak}`,
  );
  for (const wrong of wrongRefusals(scene)) check(false, wrong);
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

/**
 * Lines that the server refuses for good by their text must be in the agent's quarantine, each of them and no other, and be
 * counted. Only a kill -9 leaves something open: what is set aside and not acknowledged by then is tried once more.
 */
function wrongRefusals({ files, ledger, agent, destroyed, maxInFlight }: Scene): string[] {
  const { abrupt, refused } = agent.numbers;
  const nameOf = ({ file, number }: LineId): string => `${file} ${number}`;
  const poison = files.flatMap(({ name: file, poison: numbers }) => numbers.map((number) => ({ file, number })));
  const expected = poison.filter((line) => !ledger.has(line));
  const aside = agent.quarantined.map((text) => {
    const line = lineOf(text);
    return line === undefined ? text : nameOf(line);
  });
  const wrong: string[] = [];
  const mayBeGone = ({ file, number }: LineId): boolean =>
    destroyed.some((segment) => segment.file === file && segment.from <= number && number < segment.to);
  const untold = expected.filter((line) => !aside.includes(nameOf(line)) && !mayBeGone(line)).map(nameOf);
  if (untold.length > 0)
    wrong.push(`${untold.length} lines are refused and not in the quarantine: ${untold.slice(0, 5).join(", ")}`);
  const known = new Set((abrupt > 0 ? poison : expected).map(nameOf));
  const others = aside.filter((name) => !known.has(name));
  if (others.length > 0)
    wrong.push(
      `${others.length} lines in the quarantine that nobody refused for good: ${others.slice(0, 5).join(", ")}`,
    );
  const again = aside.length - new Set(aside).size;
  if (again > 2 * maxInFlight * abrupt) wrong.push(`${again} lines are in the quarantine again`);
  // A process that is killed does not tell its counters.
  if (abrupt > 0 ? refused > aside.length : refused !== aside.length)
    wrong.push(`the agent tells of ${refused} lines that the server refuses, ${aside.length} are in its quarantine`);
  return wrong;
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
