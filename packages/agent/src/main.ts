/** The agent's program: reads the configuration, runs, and answers signals. */
import { run } from "./commands/run.ts";

process.exitCode = await run(process.argv.slice(2), process.env);
