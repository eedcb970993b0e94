import { statfsSync } from "node:fs";
import { CONFIG_ERROR_STATUS } from "../config/problem.ts";
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
/** Exit status for an agent that runs and is not what was asked for. */
const NOT_SO_STATUS = 1;
/** Seconds, as whole numbers. */
const SECONDS = /^[1-9]\d{0,8}$/;

const HELP = `Usage: logdna-agent status [--json] [--ready] [--max-age SECONDS] [OPTION]...

Shows how the running agent is: what it ships to, its last error, the files that it follows, what is still to be
read of them, and what became of every byte that was read. Takes the agent's own options, variables and files, to
find its state directory; start it as root or as the agent's user.

  --json
      Print it as JSON.
  --ready
      For a readiness probe: exit with 1 unless the agent follows its files and the server takes their lines.
  --max-age SECONDS
      For a liveness probe: exit with 1 when the agent, which tells its status each second, has not for so long.

Exit status: 0 when the agent runs, 1 when it is not what the options above ask for, 3 when it does not run, 4 when that
cannot be told, 22 for a configuration with errors.
`;

/** `logdna-agent status`. @param argv the command line behind the name of the command. @returns the exit status. */
export function status({ argv, env }: Start): number {
  if (argv.includes("--help") || argv.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  const asked = askedIn(argv);
  if (typeof asked === "string") {
    process.stderr.write(`${asked}\n`);
    return CONFIG_ERROR_STATUS;
  }
  const { json, ready, maxAgeMs } = asked;
  const loaded = loadOrTell({ argv: asked.options, env, keyIsOptional: true });
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
  process.stdout.write(json ? `${printableJson(JSON.stringify(report))}\n` : renderStatus(report, Date.now()));
  const age = Date.now() - report.writtenAt;
  if (maxAgeMs !== undefined && age > maxAgeMs) {
    process.stderr.write(`The agent has not told its status for ${Math.floor(age / 1000)} s.\n`);
    return NOT_SO_STATUS;
  }
  if (ready && report.notReady !== undefined) {
    process.stderr.write(`The agent is not ready: ${report.notReady}.\n`);
    return NOT_SO_STATUS;
  }
  return 0;
}

interface Asked {
  readonly json: boolean;
  readonly ready: boolean;
  readonly maxAgeMs: number | undefined;
  /** The agent's own. */
  readonly options: readonly string[];
}

/** Takes this command's own flags out of a command line; what is wrong with them, if anything is. */
function askedIn(argv: readonly string[]): Asked | string {
  const options: string[] = [];
  let maxAgeMs: number | undefined;
  for (let at = 0; at < argv.length; at++) {
    const [, inOne] = /^--max-age=(.*)$/.exec(argv[at] ?? "") ?? [];
    if (argv[at] === "--max-age" || inOne !== undefined) {
      const seconds = inOne ?? argv[++at] ?? "";
      if (!SECONDS.test(seconds)) return `--max-age takes a whole number of seconds, not "${seconds}".`;
      maxAgeMs = Number(seconds) * 1000;
    } else if (argv[at] !== "--json" && argv[at] !== "--ready") options.push(argv[at] ?? "");
  }
  return { json: argv.includes("--json"), ready: argv.includes("--ready"), maxAgeMs, options };
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
