/**
 * A program that confines itself with a policy and then, in the new image, runs programs as its children:
 * `journal_child_probe.ts JSON`, see `JournalProbeInput`. It prints a `JournalProbeReport` in one line, and ends when its input
 * does.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { afterConfinement, confine, type Policy } from "@logdna-agent/confinement";

type Command = readonly [program: string, ...args: string[]];

/** What the probe is given on its command line. */
export interface JournalProbeInput {
  readonly policy: Policy;
  /** Run one after the other. */
  readonly commands: readonly Command[];
  /** Prints something and goes on. */
  readonly lasting: Command;
}

export interface JournalProbeReport {
  readonly excesses: readonly string[];
  readonly results: readonly CommandResult[];
  readonly lasting: { readonly pid: number; readonly stdout: string };
}

/** What came of a command. */
interface CommandResult {
  /** The system's code by which executing it was refused. */
  readonly error: string | undefined;
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const input = JSON.parse(process.argv[2] ?? "{}") as JournalProbeInput;
const confinement = afterConfinement();
if (confinement === undefined) {
  const why = confine(input.policy, {
    file: process.execPath,
    argv: [process.execPath, ...process.execArgv, import.meta.filename, JSON.stringify(input)],
    env: { PATH: "/usr/bin:/bin" },
    secrets: {},
  });
  process.stderr.write(`not confined: ${why}\n`);
} else {
  const results = input.commands.map(run);
  const [program, ...args] = input.lasting;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [stdout] = (await once(child.stdout, "data")) as [Buffer];
  const lasting = { pid: child.pid ?? -1, stdout: stdout.toString() };
  const report: JournalProbeReport = { excesses: confinement.excesses, results, lasting };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  process.stdin.resume().on("end", () => child.kill());
}

function run([program, ...args]: Command): CommandResult {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 20_000 });
  const code = error !== undefined && "code" in error ? String(error.code) : undefined;
  return { error: code, status, stdout, stderr };
}
