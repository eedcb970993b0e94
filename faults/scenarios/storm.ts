/** Everything at once, in an order that only the seed knows. */
import { CONNECTION_FAULTS, type ConnectionFaultName } from "../connection_faults.ts";
import { answer, EXCHANGE_FAULTS, type ExchangeFaultName, waitAfter } from "../exchange_faults.ts";
import type { Scenario } from "../scenario.ts";
import { RECOVERY_MS, type Scene, SHUTDOWN_MS } from "../scene.ts";

const ROUNDS = 8;

async function storm(scene: Scene): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { fault, boundMs } = await injectAny(scene);
    const ends = scene.random.pick(["not", "not", "kill", "terminate", "pause", "hang up"] as const);
    const at = scene.random.between(5, 40);
    await scene.traffic(scene.random.between(40, 120), async (step) => {
      if (scene.random.chance(0.04)) scene.rotate();
      if (scene.random.chance(0.01) && scene.agent.isRunning && ends === "not") await scene.delete();
      if (step !== at) return;
      if (ends === "kill") await scene.agent.kill();
      if (ends === "terminate") await scene.agent.terminate();
      if (ends === "pause") scene.agent.pause();
      if (ends === "hang up") scene.agent.hangUp();
      // What was deleted before may be gone with the process.
      if (ends === "kill" || ends === "terminate") scene.noteDestroyed();
    });
    // It may have to end first, without an answer.
    const bound = boundMs + (ends === "hang up" ? SHUTDOWN_MS : 0);
    await scene.recover(`${fault}, ${ends === "not" ? "" : `${ends}, `}and rotations`, bound, async () => {
      await scene.server.heal();
      if (ends === "pause") scene.agent.resume();
      else await scene.agent.start();
    });
  }
}

/** @returns what goes wrong now, and how long after its end lines may take to arrive. */
export async function injectAny({ random, server }: Scene): Promise<{ fault: string; boundMs: number }> {
  const kind = random.pick(["refuse", "connection", "exchange", "exchange", "status"] as const);
  if (kind === "refuse") {
    await server.refuse();
    return { fault: "refused", boundMs: RECOVERY_MS };
  }
  if (kind === "connection") {
    // Object.keys gives strings; these are the very keys of the table.
    const fault = random.pick(Object.keys(CONNECTION_FAULTS) as ConnectionFaultName[]);
    server.injectConnection(fault);
    return { fault, boundMs: RECOVERY_MS };
  }
  const share = random.pick([1, 0.5, 0.2]);
  if (kind === "status") {
    const status = random.pick([408, 429, 500, 502, 503, 504]);
    server.inject(answer(status), share);
    return { fault: `status ${status}`, boundMs: RECOVERY_MS };
  }
  const fault = random.pick(Object.keys(EXCHANGE_FAULTS) as ExchangeFaultName[]);
  server.inject(EXCHANGE_FAULTS[fault], share);
  return { fault, boundMs: RECOVERY_MS + waitAfter(EXCHANGE_FAULTS[fault]) };
}

export const STORM: readonly Scenario[] = [
  {
    name: "storm",
    about:
      "Faults of the network, of exchanges and of the process in any order, with rotations and deletions all the time.",
    run: storm,
  },
];
