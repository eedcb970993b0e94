import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LAUNCHER } from "./launcher.ts";

/** With this the agent asks to be started anew, which service managers do and this does too. */
const RESTART_STATUS = 75;

/** Directories of one test: logs to watch, and the agent's state. */
export interface Place {
  readonly root: string;
  readonly logs: string;
  readonly state: string;
}

const roots: string[] = [];
process.on("exit", () => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/** Makes a place that is removed when the test file ends: hooks run in the order of their making, so one would be too early. */
export function makePlace(): Place {
  const root = mkdtempSync(join(tmpdir(), "agent-"));
  roots.push(root);
  const place = { root, logs: join(root, "logs"), state: join(root, "state") };
  mkdirSync(place.logs);
  return place;
}

/** What ends the programs that it started; a test's context is one. */
export interface Owner {
  after(end: () => unknown): void;
}

export interface AgentOptions {
  readonly place: Place;
  readonly port: number;
  /** Further environment variables; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
  /** A launcher in front of the agent's, such as `strace`. */
  readonly wrapper?: readonly string[];
  /** What is started instead of the agent's launcher. */
  readonly launcher?: readonly string[];
}

/** A line of the agent's own log. */
interface LogLine {
  readonly event?: string;
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** The agent as a process, started through its launcher as a user would start it. */
export interface AgentProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it has written to its log so far. */
  log(): LogLine[];
  output(): string;
  /** Resolves once the log holds a line that fits; rejects when the agent ends first or after 20 s. */
  logged(fits: (line: LogLine) => boolean, what?: string): Promise<LogLine>;
  /** Ends it by a signal; resolves with its exit code, or the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  readonly ended: Promise<number | NodeJS.Signals>;
}

/**
 * The configuration file of a place, made when a test has not written its own: only a file can take /var/log off the log
 * directories; what flags and environment name is added to them.
 */
export function configFile(place: Place): string {
  const path = join(place.root, "config.yaml");
  if (!existsSync(path)) writeFileSync(path, `log:\n  dirs: [${JSON.stringify(place.logs)}]\n`);
  return path;
}

/** Starts an agent that ships the place's logs to a sink on plain HTTP, unless its environment says otherwise. */
export function startAgent(t: Owner, options: AgentOptions): AgentProcess {
  const { place, port } = options;
  const env: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    LOGDNA_INGESTION_KEY: "test-key-0123456789",
    LOGDNA_HOST: `localhost:${port}`,
    LOGDNA_USE_SSL: "false",
    LOGDNA_DB_PATH: place.state,
    LOGDNA_HOSTNAME: "test-host",
    LOGDNA_LOG_LEVEL: "debug",
    // `off` shows that the agent does its work without any of it, too.
    LOGDNA_CONFINEMENT: process.env.TEST_CONFINEMENT ?? "best-effort",
    LOGDNA_CONFIG_FILE: configFile(place),
    ...options.env,
  };
  const [command, ...args] = [
    ...(options.wrapper ?? []),
    ...(options.launcher ?? [LAUNCHER]),
    ...(options.args ?? []),
  ] as [string, ...string[]];
  const launch = (): ChildProcess =>
    spawn(command, args, {
      cwd: place.root,
      env: Object.fromEntries(Object.entries(env).filter((entry) => entry[1] !== undefined)),
      stdio: ["ignore", "pipe", "pipe"],
    });
  let child = launch();
  let output = "";
  const lookers = new Set<() => void>();
  const collect = (chunk: Buffer): void => {
    output += chunk.toString("utf8");
    for (const look of lookers) look();
  };
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    const follow = (): void => {
      child.stdout?.on("data", collect);
      child.stderr?.on("data", collect);
      child.on("close", (code, signal) => {
        if (code === RESTART_STATUS) {
          child = launch();
          return follow();
        }
        resolve(code ?? signal ?? -1);
        for (const look of lookers) look();
      });
    };
    follow();
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
  });
  const agent: AgentProcess = {
    get child() {
      return child;
    },
    // A spawned process has a pid unless the launcher is missing, which the first await shows.
    get pid() {
      return child.pid ?? -1;
    },
    ended,
    output: () => output,
    log: () =>
      output.split("\n").flatMap((line) => {
        try {
          return [JSON.parse(line) as LogLine];
        } catch {
          return [];
        }
      }),
    logged(fits, what = fits.toString()) {
      const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
      const fail = (why: string): void =>
        reject(new Error(`${why} before the log had ${what}:\n${output.slice(-3000)}`));
      const timer = setTimeout(() => fail("20 s passed"), 20_000);
      const look = (): void => {
        const found = agent.log().find(fits);
        const restarts = child.exitCode === RESTART_STATUS;
        if (found === undefined && (restarts || (child.exitCode === null && child.signalCode === null))) return;
        clearTimeout(timer);
        lookers.delete(look);
        if (found !== undefined) resolve(found);
        else fail("The agent ended");
      };
      lookers.add(look);
      look();
      return promise;
    },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
  return agent;
}

/** Starts an agent and waits until it follows the files that are there. */
export async function startedAgent(t: Owner, options: AgentOptions): Promise<AgentProcess> {
  const agent = startAgent(t, options);
  await agent.logged(({ event }) => event === "agent_started", "agent_started");
  return agent;
}
