/** What is measured: a program that ships log files, set up for one piece of work. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs } from "./clock.ts";
import type { LineForm } from "./count_lines.ts";
import type { Authority } from "./place.ts";
import { type Sink, startSink } from "./sink.ts";
import type { SinkSettings } from "./sink_messages.ts";

/** How many bytes of a program's output are kept to be shown when it fails. */
const MOST_OUTPUT = 20_000;

/** A program, set up in one way. */
export interface Subject {
  readonly name: string;
  readonly version: string;
  /** What it makes of a line and how that travels. */
  readonly work: string;
  readonly transport: SinkSettings["transport"];
  readonly form: LineForm;
  /** It is this agent rather than another one. */
  readonly isOurs: boolean;
  /** What it says once it follows all files; undefined where it says nothing of the kind. */
  readonly watching?: RegExp;
  /** Writes its configuration and tells how it is started. */
  command(task: Task): Command;
}

/** What a subject has to ship, and where it may write. */
export interface Task {
  /** A directory of its own, for configuration and state. */
  readonly own: string;
  readonly logs: string;
  /** How deep beneath `logs` the files are; their names end with `.log`. */
  readonly depth: 1 | 2;
  readonly port: number;
  /** A certificate authority in PEM form, and the directory that has it alone. */
  readonly caFile: string;
  /** Settings of the agent for this task alone. */
  readonly env: Readonly<Record<string, string>>;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A subject at work. */
export interface Running {
  readonly pid: number;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number;
  readonly sink: Sink;
  /** When it said that it follows all files; never where it does not. */
  readonly watching: Promise<number>;
  /** Rejects when it ends by itself. */
  readonly gone: Promise<never>;
  stop(): Promise<void>;
}

export interface TaskOptions {
  /** Where directories for single runs are made. */
  readonly runs: string;
  readonly authority: Authority;
  readonly logs: string;
  readonly depth?: 1 | 2;
  readonly env?: Readonly<Record<string, string>>;
}

/** Programs that run: they must not outlive this process, whatever ends it. */
const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Starts a sink and, once it listens, a subject that ships to it. */
export async function start(subject: Subject, options: TaskOptions): Promise<Running> {
  const { runs, authority, logs, depth = 1, env = {} } = options;
  const { transport, form } = subject;
  const sink = await startSink({ transport, form, certificate: authority.certificate });
  const own = mkdtempSync(join(runs, "run-"));
  mkdirSync(join(own, "state"), { mode: 0o700 });
  const command = subject.command({ own, logs, depth, port: sink.port, caFile: authority.caFile, env });
  const startedAt = monotonicMs();
  const child = spawn(command.program, command.args, {
    cwd: own,
    env: Object.fromEntries(Object.entries(command.env).filter((entry) => entry[1] !== undefined)),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const watching = Promise.withResolvers<number>();
  const gone = Promise.withResolvers<never>();
  // Nobody may be waiting when it ends.
  gone.promise.catch(() => undefined);
  alive.add(child);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  void ended.then(() => alive.delete(child));
  const output = outputOf(child, (text) => {
    if (subject.watching?.test(text) === true) watching.resolve(monotonicMs());
  });
  child.once("error", (error) => gone.reject(error));
  child.once("close", (code, signal) =>
    gone.reject(new Error(`${subject.name} ended (${signal ?? `exit code ${code}`}):\n${output()}`)),
  );
  return {
    // A process that could not be started has none, and `gone` says why.
    pid: child.pid ?? -1,
    startedAt,
    sink,
    watching: watching.promise,
    gone: gone.promise,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
      await sink.close();
      rmSync(own, { recursive: true, force: true });
    },
  };
}

function outputOf(child: ChildProcess, onText: (text: string) => void): () => string {
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-MOST_OUTPUT);
      onText(output);
    });
  return () => output;
}
