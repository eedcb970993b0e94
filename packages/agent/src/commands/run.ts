import { existsSync } from "node:fs";
import { type Confinement, GrantedFiles, NOBODY, type Policy } from "@logdna-agent/confinement";
import { Agent } from "../agent.ts";
import { CONFIG_ERROR_STATUS, type Config, type LoadResult, loadConfig, proxyText } from "../config/mod.ts";
import { headerSecrets } from "../delivery/otlp_protocol.ts";
import { TransportError } from "../delivery/transport_error.ts";
import { type AgentFacts, agentMetrics, exposition, MetricsPort } from "../metrics/mod.ts";
import type { NamelessFile } from "../sources/files/hot_files.ts";
import { StateError } from "../state/private_database.ts";
import { accountingOf } from "../status/accounting.ts";
import { StatusFile } from "../status/status_file.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import { createTelemetry, type Telemetry } from "../telemetry/mod.ts";
import { VERSION } from "../version.ts";
import { beyond, rootsOf, type Start, wouldBeReadable } from "./confine_agent.ts";
import { noteRestart, readRestarts, waitBeforeRestart } from "./restart_record.ts";

type RunConfig = Extract<LoadResult, { kind: "run" }>;

const SHARED_USER =
  "the agent runs as nobody, whom other programs may run as, too: they can read and change its state (`useradd --system logdna-agent` gives it a user of its own)";

/** How often single files that may be read, such as /etc/resolv.conf, are compared with what they were. */
const GRANTED_MS = 10_000;

/** How often the agent writes how it is, in milliseconds. */
const STATUS_MS = 1000;

/** Exit status when the agent cannot begin its work although its configuration is fine. */
const START_FAILED_STATUS = 1;

/**
 * Exit status when the agent has to be started anew, by whoever started it, to do what its confinement does not let it do:
 * EX_TEMPFAIL of sysexits.h.
 */
const RESTART_STATUS = 75;

/**
 * `logdna-agent` without a sub-command: runs until SIGTERM or SIGINT; SIGHUP reads the configuration again.
 * @param confinement what the process is confined to, or why it is not although that was wanted.
 * @returns the exit status.
 */
export async function run({ argv, env }: Start, confinement: Confinement | string | undefined): Promise<number> {
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
  tellConfinement(telemetry, confinement);
  const signals = new SignalQueue(["SIGTERM", "SIGINT", "SIGHUP"]);
  const policy = typeof confinement === "object" ? confinement.policy : undefined;
  const running = new RunningAgent(loaded, telemetry, policy, factsOf(confinement), () => signals.push("restart"));
  try {
    await running.start();
  } catch (error) {
    if (!(error instanceof StateError || error instanceof TransportError)) throw error;
    telemetry.emit({ name: "start_failed", reason: error.message });
    return START_FAILED_STATUS;
  }
  for (;;) {
    const signal = await signals.next();
    if (signal === "SIGHUP") await running.reload(loadConfig({ argv, env, version: VERSION }));
    else {
      await running.stop(signal);
      telemetry.flush();
      return signal === "restart" ? RESTART_STATUS : 0;
    }
  }
}

/** Says what was given away, and what could not be. */
function tellConfinement({ emit }: Telemetry, confinement: Confinement | string | undefined): void {
  if (confinement === undefined) return;
  if (typeof confinement === "string") return emit({ name: "not_confined", reason: confinement });
  const { policy, outcomes, facts } = confinement;
  const [thread] = facts.threads;
  emit({
    name: "confined",
    layers: factsOf(confinement).layers,
    // What the kernel says, not what was wanted: a capability that was not there could not be kept.
    uid: thread?.uids[0] ?? policy.uid,
    capability: thread?.capabilities.effective.join(", ") || "none",
    gaps: [...(policy.fromRoot && policy.uid === NOBODY ? [SHARED_USER] : []), ...outcomes.flatMap(({ gaps }) => gaps)],
  });
  const lacking = lackingIn(confinement);
  if (lacking.length > 0) emit({ name: "confinement_incomplete", lacking });
}

/** What was to be given away and could not be; each one line. */
function lackingIn({ outcomes, excesses }: Confinement): string[] {
  const missing = outcomes.filter(({ state }) => state === "failed" || state === "unavailable");
  return [...missing.map(({ layer, detail }) => `${layer} (${detail})`), ...excesses];
}

/** The same as metrics. */
function factsOf(confinement: Confinement | string | undefined): AgentFacts {
  if (typeof confinement !== "object") return { version: VERSION, layers: [], confined: false };
  const layers = confinement.outcomes.filter(({ state }) => state === "applied").map(({ layer }) => layer);
  return { version: VERSION, layers, confined: lackingIn(confinement).length === 0 };
}

/** The agent with the configuration that is in force, which SIGHUP replaces. */
class RunningAgent {
  readonly #policy: Policy | undefined;
  readonly #granted: GrantedFiles | undefined;
  readonly #restart: () => void;
  #watch: NodeJS.Timeout | undefined;
  #restarting = false;
  #loaded: RunConfig;
  #agent: Agent | undefined;
  readonly #telemetry: Telemetry;
  readonly #port: MetricsPort;
  readonly #facts: AgentFacts;
  readonly #startedAt = Date.now();
  #status: NodeJS.Timeout | undefined;
  #statusFile: StatusFile | undefined;
  /** Why the agent is not ready, but for what the server does. */
  #busy: "starting" | "stopping" | undefined = "starting";

  constructor(
    loaded: RunConfig,
    telemetry: Telemetry,
    policy: Policy | undefined,
    facts: AgentFacts,
    restart: () => void,
  ) {
    this.#policy = policy;
    this.#granted = policy && new GrantedFiles(policy);
    this.#restart = restart;
    this.#loaded = loaded;
    this.#telemetry = telemetry;
    for (const secret of secretsOf(loaded.config)) telemetry.conceal(secret);
    const metrics = (): string => {
      // Gauges are set now and then; whoever asks gets them as they are.
      if (this.#busy === undefined) this.#agent?.measure();
      return exposition(agentMetrics(telemetry.snapshot(), facts));
    };
    this.#facts = facts;
    this.#port = new MetricsPort({ metrics, notReady: () => this.#notReady() }, telemetry.emit);
  }

  /** @throws {StateError | TransportError} when the agent cannot begin its work. */
  async start(): Promise<void> {
    const { config } = this.#loaded;
    this.#warn(this.#loaded);
    await this.#port.listen(config);
    try {
      await this.#begin(config);
    } catch (error) {
      await this.#port.close();
      throw error;
    }
    this.#tellStatus();
    this.#telemetry.emit({
      name: "agent_started",
      version: VERSION,
      pid: process.pid,
      destination: destinationOf(config),
      logDirs: config.logDirs,
    });
    this.#status = setInterval(() => this.#tellStatus(), STATUS_MS);
    if (this.#granted === undefined) return;
    this.#watch = setInterval(() => this.#lookAtGranted(), GRANTED_MS);
    this.#lookAtGranted();
  }

  /** Ends the agent, for whoever started it to start it anew, where its confinement does not let it go on. */
  #needsRestart(reason: string, { asked = false, capability = false } = {}): void {
    if (this.#restarting && !asked) return;
    this.#restarting = true;
    const { emit } = this.#telemetry;
    const { dbPath } = this.#loaded.config;
    const record = readRestarts(dbPath);
    const restart = (): void => {
      noteRestart(dbPath, record, Date.now(), capability);
      emit({ name: "restart_needed", reason, status: RESTART_STATUS });
      this.#restart();
    };
    const waitMs = asked ? 0 : waitBeforeRestart(record, Date.now());
    if (waitMs === 0) return restart();
    emit({ name: "restart_delayed", reason, inMs: waitMs });
    setTimeout(restart, waitMs).unref();
  }

  #lookAtGranted(): void {
    const replaced = this.#granted?.replaced() ?? [];
    if (replaced.length > 0) return this.#needsRestart(`reading ${replaced.join(", ")}, which was replaced`);
    // One may have appeared between the moment at which the policy was made and the start of this image.
    const roots = rootsOf(this.#loaded.config).filter((root) => existsSync(root));
    const beyondPolicy = roots.filter((root) => this.#granted?.hasLog(root) === false);
    if (beyondPolicy.length > 0) this.#needsRestart(`reading ${beyondPolicy.join(", ")}, which appeared`);
  }

  /** Writes what `logdna-agent status` shows. */
  #tellStatus(): void {
    const { config } = this.#loaded;
    const backlog = this.#busy === undefined ? this.#agent?.measure() : undefined;
    const snapshot = this.#telemetry.snapshot();
    const { gauges, counters } = snapshot;
    this.#statusFile ??= new StatusFile(config.dbPath);
    this.#statusFile.write({
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt,
      writtenAt: Date.now(),
      destination: destinationOf(config),
      notReady: this.#notReady(),
      lastError: this.#telemetry.lastProblem(),
      confinement: { layers: this.#facts.layers, complete: this.#facts.confined },
      requestsInFlight: gauges.requests_in_flight,
      files: { followed: gauges.files_followed, open: gauges.files_open },
      backlog: backlog ?? { bytes: 0, files: [] },
      accounting: accountingOf(snapshot),
      linesShipped: counters.lines_shipped,
    });
  }

  #notReady(): string | undefined {
    return this.#busy ?? (this.#telemetry.snapshot().gauges.delivery_failing > 0 ? "delivery fails" : undefined);
  }

  async stop(signal: string): Promise<void> {
    clearInterval(this.#watch);
    clearInterval(this.#status);
    this.#busy = "stopping";
    const { emit } = this.#telemetry;
    const { shutdownTimeout } = this.#loaded.config;
    emit({ name: "shutdown_started", signal, timeoutMs: shutdownTimeout });
    const begun = performance.now();
    const complete = (await this.#agent?.stop(shutdownTimeout))?.complete ?? true;
    await this.#port.close();
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
    const policy = this.#policy;
    const more = policy && beyond(next.config, policy);
    if (more !== undefined) return this.#needsRestart(`the new configuration needs ${more}`, { asked: true });
    for (const secret of secretsOf(next.config)) conceal(secret);
    this.#busy = "starting";
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
    if (next.config.dbPath !== before.config.dbPath) this.#statusFile = undefined;
    this.#loaded = next;
    await this.#port.listen(next.config);
    setLevel(next.config.logLevel);
    this.#warn(next);
    emit({ name: "config_reloaded", changed: changes(before.config, next.config) });
  }

  async #begin(config: Config, lookback = config.lookback, nameless: readonly NamelessFile[] = []): Promise<void> {
    const policy = this.#policy;
    const { emit } = this.#telemetry;
    const telling = (event: AgentEvent): void => {
      emit(event);
      if (event.name !== "file_unreadable" && event.name !== "directory_unreadable") return;
      if (policy === undefined || config.noCap || !wouldBeReadable(event.path, policy)) return;
      this.#needsRestart(`reading ${event.path}`, { capability: true });
    };
    this.#agent = new Agent(config, { ...this.#telemetry, emit: telling }, lookback, nameless, (root) => {
      if (this.#granted?.hasLog(root) === false)
        this.#needsRestart(`reading the log directory ${root}, which appeared`);
    });
    await this.#agent.start();
    this.#busy = undefined;
  }

  #warn({ warnings }: RunConfig): void {
    for (const detail of warnings) this.#telemetry.emit({ name: "config_warning", detail });
  }
}

/** Signals in the order of their arrival, one at a time. */
class SignalQueue {
  readonly #waiting: (NodeJS.Signals | "restart")[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(signals: readonly NodeJS.Signals[]) {
    for (const signal of signals) process.on(signal, () => this.push(signal));
  }

  push(signal: NodeJS.Signals | "restart"): void {
    this.#waiting.push(signal);
    this.#wake.resolve();
  }

  async next(): Promise<NodeJS.Signals | "restart"> {
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
  const through = config.proxy === undefined ? "" : ` through the proxy ${proxyText(config.proxy)}`;
  return `${config.useSsl ? "https" : "http"}://${host}:${config.port}${config.endpoint}${config.output === "otlp" ? " (OTLP)" : ""}${through}`;
}

/** What must not show in the log, also where a server or a proxy says it: key, headers, and the password of a proxy. */
function secretsOf({ key, headers, proxy }: Config): string[] {
  const own = [key.reveal(), ...headers.flatMap(headerSecrets)];
  const credentials = proxy?.credentials?.reveal();
  if (credentials === undefined) return own;
  const password = credentials.slice(credentials.indexOf(":") + 1);
  return [...own, credentials, password];
}

/** Names of the settings that differ; values are not told, one of them is the key. */
function changes(before: Config, after: Config): string[] {
  const names = Object.keys(after) as (keyof Config)[];
  return names.filter((name) => {
    if (name === "key") return !before.key.equals(after.key);
    if (name === "headers")
      return (
        before.headers.length !== after.headers.length || after.headers.some((h, n) => !before.headers[n]?.equals(h))
      );
    const same = JSON.stringify(before[name]) === JSON.stringify(after[name]);
    return !same || (name === "proxy" && before.proxy?.credentials?.reveal() !== after.proxy?.credentials?.reveal());
  });
}
