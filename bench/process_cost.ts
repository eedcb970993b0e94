/** What a process and the processes that it has started cost: processor time and memory, from proc(5). */
import { readdirSync, readFileSync } from "node:fs";
import { monotonicMs } from "./clock.ts";

/** Clock ticks in a second: sysconf(3), `_SC_CLK_TCK`, 100 on every Linux. */
const TICKS = 100;
const KiB = 1024;

/** Bytes. */
export interface Memory {
  readonly rss: number;
  /** What no other process shares: what would be free if the process ended. */
  readonly private: number;
}

/** Memory at a time, in seconds from the beginning. */
export interface MemoryAt extends Memory {
  readonly seconds: number;
}

/** Processor time of a process, of its threads and of all that it has started, in seconds; the kernel tells it in steps of 10 ms. */
export function cpuSeconds(pid: number): number {
  let seconds = 0;
  for (const each of family(pid)) {
    const stat = read(`/proc/${each}/stat`);
    // Fields 14 to 17: user and system, of its own and of children that have ended. The name, field 2, may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    for (const field of fields.slice(11, 15)) seconds += Number(field) / TICKS;
  }
  return seconds;
}

/** The same in fine steps, but only of threads that live: what a process uses that starts and ends none. */
export function threadSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const task of tasks(pid)) nanoseconds += Number(read(`${task}/schedstat`).split(" ")[0] ?? 0);
  return nanoseconds / 1e9;
}

/** How often threads have waited for something, each of which is a wake-up. */
export function wakeUps(pid: number): number {
  let count = 0;
  for (const task of tasks(pid)) count += numberBehind("voluntary_ctxt_switches:", read(`${task}/status`));
  return count;
}

/** Open descriptors. */
export function descriptors(pid: number): number {
  let count = 0;
  for (const each of family(pid)) count += list(`/proc/${each}/fd`).length;
  return count;
}

export function memoryOf(pid: number): Memory {
  let sum: Memory = { rss: 0, private: 0 };
  for (const each of family(pid)) {
    const memory = parseRollup(read(`/proc/${each}/smaps_rollup`));
    sum = { rss: sum.rss + memory.rss, private: sum.private + memory.private };
  }
  return sum;
}

/** Reads the text of `/proc/PID/smaps_rollup`. */
export function parseRollup(text: string): Memory {
  return {
    rss: numberBehind("Rss:", text) * KiB,
    private: (numberBehind("Private_Clean:", text) + numberBehind("Private_Dirty:", text)) * KiB,
  };
}

/** The memory of a process from now on, every so many milliseconds. */
export class MemoryTrack {
  readonly #pid: number;
  readonly #begun = monotonicMs();
  readonly #timer: NodeJS.Timeout;
  readonly #track: MemoryAt[] = [];

  constructor(pid: number, everyMs: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  /** All that was seen so far, and the peaks of it. The peak of RSS is the kernel's own, which misses nothing. */
  end(): { readonly track: readonly MemoryAt[]; readonly peak: Memory; readonly last: Memory } {
    clearInterval(this.#timer);
    this.#look();
    let peak = { rss: numberBehind("VmHWM:", read(`/proc/${this.#pid}/status`)) * KiB, private: 0 };
    for (const at of this.#track)
      peak = { rss: Math.max(peak.rss, at.rss), private: Math.max(peak.private, at.private) };
    return { track: this.#track, peak, last: this.#track.at(-1) ?? peak };
  }

  #look(): void {
    const memory = memoryOf(this.#pid);
    // Between fork and exec, and after its end, a process has none.
    if (memory.rss > 0) this.#track.push({ seconds: (monotonicMs() - this.#begun) / 1000, ...memory });
  }
}

/** A process and all that it has started and that lives. */
function family(pid: number): number[] {
  const all = [pid];
  for (const each of all)
    for (const task of list(`/proc/${each}/task`))
      all.push(...read(`/proc/${each}/task/${task}/children`).split(" ").filter(Boolean).map(Number));
  return all;
}

function tasks(pid: number): string[] {
  return family(pid).flatMap((each) => list(`/proc/${each}/task`).map((task) => `/proc/${each}/task/${task}`));
}

function numberBehind(name: string, text: string): number {
  const at = text.startsWith(name) ? 0 : text.indexOf(`\n${name}`) + 1;
  return at === 0 && !text.startsWith(name) ? 0 : Number.parseInt(text.slice(at + name.length), 10);
}

/** Nothing where the process or the thread has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
