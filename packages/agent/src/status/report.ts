/** The agent at one moment, as it tells it in its state directory for `logdna-agent status`. Names and meanings stay. */
export interface StatusReport {
  readonly version: string;
  readonly pid: number;
  /** When the agent started, and when this was written, in milliseconds since the epoch. */
  readonly startedAt: number;
  readonly writtenAt: number;
  /** Where it ships to. */
  readonly destination: string;
  /** Why it is not ready; undefined when it is. */
  readonly notReady: string | undefined;
  readonly lastError: { readonly at: number; readonly text: string } | undefined;
  /** The layers of its confinement, and whether all are there. */
  readonly confinement: { readonly layers: readonly string[]; readonly complete: boolean };
  readonly requestsInFlight: number;
  readonly files: { readonly followed: number; readonly open: number };
  readonly backlog: Backlog;
  readonly accounting: Accounting;
  readonly linesShipped: number;
}

/** What is in the files and was not read yet. */
export interface Backlog {
  readonly bytes: number;
  /** The files that have most of it, with the bytes that are unread and all that they have. */
  readonly files: readonly { readonly path: string; readonly unread: number; readonly size: number }[];
}

/** What became of every byte that was read. `read` is the sum of the others, or there is a mistake in the agent. */
export interface Accounting {
  readonly read: number;
  readonly shipped: number;
  readonly excluded: number;
  readonly dropped: number;
  /** Read by an agent that ended, in this process, before it was acknowledged, and read again since. */
  readonly givenBack: number;
  readonly inFlight: number;
}

/** Bytes that are not accounted for: 0 in an agent without mistakes. */
export function unaccounted({ read, shipped, excluded, dropped, givenBack, inFlight }: Accounting): number {
  return read - shipped - excluded - dropped - givenBack - inFlight;
}
