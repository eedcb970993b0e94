import type { Scenario } from "./scenario.ts";
import { Scene } from "./scene.ts";
import { judge, type Verdict } from "./verdict.ts";

/**
 * Runs a scenario once and judges it.
 * @param slackMs by how much a recovery may be slower than its bound: a test measures no time.
 */
export async function runScenario(scenario: Scenario, seed: number, slackMs = 0): Promise<Verdict> {
  const begun = performance.now();
  const scene = await Scene.make(seed, scenario.setUp?.(seed));
  try {
    await scene.agent.start();
    await scenario.run(scene);
    await scene.server.heal();
    scene.agent.launch();
    await scene.settle();
    scene.agent.restarts = false;
    await scene.agent.terminate();
  } catch (error) {
    // What breaks a scenario off, such as an agent that does not start, is a violation of its own.
    scene.agent.wrong.push(
      `broken off: ${error instanceof Error ? error.message : String(error)} ${scene.agent.tail()}`,
    );
  } finally {
    await scene.close();
  }
  return judge(scenario, seed, scene, performance.now() - begun, slackMs);
}
