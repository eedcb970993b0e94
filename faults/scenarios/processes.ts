/** Faults of the agent's own process, and rotations meanwhile. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { answer, EXCHANGE_FAULTS } from "../exchange_faults.ts";
import { memoryGroup } from "../lacks.ts";
import { MemoryGroup } from "../memory_group.ts";
import type { Scenario } from "../scenario.ts";
import { COMPRESSING, RECOVERY_MS, type Rotation, type Scene, SHUTDOWN_MS } from "../scene.ts";

async function killed(scene: Scene, ways?: readonly Rotation[]): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    if (scene.random.chance(0.5)) scene.server.inject(EXCHANGE_FAULTS.slow_answer, 0.5);
    await scene.traffic(scene.random.between(5, 60), (step) => {
      if (step % 25 === 10) scene.rotate(ways);
    });
    await scene.agent.kill();
    await scene.traffic(scene.random.between(0, 30), (step) => {
      if (step === 10) scene.rotate(ways);
    });
    await scene.recover("kill -9", RECOVERY_MS, async () => {
      await scene.server.heal();
      await scene.agent.start();
    });
  }
}

async function terminated(scene: Scene, ways?: readonly Rotation[]): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    const isDown = scene.random.chance(0.5);
    await scene.traffic(scene.random.between(5, 40));
    if (isDown) scene.random.chance(0.5) ? await scene.server.refuse() : scene.server.inject(answer(503));
    await scene.traffic(scene.random.between(5, 40));
    await scene.agent.terminate();
    await scene.traffic(scene.random.between(0, 30), (step) => {
      if (step === 10) scene.rotate(ways);
    });
    await scene.recover("SIGTERM", RECOVERY_MS, async () => {
      await scene.server.heal();
      await scene.agent.start();
    });
  }
}

async function paused(scene: Scene, ways?: readonly Rotation[]): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await scene.traffic(scene.random.between(5, 40));
    scene.agent.pause();
    await scene.traffic(scene.random.between(20, 200), (step) => {
      if (step % 50 === 25) scene.rotate(ways);
    });
    await scene.recover("SIGSTOP", RECOVERY_MS, () => scene.agent.resume());
  }
}

/** SIGHUP under traffic, with rotations, also while the server is down. */
async function hangup(scene: Scene): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    await scene.traffic(scene.random.between(5, 40));
    const fault = scene.random.pick(["none", "none", "refuse", "status", "slow"] as const);
    if (fault === "refuse") await scene.server.refuse();
    if (fault === "status") scene.server.inject(answer(503));
    if (fault === "slow") scene.server.inject(EXCHANGE_FAULTS.slow_answer, 0.5);
    const at = scene.random.between(5, 20);
    await scene.traffic(scene.random.between(30, 80), (step) => {
      if (step % 15 === 10) scene.rotate();
      if (step === at) scene.agent.hangUp();
    });
    // It may have to wait for answers first.
    await scene.recover("SIGHUP", RECOVERY_MS + SHUTDOWN_MS);
  }
}

/** Logs are rotated and written between the signal and the end of what it ends: each once, from that moment on. */
async function rotatedWhileEnding(scene: Scene): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    await scene.traffic(scene.random.between(5, 30));
    if (scene.random.chance(0.5)) scene.server.inject(EXCHANGE_FAULTS.slow_answer, 0.5);
    const first = scene.random.between(0, 8);
    const meanwhile = (): Promise<void> =>
      scene.traffic(first + scene.files.length + scene.random.between(0, 5), (step) => {
        const file = scene.files[step - first];
        if (file !== undefined) scene.rotate(undefined, file);
      });
    if (round % 3 === 2) {
      scene.agent.hangUp();
      await meanwhile();
      await scene.recover("rotations within SIGHUP", RECOVERY_MS + SHUTDOWN_MS);
    } else {
      await scene.agent.terminate(meanwhile);
      await scene.recover("rotations within SIGTERM", RECOVERY_MS, async () => {
        await scene.server.heal();
        await scene.agent.start();
      });
    }
  }
}

/** Something else in the agent's control group takes all memory, so that the kernel kills the agent. */
async function outOfMemory(scene: Scene): Promise<void> {
  const group = new MemoryGroup(GROUP_BYTES);
  scene.after(() => group.remove());
  scene.agent.options = { wrapper: group.wrapper(true) };
  await scene.agent.kill();
  await scene.agent.start();
  scene.agent.restarts = true;
  for (let round = 0; round < 2; round += 1) {
    await scene.traffic(scene.random.between(10, 50));
    const { starts } = scene.agent.numbers;
    const [command = "sh", ...args] = [...group.wrapper(false), "sh", "-c", HOG];
    const hog = spawn(command, args, { stdio: "ignore" });
    const ended = once(hog, "exit");
    // It ends soon, and the end of the agent is noticed soon after it happened.
    for (let step = 0; step < 1000 && scene.agent.numbers.starts === starts; step += 1) await scene.traffic(1);
    await ended;
    if (scene.agent.numbers.starts === starts)
      scene.agent.wrong.push("the kernel did not kill the agent: nothing was tried");
    await scene.recover("running out of memory", RECOVERY_MS, () => scene.agent.start());
  }
}

const GROUP_BYTES = 150 * 1024 * 1024;
/** Holds nearly all memory of the group for a moment. */
const HOG = "head -c 145m /dev/zero | tail";

async function rotations(scene: Scene, ways?: readonly Rotation[]): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await scene.traffic(10);
    scene.random.chance(0.5) ? await scene.server.refuse() : scene.server.inject(answer(503));
    await scene.traffic(scene.random.between(40, 150), (step) => {
      if (step % 20 === 10) scene.rotate(ways);
    });
    await scene.recover("rotations during an outage");
  }
}

async function deletions(scene: Scene): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await scene.traffic(10);
    scene.server.inject(answer(503));
    await scene.traffic(60, async (step) => {
      if (step % 20 === 10) await scene.delete();
    });
    await scene.recover("deletions during an outage");
  }
}

async function deletedAndKilled(scene: Scene): Promise<void> {
  await scene.traffic(10);
  scene.server.inject(answer(503));
  await scene.traffic(60, async (step) => {
    if (step % 20 === 10) await scene.delete();
  });
  await scene.crash(10);
  await scene.recover("deletions and kill -9");
}

/** Long enough after a deletion for the rest of the file to be copied to disk. */
const SPOOLED_STEPS = 500;

/** As before, but long after the deletions: what was in these files is on disk by then, and none of it may be lost. */
async function deletedLongBeforeKilled(scene: Scene): Promise<void> {
  await scene.traffic(10);
  scene.server.inject(answer(503));
  await scene.traffic(60, async (step) => {
    if (step % 20 === 10) await scene.delete();
  });
  await scene.traffic(SPOOLED_STEPS);
  await scene.agent.kill();
  await scene.traffic(10);
  await scene.recover("deletions and, later, kill -9", RECOVERY_MS, async () => {
    await scene.server.heal();
    await scene.agent.start();
  });
}

export const PROCESSES: readonly Scenario[] = [
  {
    name: "killed",
    about: "kill -9 at random moments, with rotations before and after.",
    run: (scene) => killed(scene),
  },
  { name: "terminated", about: "SIGTERM, also while the server is down.", run: (scene) => terminated(scene) },
  { name: "paused", about: "SIGSTOP and SIGCONT, with rotations meanwhile.", run: (scene) => paused(scene) },
  { name: "hangup", about: "SIGHUP under traffic, with rotations, also while the server is down.", run: hangup },
  {
    name: "rotated-while-ending",
    about: "Rotations between SIGTERM or SIGHUP and the end of what it ends.",
    run: rotatedWhileEnding,
  },
  {
    name: "out-of-memory",
    about: "The kernel kills the agent because its control group has no memory left.",
    lacks: memoryGroup,
    run: outOfMemory,
  },
  { name: "rotations", about: "Rotations while the server is down.", run: (scene) => rotations(scene) },
  {
    name: "compressed-rotations",
    about: "Rotations with compression while the server is down.",
    run: (scene) => rotations(scene, COMPRESSING),
  },
  {
    name: "compressed-and-killed",
    about: "kill -9, with rotations with compression before and after.",
    run: (scene) => killed(scene, COMPRESSING),
  },
  {
    name: "compressed-and-terminated",
    about: "SIGTERM, with rotations with compression while the agent is away.",
    run: (scene) => terminated(scene, COMPRESSING),
  },
  {
    name: "compressed-and-paused",
    about: "SIGSTOP, with rotations with compression meanwhile.",
    run: (scene) => paused(scene, COMPRESSING),
  },
  { name: "deletions", about: "Files are deleted while the server is down.", run: deletions },
  {
    name: "deleted-and-killed",
    about: "Files are deleted while the server is down, and then the agent is killed.",
    run: deletedAndKilled,
  },
  {
    name: "deleted-long-before-killed",
    about: "Files are deleted while the server is down, and some seconds later the agent is killed.",
    run: deletedLongBeforeKilled,
  },
];
