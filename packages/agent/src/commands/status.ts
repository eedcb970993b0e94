import { statfsSync } from "node:fs";
import { readStatus } from "../status/read_status.ts";
import { renderStatus } from "../status/render.ts";
import type { StatusReport } from "../status/report.ts";
import { printableJson } from "../telemetry/printable.ts";
import { loadOrTell } from "./load_or_tell.ts";
import type { Start } from "./start.ts";

/** Exit status for a program that is not running: Linux Standard Base, "Init Script Actions". */
const NOT_RUNNING_STATUS = 3;
/** Exit status where it is not known whether it runs: the same. */
const UNKNOWN_STATUS = 4;

const HELP = `Usage: logdna-agent status [--json] [OPTION]...

Shows how the running agent is: what it ships to, its last error, the files that it follows, what is still to be
read of them, and what became of every byte that was read. Takes the agent's own options, variables and files, to
find its state directory; start it as root or as the agent's user.

  --json
      Print it as JSON.

Exit status: 0 when the agent runs, 3 when it does not, 4 when that cannot be told, 22 for a configuration with errors.
`;

/** `logdna-agent status`. @param argv the command line behind the name of the command. @returns the exit status. */
export function status({ argv, env }: Start): number {
  if (argv.includes("--help") || argv.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  const options = argv.filter((text) => text !== "--json");
  const loaded = loadOrTell({ argv: options, env, keyIsOptional: true });
  if (typeof loaded === "number") return loaded;
  const { dbPath } = loaded.config;
  let report: StatusReport;
  try {
    report = readStatus(dbPath);
  } catch (error) {
    return tellUnknown(dbPath, error);
  }
  if (!runs(report.pid)) {
    process.stderr.write(`The agent with the state directory ${dbPath}, process ${report.pid}, has ended.\n`);
    return NOT_RUNNING_STATUS;
  }
  const json = argv.includes("--json");
  process.stdout.write(json ? `${printableJson(JSON.stringify(report))}\n` : renderStatus(report, Date.now()));
  return 0;
}

/** Says why nothing is known of an agent. A full disk can keep an agent that runs from telling. */
function tellUnknown(dbPath: string, error: unknown): number {
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  const isFull = diskIsFull(dbPath);
  if (code === "ENOENT" && !isFull) {
    process.stderr.write(
      `No agent is known to run with the state directory ${dbPath}: no agent has written its status there.\n`,
    );
    return NOT_RUNNING_STATUS;
  }
  const why = code === "ENOENT" ? "it is not there" : `it cannot be read (${code ?? "it is not complete"})`;
  const what = isFull ? ", and the disk is full, so that an agent could not write it. Free some space there" : "";
  process.stderr.write(
    `Whether an agent runs with the state directory ${dbPath} is not known. Its status tells that, and ${why}${what}.\n`,
  );
  return UNKNOWN_STATUS;
}

function diskIsFull(directory: string): boolean {
  try {
    return statfsSync(directory).bavail === 0;
  } catch {
    return false;
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not ours to signal, so it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
