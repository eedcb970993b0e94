import { writeSync } from "node:fs";

/** Times are told this often within the time after which the manager loses patience. */
const PER_PATIENCE = 3;
const MICROSECONDS = 1000;
/** How often it is told at least how the service is, in milliseconds. */
const STATUS_MS = 10_000;
/** What the manager shows of that, in characters. */
const MAX_STATUS = 200;

/**
 * Tells the service manager how the service is: sd_notify(3). Does nothing where there is none. What cannot be told is not told:
 * a manager that hears nothing has its own ways.
 */
export class ServiceManager {
  readonly #socket: number | undefined;
  readonly #patienceMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #status: string | undefined;

  /**
   * @param socket a connected datagram socket.
   * @param env says after which silence the manager ends the service (sd_watchdog_enabled(3)).
   */
  constructor(socket: number | undefined, env: NodeJS.ProcessEnv) {
    this.#socket = socket;
    const isMeant = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(process.pid);
    const microseconds = Number(env.WATCHDOG_USEC);
    this.#patienceMs = isMeant && microseconds > 0 ? microseconds / MICROSECONDS : undefined;
  }

  /**
   * The service does its work, or does all that it can to begin it. From now on the manager hears regularly that it is alive.
   * @param summary what it does now, in a few words.
   */
  ready(summary: () => string): void {
    if (this.#socket === undefined || this.#timer !== undefined) return;
    // A timer runs where the event loop turns, which is all that the work consists of.
    const tell = (): void => {
      if (this.#patienceMs !== undefined) this.#tell("WATCHDOG=1");
      this.#tellStatus(summary());
    };
    this.#tell("READY=1");
    tell();
    const every = Math.min(STATUS_MS, (this.#patienceMs ?? Number.POSITIVE_INFINITY) / PER_PATIENCE);
    this.#timer = setInterval(tell, every).unref();
  }

  /** It ends. The watchdog goes on: what is on its way is still waited for. */
  stopping(): void {
    this.#tell("STOPPING=1");
  }

  #tellStatus(text: string): void {
    const line = text.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, MAX_STATUS);
    if (line !== this.#status) this.#tell(`STATUS=${line}`);
    this.#status = line;
  }

  #tell(assignment: string): void {
    if (this.#socket === undefined) return;
    try {
      writeSync(this.#socket, assignment);
    } catch {
      // Its queue is full, or nobody reads it now: the next message comes soon.
    }
  }
}
