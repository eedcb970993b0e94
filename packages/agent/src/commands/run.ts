import { Agent } from "../agent.ts";
import { CONFIG_ERROR_STATUS, type Config, type LoadResult, loadConfig } from "../config/mod.ts";
import { TransportError } from "../delivery/transport.ts";
import type { NamelessFile } from "../sources/files/file_set.ts";
import { StateError } from "../state/state_store.ts";
import { createTelemetry, type Telemetry } from "../telemetry/mod.ts";
import { VERSION } from "../version.ts";

type RunConfig = Extract<LoadResult, { kind: "run" }>;

/** Exit status when the agent cannot begin its work although its configuration is fine. */
const START_FAILED_STATUS = 1;

/**
 * `logdna-agent` without a sub-command: runs until SIGTERM or SIGINT; SIGHUP reads the configuration again.
 * @returns the exit status.
 */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const loaded = loadConfig({ argv, env, version: VERSION });
  if (loaded.kind !== "run") {
    for (const warning of loaded.warnings) process.stderr.write(`Warning: ${warning}\n`);
    if (loaded.kind === "print") {
      process.stdout.write(loaded.text);
      return 0;
    }
    for (const error of loaded.errors) process.stderr.write(`${error}\n`);
    return CONFIG_ERROR_STATUS;
  }
  const { config } = loaded;
  // The agent makes nothing that others may read, whatever it was started with.
  process.umask(0o077);
  const telemetry = createTelemetry({
    level: config.logLevel,
    stream: process.stderr,
    isTty: process.stderr.isTTY === true,
  });
  const running = new RunningAgent(loaded, telemetry);
  const signals = new SignalQueue(["SIGTERM", "SIGINT", "SIGHUP"]);
  try {
    await running.start();
  } catch (error) {
    if (!(error instanceof StateError || error instanceof TransportError)) throw error;
    telemetry.emit({ name: "start_failed", reason: error.message });
    return START_FAILED_STATUS;
  }
  for (;;) {
    const signal = await signals.next();
    if (signal !== "SIGHUP") {
      await running.stop(signal);
      telemetry.flush();
      return 0;
    }
    await running.reload(loadConfig({ argv, env, version: VERSION }));
  }
}

/** The agent with the configuration that is in force, which SIGHUP replaces. */
class RunningAgent {
  #loaded: RunConfig;
  #agent: Agent | undefined;
  readonly #telemetry: Telemetry;

  constructor(loaded: RunConfig, telemetry: Telemetry) {
    this.#loaded = loaded;
    this.#telemetry = telemetry;
    telemetry.conceal(loaded.config.key.reveal());
  }

  /** @throws {StateError | TransportError} when the agent cannot begin its work. */
  async start(): Promise<void> {
    const { config } = this.#loaded;
    this.#warn(this.#loaded);
    await this.#begin(config);
    this.#telemetry.emit({
      name: "agent_started",
      version: VERSION,
      pid: process.pid,
      destination: destinationOf(config),
      logDirs: config.logDirs,
    });
  }

  async stop(signal: string): Promise<void> {
    const { emit } = this.#telemetry;
    const { shutdownTimeout } = this.#loaded.config;
    emit({ name: "shutdown_started", signal, timeoutMs: shutdownTimeout });
    const begun = performance.now();
    const complete = (await this.#agent?.stop(shutdownTimeout))?.complete ?? true;
    emit({ name: "agent_counters", ...this.#telemetry.snapshot().counters });
    emit({ name: "shutdown_complete", complete, durationMs: performance.now() - begun });
  }

  /** Goes on with another configuration; with one that has errors, or that cannot be used, the old one stays in force. */
  async reload(next: LoadResult): Promise<void> {
    const { emit, setLevel, conceal } = this.#telemetry;
    if (next.kind !== "run") {
      emit({ name: "config_reload_failed", errors: next.kind === "error" ? next.errors : [] });
      return;
    }
    const before = this.#loaded;
    conceal(next.config.key.reveal());
    const nameless = (await this.#agent?.stop(before.config.shutdownTimeout, true))?.nameless;
    try {
      // What was followed goes on where it was, also where `lookback` skips what was written while the agent was down.
      await this.#begin(next.config, resumed(next.config), inStateOf(next.config, before.config, nameless));
    } catch (error) {
      if (!(error instanceof StateError || error instanceof TransportError)) throw error;
      emit({ name: "config_reload_failed", errors: [error.message] });
      await this.#begin(before.config, resumed(before.config), nameless);
      return;
    }
    this.#loaded = next;
    setLevel(next.config.logLevel);
    this.#warn(next);
    emit({ name: "config_reloaded", changed: changes(before.config, next.config) });
  }

  async #begin(config: Config, lookback = config.lookback, nameless: readonly NamelessFile[] = []): Promise<void> {
    this.#agent = new Agent(config, this.#telemetry, lookback, nameless);
    await this.#agent.start();
  }

  #warn({ warnings }: RunConfig): void {
    for (const detail of warnings) this.#telemetry.emit({ name: "config_warning", detail });
  }
}

/** Signals in the order of their arrival, one at a time. */
class SignalQueue {
  readonly #waiting: NodeJS.Signals[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(signals: readonly NodeJS.Signals[]) {
    for (const signal of signals)
      process.on(signal, () => {
        this.#waiting.push(signal);
        this.#wake.resolve();
      });
  }

  async next(): Promise<NodeJS.Signals> {
    for (;;) {
      const signal = this.#waiting.shift();
      if (signal !== undefined) return signal;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}

/** Files that an agent with another state has held open: in the next one's state they have no place yet. */
function inStateOf(next: Config, before: Config, files: readonly NamelessFile[] = []): readonly NamelessFile[] {
  if (next.dbPath === before.dbPath) return files;
  return files.map(({ fd, known }) => ({ fd, known: { ...known, id: 0 } }));
}

function resumed(config: Config): Config["lookback"] {
  return config.lookback === "none" ? "resume" : config.lookback;
}

function destinationOf(config: Config): string {
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  return `${config.useSsl ? "https" : "http"}://${host}:${config.port}${config.endpoint}`;
}

/** Names of the settings that differ; values are not told, one of them is the key. */
function changes(before: Config, after: Config): string[] {
  const names = Object.keys(after) as (keyof Config)[];
  return names.filter((name) =>
    name === "key" ? !before.key.equals(after.key) : JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}
