import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { makePlace, type Place } from "../packages/agent/test/agent.ts";
import { makeAuthority, type TestAuthority } from "../packages/agent/test/certificates.ts";
import { openFiles } from "../packages/agent/test/eventually.ts";
import { freePort } from "../packages/agent/test/scrape.ts";
import { AgentControl } from "./agent_control.ts";
import { FaultServer } from "./fault_server.ts";
import { Ledger } from "./ledger.ts";
import { LogFile, type Segment } from "./log_file.ts";
import { Random } from "./random.ts";

/** Between two bursts of the writers, in milliseconds. */
const STEP_MS = 10;
/** How long a line is waited for; what is not there by then counts as lost. */
const PATIENCE_MS = 45_000;

const DESTROYED_PATIENCE_MS = 2000;

/** Within this a line that is written when a fault ends must be stored, in milliseconds. */
export const RECOVERY_MS = 2000;
/** The time that the agent gives an exchange here, in milliseconds. */
export const EXCHANGE_MS = 1500;
/** The time that it has to wait for answers when it ends, or begins anew. */
export const SHUTDOWN_MS = 500;

/** How a file is rotated. */
export type Rotation = "rename" | "copy and truncate" | "rename and gzip" | "copy and truncate and gzip";

const PLAIN: readonly Rotation[] = ["rename", "copy and truncate"];
export const COMPRESSING: readonly Rotation[] = ["rename and gzip", "copy and truncate and gzip"];

/** How one run is set up; what is not said is drawn from the seed. */
export interface SceneOptions {
  readonly tls?: boolean;
  readonly host?: string;
  /** Further variables; undefined leaves one at the agent's default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly files?: number;
  /** Makes what the place needs before there are files in it. */
  readonly prepare?: (place: Place) => Promise<void> | void;
}

/** One run: an agent, logs that are written, and a server that fails. */
export class Scene {
  readonly seed: number;
  readonly random: Random;
  readonly place: Place;
  readonly ledger: Ledger;
  readonly server: FaultServer;
  readonly agent: AgentControl;
  readonly files: readonly LogFile[];
  readonly authority: TestAuthority | undefined;
  readonly maxInFlight: number;
  readonly padding: number;
  readonly burst: number;
  /**
   * How long each recovery took, in milliseconds, and what is too long; and by how much timers of this process were late
   * meanwhile, all together: a machine that has no time for anybody is not the agent's fault.
   */
  readonly recoveries: {
    readonly after: string;
    readonly ms: number;
    readonly boundMs: number;
    readonly lateMs: number;
  }[] = [];
  /** Lines that were in deleted files when the agent ended abruptly. */
  readonly destroyed: Segment[] = [];
  readonly notes: string[] = [];
  /** What was done and when, for `--verbose`. */
  readonly trace: string[] = [];
  readonly #begun = performance.now();
  readonly #ends: (() => unknown)[] = [];

  private constructor(
    fields: Pick<
      Scene,
      "seed" | "random" | "place" | "ledger" | "server" | "agent" | "files" | "authority" | "maxInFlight"
    >,
  ) {
    this.seed = fields.seed;
    this.random = fields.random;
    this.place = fields.place;
    this.ledger = fields.ledger;
    this.server = fields.server;
    this.agent = fields.agent;
    this.files = fields.files;
    this.authority = fields.authority;
    this.maxInFlight = fields.maxInFlight;
    this.padding = this.random.pick([20, 100, 400]);
    this.burst = this.random.between(1, 12);
  }

  /** Makes a place, a server in it and files, and starts the agent unless told otherwise. */
  static async make(seed: number, options: SceneOptions = {}): Promise<Scene> {
    const random = new Random(seed);
    const place = makePlace();
    await options.prepare?.(place);
    mkdirSync(place.logs, { recursive: true });
    const tls = options.tls ?? random.chance(0.5);
    const authority = tls ? await makeAuthority(place.root) : undefined;
    const ledger = new Ledger();
    const names = options.host === undefined ? ["localhost"] : [options.host];
    const certificate = await authority?.issue({ names });
    const server = await FaultServer.start({ ledger, random: random.fork(), certificate });
    const maxInFlight = random.between(1, 6);
    const agent = new AgentControl(place, server.port, {
      LOGDNA_HOST: `${options.host ?? "localhost"}:${server.port}`,
      LOGDNA_USE_SSL: String(tls),
      ...(authority === undefined ? {} : { SSL_CERT_FILE: authority.caFile }),
      LOGDNA_MAX_IN_FLIGHT: String(maxInFlight),
      LOGDNA_INGEST_BUFFER_SIZE: String(random.between(8, 256) * 1024),
      LOGDNA_INGEST_TIMEOUT: String(EXCHANGE_MS),
      LOGDNA_SHUTDOWN_TIMEOUT: String(SHUTDOWN_MS),
      LOGDNA_METRICS_PORT: String(await freePort()),
      // Files that appear while the agent is away are found by either.
      LOGDNA_LOOKBACK: random.pick(["start", "resume"]),
      ...options.env,
    });
    const files = Array.from(
      { length: options.files ?? random.between(1, 4) },
      (_, n) => new LogFile(`f${n}`, join(place.logs, `${n}.log`)),
    );
    const scene = new Scene({ seed, random, place, ledger, server, agent, files, authority, maxInFlight });
    agent.tell = (what) => scene.tell(what);
    return scene;
  }

  /** Called when the run ends, in the reverse order. */
  after(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** Tells what is done now. */
  tell(what: string): void {
    this.trace.push(`${((performance.now() - this.#begun) / 1000).toFixed(3)} s: ${what}`);
  }

  /** Writes for so many steps, each a burst into one of the files; something else may happen at the beginning of each. */
  async traffic(steps: number, during: (step: number) => unknown = () => undefined): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      await during(step);
      this.random.pick(this.files).write(this.random.between(1, 2 * this.burst), this.padding);
      await delay(STEP_MS);
    }
  }

  /** Rotates a file, or one of them, in one of the ways given; each destroys nothing by itself. */
  rotate(ways: readonly Rotation[] = PLAIN, file = this.random.pick(this.files)): void {
    const { newest } = file;
    const way = this.random.pick(ways);
    if (way.startsWith("rename")) file.rename();
    else file.copyTruncate();
    if (way.endsWith("gzip")) file.compress();
    this.tell(`${file.name} rotated behind ${newest?.number ?? "nothing"} (${way})`);
  }

  /** Deletes one of the files as soon as the agent has it open or has nothing to read in it: sooner would be a race of ours. */
  async delete(): Promise<void> {
    const file = this.random.pick(this.files);
    const { newest } = file;
    for (const until = performance.now() + 5000; performance.now() < until; await delay(5)) {
      const isOpen = openFiles(this.agent.pid, this.place.logs).includes(file.path);
      if (newest !== undefined && !isOpen && !this.ledger.has(newest)) continue;
      file.delete();
      return this.tell(`${file.name} deleted behind ${newest?.number ?? "nothing"}`);
    }
    this.notes.push(`${file.name} was not deleted: the agent did not open it within 5 s`);
  }

  /** kill -9, and a start after so many steps of writing. */
  async crash(stepsAway = 0): Promise<void> {
    await this.agent.kill();
    this.noteDestroyed();
    await this.traffic(stepsAway);
    await this.agent.start();
  }

  /** What was in deleted files and is not stored may be gone with the agent; what was noted before is not noted again. */
  noteDestroyed(): void {
    for (const { deleted } of this.files) this.destroyed.push(...deleted.splice(0));
  }

  /**
   * Ends the fault and measures how long it takes until a line that is written at that moment is stored, in each file.
   * @param heal ends the fault.
   */
  async recover(after: string, boundMs = RECOVERY_MS, heal: () => unknown = () => this.server.heal()): Promise<void> {
    this.tell(`ends: ${after}`);
    await heal();
    const begun = performance.now();
    for (const file of this.files) file.write(1, this.padding);
    const lateness = watchLateness();
    let ms = 0;
    for (const { newest } of this.files) {
      if (newest !== undefined) await this.ledger.arrival(newest, PATIENCE_MS);
      ms = performance.now() - begun;
    }
    this.tell(`stored after ${Math.round(ms)} ms`);
    this.recoveries.push({ after, ms, boundMs, lateMs: lateness.end() });
  }

  /** Waits until everything that was written is stored; what is not by then is lost. */
  async settle(): Promise<void> {
    const begun = performance.now();
    const missing = (): boolean => {
      // What may be gone with the agent is not waited for as long.
      const patience = this.lost().length > 0 ? PATIENCE_MS : DESTROYED_PATIENCE_MS;
      return this.missing().length > 0 && performance.now() - begun < patience;
    };
    while (missing()) await delay(20);
  }

  /** What is missing and has nothing of what was destroyed in it. */
  lost(): Segment[] {
    return this.missing().filter((run) => !this.destroyed.some((segment) => overlaps(run, segment)));
  }

  /** Lines that were written and are neither stored nor refused, in runs. */
  missing(): Segment[] {
    const runs: Segment[] = [];
    for (const { name: file, written, poison } of this.files) {
      for (let number = 0; number < written; number += 1) {
        if (poison.includes(number) || this.ledger.has({ file, number })) continue;
        const last = runs.at(-1);
        if (last?.file === file && last.to === number) last.to += 1;
        else runs.push({ file, from: number, to: number + 1 });
      }
    }
    return runs;
  }

  async close(): Promise<void> {
    await this.agent.close();
    for (const file of this.files) file.close();
    await this.server.close();
    for (const end of this.#ends.reverse()) await end();
  }
}

function overlaps(a: Segment, b: Segment): boolean {
  return a.file === b.file && a.from < b.to && b.from < a.to;
}

/** Adds up by how much a timer is late until the end. */
function watchLateness(): { end(): number } {
  let late = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    late += Math.max(0, now - last - 2 * STEP_MS);
    last = now;
  }, STEP_MS);
  return {
    end() {
      clearInterval(timer);
      return late;
    },
  };
}
