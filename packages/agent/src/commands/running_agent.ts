import { existsSync } from "node:fs";
import { GrantedFiles, type Policy } from "@logdna-agent/confinement";
import { Agent, type AgentMeans } from "../agent.ts";
import type { Config } from "../config/mod.ts";
import { makeOutlet, type Outlet } from "../delivery/outlet.ts";
import { TransportError } from "../delivery/transport_error.ts";
import { type AgentFacts, agentMetrics, exposition, MetricsPort } from "../metrics/mod.ts";
import type { NamelessFile } from "../sources/files/hot_files.ts";
import { StateError } from "../state/private_database.ts";
import { StateStore } from "../state/state_store.ts";
import { accountingOf } from "../status/accounting.ts";
import { StatusFile } from "../status/status_file.ts";
import { type SteadyTimer, steadyTimer } from "../steady_timer.ts";
import type { AgentEvent } from "../telemetry/events.ts";
import type { Telemetry } from "../telemetry/mod.ts";
import { VERSION } from "../version.ts";
import { beyond, readableAnew, rootsOf, wouldBeReadable } from "./agent_policy.ts";
import { changes, secretsOf } from "./config_changes.ts";
import { CONFIG_LOOK_MS, type ConfigFiles, type ConfigReading, ProgramGoneError } from "./config_files.ts";
import { destinationText } from "./destination_text.ts";
import { noteRestart, readRestarts, waitBeforeRestart } from "./restart_record.ts";
import type { RunConfig } from "./tell.ts";

/** How often single files that may be read, such as /etc/resolv.conf, are compared with what they were. */
const GRANTED_MS = 10_000;

/** Waits between attempts to begin, in milliseconds: each is twice as long as the one before, up to the last. */
const BEGIN_AGAIN_MS = { first: 1000, last: 15_000 } as const;

/** How often the agent writes how it is, in milliseconds: at most, and where nothing changes. */
const STATUS_MS = { least: 1000, most: 10_000 } as const;

/**
 * Exit status when the agent has to be started anew, by whoever started it, to do what its confinement does not let it do:
 * EX_TEMPFAIL of sysexits.h.
 */
export const RESTART_STATUS = 75;

/** The agent with the configuration that is in force, which SIGHUP and a change of its files replace. */
export class RunningAgent {
  readonly #policy: Policy | undefined;
  readonly #granted: GrantedFiles | undefined;
  readonly #call: (call: "restart" | "changed") => void;
  readonly #files: ConfigFiles;
  #look: SteadyTimer | undefined;
  #watch: NodeJS.Timeout | undefined;
  #restarting = false;
  #loaded: RunConfig;
  #agent: Agent | undefined;
  #state: StateStore | undefined;
  #outlet: Outlet | undefined;
  /** Files without a name that an agent which ended left open for the next one. */
  #nameless: readonly NamelessFile[] = [];
  #hasBegun = false;
  /** The next attempt to begin, while the agent cannot, and the one under way. */
  #later: NodeJS.Timeout | undefined;
  #attempt: Promise<void> | undefined;
  readonly #telemetry: Telemetry;
  readonly #port: MetricsPort;
  readonly #facts: AgentFacts;
  readonly #startedAt = Date.now();
  #statusFile: StatusFile | undefined;
  /** What was told last: when, and of which metrics. */
  #told = { at: 0, revision: -1 };
  /** Why the agent is not ready, but for what the server does. */
  #busy: "starting" | "stopping" | undefined = "starting";

  constructor(
    loaded: RunConfig,
    files: ConfigFiles,
    telemetry: Telemetry,
    policy: Policy | undefined,
    facts: AgentFacts,
    call: (call: "restart" | "changed") => void,
  ) {
    this.#files = files;
    this.#policy = policy;
    this.#granted = policy && new GrantedFiles(policy);
    this.#call = call;
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
      this.#outlet = makeOutlet(config, this.#telemetry);
      await this.#begin(config, this.#meansOf(config, this.#outlet));
    } catch (error) {
      if (!(error instanceof StateError && error.passes)) {
        await this.#port.close();
        throw error;
      }
      this.#beginLater(error);
    }
    this.#look = steadyTimer(CONFIG_LOOK_MS, () => {
      this.#tellChanges();
      if (this.#files.changed()) this.#call("changed");
    });
    if (this.#granted === undefined) return;
    this.#watch = setInterval(() => this.#lookAtGranted(), GRANTED_MS);
    this.#lookAtGranted();
  }

  #tellStarted(config: Config): void {
    this.#hasBegun = true;
    this.#tellStatus();
    this.#telemetry.emit({
      name: "agent_started",
      version: VERSION,
      pid: process.pid,
      destination: destinationText(config),
      logDirs: config.logDirs,
    });
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
      this.#call("restart");
    };
    const waitMs = asked ? 0 : waitBeforeRestart(record, Date.now());
    if (waitMs === 0) return restart();
    emit({ name: "restart_delayed", reason, inMs: waitMs });
    setTimeout(restart, waitMs).unref();
  }

  #lookAtGranted(): void {
    // Those of the configuration are looked at on their own, and read only once they are whole.
    const replaced = (this.#granted?.replaced() ?? []).filter((path) => !this.#files.leadTo(path));
    if (replaced.length > 0) return this.#needsRestart(`reading ${replaced.join(", ")}, which was replaced`);
    // One may have appeared between the moment at which the policy was made and the start of this image.
    const roots = rootsOf(this.#loaded.config).filter((root) => existsSync(root));
    const beyondPolicy = roots.filter((root) => this.#granted?.hasLog(root) === false);
    if (beyondPolicy.length > 0) this.#needsRestart(`reading ${beyondPolicy.join(", ")}, which appeared`);
  }

  /** An agent that nothing happens to says so now and then, so that one that hangs can be told from it. */
  #tellChanges(): void {
    const quietMs = Date.now() - this.#told.at;
    const isQuiet = this.#agent?.hasChanged !== true && this.#telemetry.revision() === this.#told.revision;
    if (quietMs >= (isQuiet ? STATUS_MS.most : STATUS_MS.least) - CONFIG_LOOK_MS / 2 || quietMs < 0) this.#tellStatus();
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
      destination: destinationText(config),
      notReady: this.#notReady(),
      lastError: this.#telemetry.lastProblem(),
      confinement: { layers: this.#facts.layers, complete: this.#facts.confined },
      requestsInFlight: gauges.requests_in_flight,
      files: { followed: gauges.files_followed, open: gauges.files_open },
      backlog: backlog ?? { bytes: 0, files: [] },
      accounting: accountingOf(snapshot),
      linesShipped: counters.lines_shipped,
    });
    this.#told = { at: Date.now(), revision: this.#telemetry.revision() };
  }

  /** What it does now, in a few words, for whoever started it. */
  summary(): string {
    return `${this.#notReady() ?? "shipping"}; the server is ${destinationText(this.#loaded.config)}`;
  }

  #notReady(): string | undefined {
    return this.#busy ?? (this.#telemetry.snapshot().gauges.delivery_failing > 0 ? "delivery fails" : undefined);
  }

  async stop(signal: string): Promise<void> {
    clearInterval(this.#watch);
    this.#look?.stop();
    this.#busy = "stopping";
    const { emit } = this.#telemetry;
    const { shutdownTimeout } = this.#loaded.config;
    emit({ name: "shutdown_started", signal, timeoutMs: shutdownTimeout });
    const begun = performance.now();
    await this.#beginNoMore();
    const ended = await this.#agent?.stop(shutdownTimeout, { restarts: signal === "restart" });
    const complete = ended?.complete ?? this.#nameless.length === 0;
    this.#state?.close();
    await this.#port.close();
    emit({ name: "agent_counters", ...this.#telemetry.snapshot().counters });
    emit({ name: "shutdown_complete", complete, durationMs: performance.now() - begun });
  }

  /**
   * Reads the configuration again and goes on with it; with one that has errors, or that cannot be used, the old one stays in force.
   * @param asked somebody wants it (SIGHUP), also where nothing is other than it was; else its files have changed.
   */
  async reload(asked: boolean): Promise<void> {
    const { emit, setLevel, conceal } = this.#telemetry;
    let reading: ConfigReading;
    try {
      reading = await this.#files.read();
    } catch (error) {
      if (!(error instanceof ProgramGoneError)) throw error;
      return this.#needsRestart(`reading the program itself, which was replaced (${error.message})`, { asked });
    }
    // Without the file of a default place there is a valid configuration, but hardly the one that is meant.
    if (!asked && reading.gone.length > 0) return emit({ name: "config_file_gone", paths: reading.gone });
    const unread = this.#readableAnew(reading);
    if (unread.length > 0) return this.#needsRestart(`reading ${unread.join(", ")}, which changed`, { asked });
    const next = reading.loaded;
    if (next.kind !== "run") {
      emit({ name: "config_reload_failed", errors: next.kind === "error" ? next.errors : [] });
      return;
    }
    const before = this.#loaded;
    const changed = changes(before.config, next.config);
    if (!asked && changed.every((name) => name === "key" && next.config.keyPath === before.config.keyPath)) {
      this.#accept(reading, next);
      return emit({ name: "config_reloaded", changed: [] });
    }
    const policy = this.#policy;
    const more = policy && beyond(next.config, policy);
    if (more !== undefined) return this.#needsRestart(`the new configuration needs ${more}`, { asked });
    for (const secret of secretsOf(next.config)) conceal(secret);
    await this.#beginNoMore();
    // What is new is found unusable, or is there, before the agent that works is ended for it.
    let means: AgentMeans;
    try {
      means = this.#meansOf(next.config, makeOutlet(next.config, this.#telemetry));
    } catch (error) {
      if (!isOutside(error)) throw error;
      emit({ name: "config_reload_failed", errors: [error.message] });
      if (this.#agent === undefined) this.#beginLater(error);
      return;
    }
    this.#busy = "starting";
    const ended = await this.#agent?.stop(before.config.shutdownTimeout, { goesOn: true });
    this.#agent = undefined;
    if (ended !== undefined) this.#nameless = ended.nameless;
    try {
      await this.#begin(next.config, means);
    } catch (error) {
      if (!isOutside(error)) throw error;
      emit({ name: "config_reload_failed", errors: [error.message] });
      await this.#beginAgain(1);
      return;
    }
    if (next.config.dbPath !== before.config.dbPath) this.#statusFile = undefined;
    setLevel(next.config.logLevel);
    this.#accept(reading, next);
    await this.#port.listen(next.config);
    emit({ name: "config_reloaded", changed });
  }

  #accept(reading: ConfigReading, next: RunConfig): void {
    this.#files.accept(reading);
    this.#loaded = next;
    this.#warn(next);
  }

  /** The files of the configuration that this process must not read, and one that is started anew could. */
  #readableAnew({ refused }: ConfigReading): string[] {
    const policy = this.#policy;
    if (policy === undefined || refused.length === 0) return [];
    const replaced = this.#granted?.replaced() ?? [];
    return refused.filter((path) => readableAnew(path, policy, this.#loaded.config.noCap, replaced));
  }

  /** What a configuration needs; the state that is open already where it is the same. @throws {StateError} */
  #meansOf(config: Config, outlet: Outlet): AgentMeans {
    const state = this.#state?.isAt(config.dbPath) ? this.#state : StateStore.open(config.dbPath);
    return { state, outlet };
  }

  /** With what could not be used: everything is tried again, later and later, and nothing that is held open is let go. */
  #beginLater(error: Error, attempts = 1): void {
    const inMs = Math.min(BEGIN_AGAIN_MS.last, BEGIN_AGAIN_MS.first * 2 ** (attempts - 1));
    this.#telemetry.emit({ name: "start_delayed", reason: error.message, inMs });
    this.#later = setTimeout(() => {
      this.#attempt = this.#beginAgain(attempts + 1);
    }, inMs);
  }

  async #beginAgain(attempts: number): Promise<void> {
    const { config } = this.#loaded;
    try {
      this.#outlet ??= makeOutlet(config, this.#telemetry);
      await this.#begin(config, this.#meansOf(config, this.#outlet));
    } catch (error) {
      if (!isOutside(error)) throw error;
      // It may be read when it is opened anew.
      this.#state?.close();
      this.#state = undefined;
      this.#beginLater(error, attempts);
    }
  }

  /** Ends the attempts to begin. */
  async #beginNoMore(): Promise<void> {
    clearTimeout(this.#later);
    await this.#attempt;
    clearTimeout(this.#later);
  }

  async #begin(config: Config, means: AgentMeans): Promise<void> {
    // What was followed goes on where it was, also where `lookback` skips what was written while the agent was down.
    const lookback = this.#hasBegun ? resumed(config) : config.lookback;
    const isOther = this.#state !== undefined && this.#state !== means.state;
    const nameless = isOther ? this.#nameless.map(inNoState) : this.#nameless;
    const policy = this.#policy;
    const { emit } = this.#telemetry;
    const telling = (event: AgentEvent): void => {
      emit(event);
      if (event.name !== "file_unreadable" && event.name !== "directory_unreadable") return;
      if (policy === undefined || config.noCap || !wouldBeReadable(event.path, policy)) return;
      this.#needsRestart(`reading ${event.path}`, { capability: true });
    };
    let agent: Agent | undefined;
    try {
      agent = new Agent(config, { ...this.#telemetry, emit: telling }, means, lookback, (root) => {
        if (this.#granted?.hasLog(root) === false)
          this.#needsRestart(`reading the log directory ${root}, which appeared`);
      });
      await agent.start(nameless);
    } catch (error) {
      // It may have taken over what is held open, and got more.
      const left = (await agent?.stop(0, { goesOn: true }))?.nameless;
      if (left !== undefined) this.#nameless = isOther ? left.map(inNoState) : left;
      if (means.state !== this.#state) means.state.close();
      throw means.state.explain(error);
    }
    if (isOther) this.#state?.close();
    this.#state = means.state;
    this.#outlet = means.outlet;
    this.#nameless = [];
    this.#agent = agent;
    this.#busy = undefined;
    if (!this.#hasBegun) this.#tellStarted(config);
  }

  #warn({ warnings }: RunConfig): void {
    for (const detail of warnings) this.#telemetry.emit({ name: "config_warning", detail });
  }
}

/** A file that an agent with another state has held open: in the next one's state it has no place yet. */
function inNoState({ fd, known }: NamelessFile): NamelessFile {
  return { fd, known: { ...known, id: 0 } };
}

/** Whether an error says that something outside cannot be used, and not that the agent has a mistake. */
export function isOutside(error: unknown): error is Error {
  if (error instanceof StateError || error instanceof TransportError) return true;
  return error instanceof Error && ("errno" in error || "errcode" in error);
}

/** For `none` and `tail` a file that comes while one agent has ended and the next has not begun would be an old one. */
function resumed({ lookback }: Config): Config["lookback"] {
  return lookback === "none" || lookback === "tail" ? "resume" : lookback;
}
