import { readdirSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { Scenario } from "./scenario.ts";
import { injectAny } from "./scenarios/storm.ts";
import { RECOVERY_MS, Scene } from "./scene.ts";
import { judge, type Verdict } from "./verdict.ts";

const SAMPLE_MS = 1000;
/** A program that has just started grows: what it takes then says nothing about a leak. */
const WARM_UP_SHARE = 1 / 6;
/** Steps of writing for each second. */
const STEPS_A_SECOND = 100;
/** A rotation every other second: what is overwritten by one is long stored. */
const ROTATION_CHANCE = 1 / 200;
const DELETION_CHANCE = 1 / 1000;

const SOAK: Scenario = {
  name: "soak",
  about: "One process through random faults of network, exchanges and scheduling, with rotations and deletions.",
  run: async () => undefined,
};

/** One look at the process. */
interface Sample {
  /** Seconds since the start. */
  readonly at: number;
  /** Bytes (`VmRSS` of proc_pid_status(5)). */
  readonly rss: number;
  readonly fds: number;
}

/** What a soak came to. */
export interface SoakResult {
  readonly verdict: Verdict;
  readonly faults: number;
  /** How fast memory grows after the warm-up, by least squares, in bytes an hour. */
  readonly rssSlope: number;
  /** Medians of the first and of the last third after the warm-up. */
  readonly rss: readonly [number, number];
  readonly fds: readonly [number, number];
}

/**
 * One process of the agent under random faults for so many minutes. It is stopped and continued, and never ended, so that
 * what it takes can be followed; ends of the process are the matter of the other scenarios.
 * @param say told about each minute.
 */
export async function soak(minutes: number, seed: number, say: (text: string) => void): Promise<SoakResult> {
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  const scene = await Scene.make(seed, { tls: true, files: 4 });
  const samples: Sample[] = [];
  const sampler = setInterval(() => samples.push(...sampleOf(scene.agent.pid, seconds())), SAMPLE_MS);
  let faults = 0;
  try {
    await scene.agent.start();
    for (let minute = 0; seconds() < minutes * 60; faults += 1) {
      await round(scene);
      if (seconds() / 60 < minute + 1) continue;
      minute = Math.floor(seconds() / 60);
      const last = samples.at(-1);
      say(
        `${minute} min: ${scene.ledger.size} lines stored, ${faults} faults, RSS ${mb(last?.rss ?? 0)} MB, ${last?.fds} descriptors`,
      );
    }
    await scene.settle();
    clearInterval(sampler);
    await scene.agent.terminate();
  } catch (error) {
    scene.agent.wrong.push(`broken off: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    clearInterval(sampler);
    await scene.close();
  }
  const steady = samples.filter(({ at }) => at > minutes * 60 * WARM_UP_SHARE);
  const third = Math.ceil(steady.length / 3);
  const ends = (of: (sample: Sample) => number): [number, number] => [
    median(steady.slice(0, third).map(of)),
    median(steady.slice(-third).map(of)),
  ];
  return {
    verdict: judge(SOAK, seed, scene, performance.now() - begun, 0),
    faults,
    rssSlope: slope(steady.map(({ at, rss }) => [at / 3600, rss])),
    rss: ends(({ rss }) => rss),
    fds: ends(({ fds }) => fds),
  };
}

/** The result as it stands in docs/reliability.md. */
export function soakText({ verdict, faults, rssSlope, rss, fds }: SoakResult): string {
  const { numbers } = verdict;
  return [
    "| | |",
    "|---|---|",
    `| Time, faults | ${Math.round((numbers.s ?? 0) / 60)} min, ${faults} |`,
    `| Lines written, lost, stored twice | ${numbers.lines}, ${numbers.lost}, ${numbers["stored twice"]} |`,
    `| Requests, batches sent again under their ids | ${numbers.requests}, ${numbers["repeated batches"]} |`,
    `| Longest recovery | ${numbers["recovery ms"]} ms |`,
    `| RSS, median of the first and of the last third after the warm-up | ${mb(rss[0])} MB, ${mb(rss[1])} MB |`,
    `| RSS, slope (least squares); peak | ${mb(rssSlope)} MB an hour; ${numbers["RSS MB"]} MB |`,
    `| Descriptors, medians of the same; most | ${fds[0]}, ${fds[1]}; ${numbers.fds} |`,
  ].join("\n");
}

/** One fault, and a calm after it; how long either takes, the seed says. */
async function round(scene: Scene): Promise<void> {
  const { random, agent } = scene;
  const { fault, boundMs } = random.chance(0.1) ? { fault: "none", boundMs: RECOVERY_MS } : await injectAny(scene);
  const pauses = random.chance(0.15);
  if (pauses) agent.pause();
  // Most are short, and some long.
  await wander(scene, random.pick([1, 1, 2, 3, 5, 10, 20]), !pauses);
  await scene.recover(`${fault}${pauses ? ", stopped" : ""}`, boundMs, async () => {
    await scene.server.heal();
    if (pauses) agent.resume();
  });
  await wander(scene, random.pick([1, 2, 5]), true);
}

async function wander(scene: Scene, seconds: number, deletes: boolean): Promise<void> {
  await scene.traffic(seconds * STEPS_A_SECOND, async () => {
    if (scene.random.chance(ROTATION_CHANCE)) scene.rotate();
    if (deletes && scene.random.chance(DELETION_CHANCE)) await scene.delete();
  });
}

function sampleOf(pid: number, at: number): Sample[] {
  try {
    const rss = Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
    return [{ at, rss, fds: readdirSync(`/proc/${pid}/fd`).length }];
  } catch {
    return [];
  }
}

/** By least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const products = points.map(([x, y]) => (x - mx) * (y - my)).reduce((a, b) => a + b, 0);
  const squares = points.map(([x]) => (x - mx) ** 2).reduce((a, b) => a + b, 0);
  return squares === 0 ? 0 : products / squares;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function mb(bytes: number): number {
  return Math.round((bytes / 1024 / 1024) * 10) / 10;
}
