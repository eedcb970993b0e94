/** The server's program. */
import { run } from "./program.ts";

process.exit(await run(process.argv.slice(2), process.env));
