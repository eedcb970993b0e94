/** Faults of the machine: its disks and its clocks. */
import { spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mountAt } from "../../packages/agent/src/watch/mounting.ts";
import { answer } from "../exchange_faults.ts";
import { immutableFiles, mounts, timeNamespace } from "../lacks.ts";
import type { Scenario } from "../scenario.ts";
import { RECOVERY_MS, type Scene, type SceneOptions } from "../scene.ts";

const MAIN = fileURLToPath(new URL("../../packages/agent/src/main.ts", import.meta.url));
const CLOCK_SHIFT = fileURLToPath(new URL("../clock_shift.ts", import.meta.url));
const HOUR_MS = 3_600_000;

/** A small file system of its own for one directory of the place. */
function smallDisk(
  directory: "logs" | "state",
  size: string,
): { setUp: () => SceneOptions; release: (scene: Scene) => void } {
  let unmount: (() => Promise<void>) | undefined;
  return {
    setUp: () => ({
      prepare(place) {
        mkdirSync(place[directory], { recursive: true });
        unmount = mountAt(place[directory], "-t", "tmpfs", "-o", `size=${size},mode=755`, "tmpfs");
      },
    }),
    release: (scene) => scene.after(async () => unmount?.()),
  };
}

/** Takes all the space that is left beneath a directory; the result gives it back. */
function fill(directory: string): () => void {
  const filler = join(directory, "filler");
  try {
    for (;;) appendFileSync(filler, Buffer.alloc(4096));
  } catch {
    // The disk is full.
  }
  return () => unlinkSync(filler);
}

const stateDisk = smallDisk("state", "600k");
const stateDiskOfKilled = smallDisk("state", "600k");
const logDisk = smallDisk("logs", "1m");

/** A fault that the agent did not notice is none. */
function expectComplaint({ agent }: Scene): void {
  if (!agent.log().some(({ event }) => event === "checkpoint_failed"))
    agent.wrong.push("the agent told of no write to its state that failed: nothing was tried");
}

async function stateDiskFull(scene: Scene): Promise<void> {
  stateDisk.release(scene);
  for (let round = 0; round < 2; round += 1) {
    await scene.traffic(30);
    const release = fill(scene.place.state);
    await scene.traffic(scene.random.between(50, 200), (step) => {
      if (step % 50 === 25) scene.rotate();
    });
    await scene.recover("a full disk under the state", RECOVERY_MS, release);
  }
  expectComplaint(scene);
}

async function stateDiskFullAndKilled(scene: Scene): Promise<void> {
  stateDiskOfKilled.release(scene);
  await scene.traffic(30);
  const release = fill(scene.place.state);
  await scene.traffic(scene.random.between(50, 100));
  await scene.agent.kill();
  await scene.recover("a full disk under the state and kill -9", RECOVERY_MS, async () => {
    release();
    await scene.agent.start();
  });
}

async function stateUnwritable(scene: Scene): Promise<void> {
  const mark = (flag: "+i" | "-i"): void => {
    for (const name of readdirSync(scene.place.state)) spawnSync("chattr", [flag, join(scene.place.state, name)]);
  };
  scene.after(() => mark("-i"));
  for (let round = 0; round < 2; round += 1) {
    await scene.traffic(30);
    mark("+i");
    await scene.traffic(scene.random.between(50, 150), (step) => {
      if (step % 50 === 25) scene.rotate();
    });
    await scene.recover("writing to the state failed", RECOVERY_MS, () => mark("-i"));
  }
  expectComplaint(scene);
}

/** Programs go on writing the rest of a line, and further lines, once there is room again. */
async function logDiskFull(scene: Scene): Promise<void> {
  logDisk.release(scene);
  for (let round = 0; round < 2; round += 1) {
    await scene.traffic(20);
    if (scene.random.chance(0.5)) scene.server.inject(answer(503));
    const release = fill(scene.place.logs);
    await scene.traffic(scene.random.between(30, 100));
    release();
    await scene.recover("a full disk under the logs");
  }
}

/** The wall clock as the agent's code sees it jumps, back and forth; kill -9 in between. */
async function wallClock(scene: Scene): Promise<void> {
  const { logs } = scene.place;
  copyFileSync(CLOCK_SHIFT, join(logs, "clock_shift.mts"));
  const set = (ms: number): void => writeFileSync(join(logs, "clock_offset"), String(Math.round(ms)));
  set(0);
  scene.agent.options = {
    launcher: [
      ...[process.execPath, "--disable-warning=ExperimentalWarning", "--max-semi-space-size=1"],
      ...["--import", join(logs, "clock_shift.mts"), MAIN],
    ],
    env: { CLOCK_OFFSET_FILE: join(logs, "clock_offset") },
  };
  await scene.agent.kill();
  await scene.agent.start();
  for (let round = 0; round < 5; round += 1) {
    await scene.traffic(20);
    const hours = scene.random.pick([1 / 3600, 1, 24, 24 * 400]);
    // It may as well jump while the agent is away, with nothing under way.
    const isAway = scene.random.chance(0.5);
    if (isAway) {
      await scene.settle();
      await scene.agent.terminate();
    }
    set((scene.random.chance(0.5) ? -hours : hours) * HOUR_MS);
    if (isAway) await scene.agent.start();
    await scene.traffic(scene.random.between(10, 60), (step) => {
      if (step === 5 && scene.random.chance(0.5)) scene.rotate();
    });
    if (scene.random.chance(0.3)) await scene.crash(scene.random.between(0, 20));
    await scene.recover("the wall clock jumped");
  }
}

/** Each start has other monotonic clocks, as after the machine was started anew. */
async function monotonicClock(scene: Scene): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await scene.traffic(scene.random.between(10, 50));
    await scene.agent.kill();
    const seconds = String(scene.random.pick([0, 60, 1_000_000, 100_000_000]));
    scene.agent.options = { wrapper: ["unshare", "--time", "--monotonic", seconds, "--boottime", seconds] };
    await scene.traffic(10);
    await scene.recover("the monotonic clocks jumped", RECOVERY_MS, () => scene.agent.start());
  }
}

export const MACHINE: readonly Scenario[] = [
  {
    name: "state-disk-full",
    about: "The disk under the state is full, with rotations meanwhile.",
    lacks: mounts,
    setUp: stateDisk.setUp,
    run: stateDiskFull,
  },
  {
    name: "state-disk-full-and-killed",
    about: "The agent is killed while it cannot note what it sends: repeats are what that costs.",
    lacks: mounts,
    setUp: stateDiskOfKilled.setUp,
    run: stateDiskFullAndKilled,
    bounds: { storedTwice: 100 * 24 },
  },
  {
    name: "state-unwritable",
    about: "Every write to the state fails.",
    lacks: immutableFiles,
    run: stateUnwritable,
  },
  {
    name: "log-disk-full",
    about: "The disk under the logs is full, so that lines are cut where they are written.",
    lacks: mounts,
    setUp: logDisk.setUp,
    run: logDiskFull,
  },
  { name: "wall-clock", about: "The wall clock jumps, as the agent's code sees it.", run: wallClock },
  {
    name: "monotonic-clock",
    about: "The monotonic clocks differ from start to start.",
    lacks: timeNamespace,
    run: monotonicClock,
  },
];
