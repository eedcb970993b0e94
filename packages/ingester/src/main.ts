/** The server's program. */
import { run } from "./program.ts";

const status = await run(process.argv.slice(2), process.env);
// A pipe takes 64 KiB at a time; what it has not taken yet is lost when the process exits.
process.stdout.write("", () => process.exit(status));
