import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { readStatus } from "../packages/agent/src/status/read_status.ts";
import { unaccounted } from "../packages/agent/src/status/report.ts";
import { type AgentOptions, type AgentProcess, type Place, startAgent } from "../packages/agent/test/agent.ts";
import { KEY, showsSecret } from "./secret_search.ts";

const SAMPLE_MS = 50;
/** How often it is asked what it tells about itself, which it renews each second. */
const ASK_MS = 500;

/** What is counted over all processes of one run. */
export interface AgentNumbers {
  starts: number;
  /** The longest start, until it followed the files, in milliseconds. */
  slowestStart: number;
  /** Ends that gave the agent no time to wait for answers: kill -9, running out of memory, a stop during an outage. */
  abrupt: number;
  /** SIGHUPs: each begins everything anew within the process, and may give up answers that are waited for. */
  reloads: number;
  /** Lines that processes that ended by SIGTERM have given up because the server refuses them. */
  refused: number;
  /** The highest resident size of any process, in bytes (`VmHWM` of proc_pid_status(5)). */
  peakRss: number;
  /** The most descriptors that were open at once. */
  peakFds: number;
  /** What they were of, each kind with its number: files by their names without what rotation adds. */
  openAtPeak: string;
}

/** The agent under a service manager: started, ended and started again, and measured meanwhile. */
export class AgentControl {
  readonly #place: Place;
  readonly #port: number;
  readonly #env: NonNullable<AgentOptions["env"]>;
  readonly #ends: (() => unknown)[] = [];
  readonly #sampler: NodeJS.Timeout;
  readonly #asker: NodeJS.Timeout;
  #running: AgentProcess | undefined;
  /** The end that was asked for. */
  #expected: AgentProcess | undefined;
  #paused = false;
  /** Whether the process that runs was sent a SIGHUP. */
  #hungUp = false;
  readonly numbers: AgentNumbers = {
    ...{ starts: 0, slowestStart: 0, refused: 0, abrupt: 0, reloads: 0 },
    ...{ peakRss: 0, peakFds: 0, openAtPeak: "" },
  };
  /** What no output may show. */
  readonly secrets = [KEY];
  /** Texts of the lines that it has set aside, as they were when it last ended. */
  quarantined: readonly string[] = [];
  /** What went wrong with the process itself. */
  readonly wrong: string[] = [];
  /** Further options of each start: a program in front of it, other environment variables. */
  options: Partial<Pick<AgentOptions, "wrapper" | "launcher" | "args">> & { env?: Record<string, string> } = {};
  /** Starts it again when it ends by itself, as after running out of memory; that is no mistake of it then. */
  restarts = false;
  /** Told what is done with it. */
  tell: (what: string) => void = () => undefined;

  constructor(place: Place, port: number, env: NonNullable<AgentOptions["env"]>) {
    this.#place = place;
    this.#port = port;
    this.#env = { LOGDNA_INGESTION_KEY: KEY, ...env };
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#asker = setInterval(() => void this.#ask(), ASK_MS);
  }

  get pid(): number {
    return this.#running?.pid ?? -1;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Starts it unless it runs; resolves once it follows the files. */
  async start(): Promise<void> {
    const begun = performance.now();
    const agent = this.launch();
    await agent.logged(({ event }) => event === "agent_started", "agent_started");
    this.numbers.slowestStart = Math.max(this.numbers.slowestStart, performance.now() - begun);
  }

  /** Starts it unless it runs. */
  launch(): AgentProcess {
    if (this.#running !== undefined) return this.#running;
    const { env, ...options } = this.options;
    const agent = startAgent(
      { after: (end) => this.#ends.push(end) },
      { place: this.#place, port: this.#port, ...options, env: { ...this.#env, ...env } },
    );
    this.#running = agent;
    this.#hungUp = false;
    this.tell("agent launched");
    this.numbers.starts += 1;
    agent.ended.then((status) => this.#onEnd(agent, status)).catch(() => undefined);
    return agent;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.numbers.abrupt += 1;
    await this.#end("SIGKILL");
  }

  /** SIGTERM; resolves with the exit status. @param meanwhile is done while it ends. */
  async terminate(meanwhile: () => unknown = () => undefined): Promise<number | NodeJS.Signals | undefined> {
    const agent = this.#running;
    const status = await this.#end("SIGTERM", meanwhile);
    if (status !== 0 && agent !== undefined) this.wrong.push(`SIGTERM ended the agent with ${status}: ${tail(agent)}`);
    const done = agent?.log().findLast(({ event }) => event === "shutdown_complete");
    if (done?.complete !== true) this.numbers.abrupt += 1;
    if (agent !== undefined) this.#account(agent);
    return status;
  }

  /** SIGHUP: it reads its configuration again, and begins anew. */
  hangUp(): void {
    if (this.#running === undefined) return;
    this.#hungUp = true;
    this.numbers.reloads += 1;
    this.#running.child.kill("SIGHUP");
  }

  /** Reads which lines it has set aside by now; their texts. */
  readQuarantine(): readonly string[] {
    const read = (name: string): string[] => {
      try {
        return readFileSync(join(this.#place.state, name), "utf8").split("\n").slice(0, -1);
      } catch {
        // There is none.
        return [];
      }
    };
    const records = [...read("quarantine.jsonl.1"), ...read("quarantine.jsonl")];
    return records.map((record) => (JSON.parse(record) as { line: string }).line);
  }

  /** SIGSTOP. */
  pause(): void {
    if (this.#running === undefined) return;
    this.#running.child.kill("SIGSTOP");
    this.#paused = true;
  }

  /** SIGCONT. */
  resume(): void {
    this.#running?.child.kill("SIGCONT");
    this.#paused = false;
  }

  /** Its own log so far, of the process that runs. */
  log(): ReturnType<AgentProcess["log"]> {
    return this.#running?.log() ?? [];
  }

  /** The end of the log of the process that runs. */
  tail(): string {
    return this.#running === undefined ? "" : tail(this.#running);
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    clearInterval(this.#sampler);
    clearInterval(this.#asker);
    this.#expected = this.#running;
    for (const end of this.#ends) await end();
  }

  async #end(signal: NodeJS.Signals, meanwhile?: () => unknown): Promise<number | NodeJS.Signals | undefined> {
    const agent = this.#running;
    if (agent === undefined) return undefined;
    if (this.#paused) this.resume();
    this.#sample();
    this.#expected = agent;
    const stopped = agent.stop(signal);
    await meanwhile?.();
    const status = await stopped;
    this.#running = undefined;
    return status;
  }

  #onEnd(agent: AgentProcess, status: number | NodeJS.Signals): void {
    this.#conceals("the agent's log", agent.output());
    for (const name of filesIn(this.#place.state))
      this.#conceals(name, readFileSync(join(this.#place.state, name), "latin1"));
    this.quarantined = this.readQuarantine();
    for (const { event, message } of agent.log())
      if (event === "accounting_mismatch" || event === "config_reload_failed") this.#report(message);
    this.tell(`agent ended with ${status}`);
    if (process.env.FAULTS_LOG === "1") process.stderr.write(agent.output());
    if (this.#expected === agent) return;
    this.#running = undefined;
    this.numbers.abrupt += 1;
    if (this.restarts) this.launch();
    else this.wrong.push(`the agent ended by itself with ${status}: ${tail(agent)}`);
  }

  /** What it read must be what it shipped, left out, dropped, and, at an end without every answer, gave back. */
  #account(agent: AgentProcess): void {
    const counters = agent.log().findLast(({ event }) => event === "agent_counters");
    if (counters === undefined) {
      this.wrong.push("the agent told no counters at its end");
      return;
    }
    const count = (name: string): number => Number(counters[name] ?? 0);
    const settled = ["shipped", "empty", "dropped", "excluded", "given_back"]
      .map((what) => count(`bytes_${what}`))
      .reduce((a, b) => a + b);
    const read = count("bytes_read");
    this.numbers.refused += count("lines_refused");
    if (settled !== read)
      this.wrong.push(
        `${read} bytes read, ${settled} accounted for (${count("bytes_shipped")} shipped, ${count("bytes_empty")} empty, ${count("bytes_dropped")} dropped, ${count("bytes_given_back")} given back)`,
      );
    if (this.#hungUp && count("config_reloads") === 0) this.wrong.push("SIGHUP was not answered: nothing was tried");
  }

  /** What it tells about itself: `status.json` and the metrics. */
  async #ask(): Promise<void> {
    if (this.#running === undefined || this.#paused) return;
    try {
      const status = readStatus(this.#place.state);
      this.#conceals("status.json", JSON.stringify(status));
      const missing = unaccounted(status.accounting);
      // While it begins anew the numbers are those of a moment ago.
      const isAtWork = status.notReady === undefined || status.notReady === "delivery fails";
      if (isAtWork && missing !== 0) this.#report(`status.json tells of ${missing} bytes that are not accounted for`);
    } catch {
      // It has not written any yet.
    }
    const port = this.#env.LOGDNA_METRICS_PORT;
    if (port === undefined) return;
    try {
      const signal = AbortSignal.timeout(ASK_MS);
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: "close" }, signal });
      this.#conceals("a metric", await answer.text());
    } catch {
      // It begins, ends, or has no time.
    }
  }

  #conceals(what: string, text: string): void {
    for (const secret of this.secrets) if (showsSecret(text, secret)) this.#report(`${what} shows a secret`);
  }

  /** Once is enough. */
  #report(what: string): void {
    if (!this.wrong.includes(what)) this.wrong.push(what);
  }

  #sample(): void {
    const agent = this.#running;
    if (agent === undefined) return;
    try {
      const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
      const peak = Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
      this.numbers.peakRss = Math.max(this.numbers.peakRss, peak);
      const open = readdirSync(`/proc/${agent.pid}/fd`);
      if (open.length <= this.numbers.peakFds) return;
      this.numbers.peakFds = open.length;
      this.numbers.openAtPeak = kindsOf(agent.pid, open);
    } catch {
      // It has just ended.
    }
  }
}

/** What descriptors of a process are of, such as `socket 4`. */
function kindsOf(pid: number, fds: readonly string[]): string {
  const kinds = new Map<string, number>();
  for (const fd of fds) {
    const [kind = ""] = linkOf(`/proc/${pid}/fd/${fd}`).split(":");
    const name = kind.startsWith("/") ? basename(kind).replace(/\.\d+(?=$| )/, ".N") : kind;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
  }
  const sorted = [...kinds].sort(([, a], [, b]) => b - a);
  return sorted.map(([kind, count]) => `${kind} ${count}`).join(", ");
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "closed";
  }
}

/** Names of the files that are directly in a directory. */
function filesIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  } catch {
    return [];
  }
}

function tail(agent: AgentProcess): string {
  return agent
    .log()
    .filter(({ level }) => level !== "debug" && level !== "trace")
    .slice(-3)
    .map(({ message }) => message)
    .join(" | ");
}
