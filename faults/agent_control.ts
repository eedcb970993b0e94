import { readdirSync, readFileSync } from "node:fs";
import { type AgentOptions, type AgentProcess, type Place, startAgent } from "../packages/agent/test/agent.ts";

/** The key that the agent is given, which no output may show. */
const KEY = "test-key-0123456789";
const SAMPLE_MS = 50;

/** What is counted over all processes of one run. */
export interface AgentNumbers {
  starts: number;
  /** The longest start, until it followed the files, in milliseconds. */
  slowestStart: number;
  /** Ends that gave the agent no time to wait for answers: kill -9, running out of memory, a stop during an outage. */
  abrupt: number;
  /** Lines that processes that ended by SIGTERM have given up because the server refuses them. */
  refused: number;
  /** The highest resident size of any process, in bytes (`VmHWM` of proc_pid_status(5)). */
  peakRss: number;
  /** The most descriptors that were open at once. */
  peakFds: number;
}

/** The agent under a service manager: started, ended and started again, and measured meanwhile. */
export class AgentControl {
  readonly #place: Place;
  readonly #port: number;
  readonly #env: NonNullable<AgentOptions["env"]>;
  readonly #ends: (() => unknown)[] = [];
  readonly #sampler: NodeJS.Timeout;
  #running: AgentProcess | undefined;
  /** The end that was asked for. */
  #expected: AgentProcess | undefined;
  #paused = false;
  readonly numbers: AgentNumbers = { starts: 0, slowestStart: 0, refused: 0, abrupt: 0, peakRss: 0, peakFds: 0 };
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
    this.#env = env;
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
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

  /** SIGTERM; resolves with the exit status. */
  async terminate(): Promise<number | NodeJS.Signals | undefined> {
    const agent = this.#running;
    const status = await this.#end("SIGTERM");
    if (status !== 0 && agent !== undefined) this.wrong.push(`SIGTERM ended the agent with ${status}: ${tail(agent)}`);
    const done = agent?.log().findLast(({ event }) => event === "shutdown_complete");
    if (done?.complete !== true) this.numbers.abrupt += 1;
    if (agent !== undefined) this.#account(agent, done?.complete === true);
    return status;
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
    this.#expected = this.#running;
    for (const end of this.#ends) await end();
  }

  async #end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | undefined> {
    const agent = this.#running;
    if (agent === undefined) return undefined;
    if (this.#paused) this.resume();
    this.#sample();
    this.#expected = agent;
    const status = await agent.stop(signal);
    this.#running = undefined;
    return status;
  }

  #onEnd(agent: AgentProcess, status: number | NodeJS.Signals): void {
    if (agent.output().includes(KEY)) this.wrong.push("the agent's log shows the ingestion key");
    this.tell(`agent ended with ${status}`);
    if (process.env.FAULTS_LOG === "1") process.stderr.write(agent.output());
    if (this.#expected === agent) return;
    this.#running = undefined;
    this.numbers.abrupt += 1;
    if (this.restarts) this.launch();
    else this.wrong.push(`the agent ended by itself with ${status}: ${tail(agent)}`);
  }

  /** What it read must be what it shipped, left out as empty, and dropped. */
  #account(agent: AgentProcess, complete: boolean): void {
    const counters = agent.log().findLast(({ event }) => event === "agent_counters");
    if (counters === undefined) {
      this.wrong.push("the agent told no counters at its end");
      return;
    }
    const count = (name: string): number => Number(counters[name] ?? 0);
    const settled = ["shipped", "empty", "dropped", "excluded", "quarantined"]
      .map((what) => count(`bytes_${what}`))
      .reduce((a, b) => a + b);
    const read = count("bytes_read");
    this.numbers.refused += count("lines_refused");
    if (complete ? settled !== read : settled > read)
      this.wrong.push(
        `${read} bytes read, ${settled} accounted for (${count("bytes_shipped")} shipped, ${count("bytes_empty")} empty, ${count("bytes_dropped")} dropped)${complete ? "" : ", and the rest was in flight"}`,
      );
  }

  #sample(): void {
    const agent = this.#running;
    if (agent === undefined) return;
    try {
      const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
      const peak = Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
      this.numbers.peakRss = Math.max(this.numbers.peakRss, peak);
      this.numbers.peakFds = Math.max(this.numbers.peakFds, readdirSync(`/proc/${agent.pid}/fd`).length);
    } catch {
      // It has just ended.
    }
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
