/** The agent's program: gives its power away, reads the configuration, runs, and answers signals. */
import { afterConfinement, ConfinementError, giveUpForeignFunctions } from "@logdna-agent/confinement";
import { type Start, startOf } from "./commands/start.ts";
import { isAttempt } from "./doctor/attempt.ts";
import { inotifyCalls } from "./watch/inotify_calls.ts";

const START_FAILED_STATUS = 1;

async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  // First of all, also before more of the program is loaded.
  const confinement = afterConfinement(env);
  if (confinement === undefined ? argv[0] === "doctor" : isAttempt(confinement)) {
    const { doctor } = await import("./commands/doctor.ts");
    return doctor({ argv: argv.slice(1), env }, confinement);
  }
  if (confinement === undefined && argv[0] === "status") {
    const { status } = await import("./commands/status.ts");
    return status({ argv: argv.slice(1), env });
  }
  if (confinement === undefined && argv[0] === "config") {
    const { config } = await import("./commands/config.ts");
    return config({ argv: argv.slice(1), env });
  }
  if (confinement === undefined && argv[0] === "preview") {
    const { preview } = await import("./commands/preview.ts");
    return preview({ argv: argv.slice(1), env });
  }
  const unconfined = confinement === undefined ? await confined({ argv, env }) : undefined;
  const { run } = await import("./commands/run.ts");
  const { ServiceManager } = await import("./notify/service_manager.ts");
  const { connectNotifySocket, notifySocketOf } = await import("./notify/notify_socket.ts");
  const socket = confinement === undefined ? connectNotifySocket(env) : notifySocketOf(confinement);
  // All that is called of the C library is bound from here on.
  inotifyCalls();
  giveUpForeignFunctions();
  const manager = new ServiceManager(socket, env);
  return run(startOf(confinement, argv, env), confinement ?? unconfined, manager);
}

/** Does not come back where the agent is confined. @returns why it is not. */
async function confined(start: Start): Promise<string | undefined> {
  const { confineAgent } = await import("./commands/confine_agent.ts");
  return confineAgent(start);
}

try {
  process.exitCode = await main(process.argv.slice(2), process.env);
} catch (error) {
  if (!(error instanceof ConfinementError)) throw error;
  process.stderr.write(`logdna-agent: ${error.message}\n`);
  process.exitCode = START_FAILED_STATUS;
}
