import { closeSync, constants, openSync, readSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What is remembered of the times that the agent asked to be started anew. */
export interface RestartRecord {
  /** When it did, in milliseconds since the epoch; the newest last. */
  readonly times: readonly number[];
  /**
   * When a file was met that takes the capability, in milliseconds since the epoch; 0 for never. For a while the capability is
   * kept then, whether there is such a file at the start or not.
   */
  readonly capabilityAt: number;
}

const NAME = "restarts.json";
const MAX_BYTES = 4096;
/** What is older counts no more, in milliseconds. */
const COUNTED_MS = 3_600_000;
/** How long it is remembered that the capability was needed. */
const REMEMBERED_MS = 30 * 86_400_000;
/** Restarts within that time which nothing holds up. */
const FREE = 3;
/** The wait before the next, which doubles from one to the next. Shorter than a service manager's patience, longer than an attack's. */
const FIRST_WAIT_MS = 10_000;
const MAX_WAIT_MS = 600_000;

const NOTHING: RestartRecord = { times: [], capabilityAt: 0 };
const MAX_TIMES = 100;

/** The record in a state directory; empty where there is none that can be read. Whatever the agent's user put there harms nobody. */
export function readRestarts(stateDirectory: string): RestartRecord {
  try {
    const fd = openSync(join(stateDirectory, NAME), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const bytes = Buffer.alloc(MAX_BYTES);
      return recordOf(JSON.parse(bytes.toString("utf8", 0, readSync(fd, bytes, 0, MAX_BYTES, 0))));
    } finally {
      closeSync(fd);
    }
  } catch {
    return NOTHING;
  }
}

function recordOf(parsed: Record<string, unknown> | null): RestartRecord {
  const { times, capabilityAt } = parsed ?? {};
  if (!Array.isArray(times) || times.length > MAX_TIMES || !times.every(Number.isFinite)) return NOTHING;
  return typeof capabilityAt === "number" ? { times, capabilityAt } : NOTHING;
}

/** Notes a restart. Where it cannot be written, as on a full disk, nothing is remembered. */
export function noteRestart(stateDirectory: string, record: RestartRecord, now: number, capability: boolean): void {
  const path = join(stateDirectory, NAME);
  const times = [...recent(record, now), now].slice(-2 * FREE);
  try {
    rmSync(`${path}.new`, { force: true });
    const text = JSON.stringify({ times, capabilityAt: capability ? now : record.capabilityAt });
    writeFileSync(`${path}.new`, text, { mode: 0o600, flag: "wx" });
    renameSync(`${path}.new`, path);
  } catch {
    // The next start is only less patient.
  }
}

/** Whether a file that takes the capability was met lately. */
export function metLately({ capabilityAt }: RestartRecord, now: number): boolean {
  return capabilityAt > 0 && capabilityAt <= now && now - capabilityAt < REMEMBERED_MS;
}

/**
 * How long to wait before asking for another start, in milliseconds. Whoever may write to a log directory can cause one, and must
 * not keep the agent from its work, or have a service manager give it up.
 */
export function waitBeforeRestart(record: RestartRecord, now: number): number {
  const excess = recent(record, now).length - FREE;
  return excess < 0 ? 0 : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** excess);
}

/** A clock that was set back makes times of the future, which count no more either. */
function recent({ times }: RestartRecord, now: number): number[] {
  return times.filter((time) => time <= now && now - time < COUNTED_MS);
}
