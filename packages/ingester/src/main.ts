/** The server's program: gives its power away where it serves, runs a command, and answers signals. */
import { afterConfinement, ConfinementError } from "@logdna-agent/confinement";

const START_FAILED_STATUS = 1;

async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  // First of all, also before more of the program is loaded.
  const confinement = afterConfinement(env);
  const { run } = await import("./program.ts");
  return run(argv, env, confinement);
}

const status = await main(process.argv.slice(2), process.env).catch((error: unknown) => {
  if (!(error instanceof ConfinementError)) throw error;
  process.stderr.write(`logdna-ingester: ${error.message}\n`);
  return START_FAILED_STATUS;
});
// A pipe takes 64 KiB at a time; what it has not taken yet is lost when the process exits.
process.stdout.write("", () => process.exit(status));
