import type { Confinement } from "@logdna-agent/confinement";
import { readSmallFile } from "../config/small_file.ts";
import { examine } from "../doctor/examine.ts";
import { renderReport } from "../doctor/render.ts";
import { beginAttempt, finishAttempt } from "../doctor/run_attempt.ts";
import { jsonText } from "./json_text.ts";
import { loadOrTell } from "./load_or_tell.ts";
import type { Start } from "./start.ts";
import { tellWarnings } from "./tell.ts";

/** Exit status when something that is required is missing. */
const NOT_READY_STATUS = 1;

const HELP = `Usage: logdna-agent doctor [--json] [OPTION]...

Tells, for this host and the agent's configuration, which log files need which privilege, what the agent keeps
and what it gives away, which layer enforces that, what this kernel cannot enforce, how to run the agent with
less, and the firewall rules for its destination. Takes the agent's own options, variables and files. It sends
nothing and changes nothing. Start it as the user that the agent is started as.

  --json
      Print the report as JSON.

Exit status: 0 when nothing that is required is missing, 1 when something is, 22 for a configuration with errors.
`;

/**
 * `logdna-agent doctor`.
 * @param argv the command line behind the name of the command.
 * @param confinement that of a process which is to try what it leaves.
 * @returns the exit status.
 */
export async function doctor({ argv, env }: Start, confinement?: Confinement): Promise<number> {
  if (confinement !== undefined) return finishAttempt(confinement);
  if (argv[0] === "--attempt") return beginAttempt();
  if (argv.includes("--help") || argv.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  const files = new Set<string>();
  const readFile = (path: string): string => {
    files.add(path);
    return readSmallFile(path);
  };
  const options = argv.filter((text) => text !== "--json");
  const loaded = loadOrTell({ argv: options, env, readFile, keyIsOptional: true });
  if (typeof loaded === "number") return loaded;
  tellWarnings(loaded.warnings);
  const report = await examine(loaded.config, files);
  process.stdout.write(
    argv.includes("--json")
      ? jsonText(report)
      : renderReport(report, { colours: process.stdout.isTTY === true && process.env.NO_COLOR === undefined }),
  );
  return report.verdict.problems.length === 0 ? 0 : NOT_READY_STATUS;
}
