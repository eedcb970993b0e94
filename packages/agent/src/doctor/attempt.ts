import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { connect } from "node:net";
import type { Confinement, Facts, Outcome } from "@logdna-agent/confinement";

/** What a confined process is to try. */
export interface AttemptInput {
  /** Files to be read. */
  readonly reads: readonly string[];
  /** A log that is not to be written to; undefined where there is none. */
  readonly log: string | undefined;
  /** Something that root alone may read, and that is no log; undefined where there is none. */
  readonly secret: string | undefined;
  /** A TCP port that is not among those of the policy. */
  readonly otherPort: number;
}

/** What became of it. */
export interface AttemptReport {
  readonly outcomes: readonly Outcome[];
  readonly excesses: readonly string[];
  readonly facts: Facts;
  /** The files that could not be opened, with the system's code. */
  readonly unreadable: readonly { readonly path: string; readonly code: string }[];
  readonly refusals: readonly Refusal[];
}

/** Something that must not be possible. */
export interface Refusal {
  readonly what: string;
  /** Whether it was refused. */
  readonly refused: boolean;
  /** The system's code; "done" when it was not refused. */
  readonly code: string;
}

/** The name under which what to try is handed over to the confined image. */
export const ATTEMPT = "attempt";

/** Whether a confined process is one that is to try. */
export function isAttempt({ secrets }: Confinement): boolean {
  return secrets[ATTEMPT] !== undefined;
}

/** Opened without waiting, as every log is. */
const OPEN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const OPEN_TO_APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const PROGRAM = "/bin/sh";
/** No such file: the attempt is about the socket, which is made before the name is looked up. */
const LOCAL_SERVICE = "/run/logdna-agent-doctor";

/**
 * Tries, in the confined process, to read what it should and to do what it should not. Nothing is changed where something is not
 * refused after all: a log is opened and not written to, the shell is given nothing to do.
 */
export async function attempt({ outcomes, excesses, facts, secrets, policy }: Confinement): Promise<AttemptReport> {
  const { reads, log, secret, otherPort } = JSON.parse(secrets[ATTEMPT] ?? "{}") as AttemptInput;
  const unreadable = reads.flatMap((path) => {
    const code = codeOf(() => closeSync(openSync(path, OPEN)));
    return code === undefined ? [] : [{ path, code }];
  });
  const refusals: Refusal[] = [];
  const tell = (what: string, code: string | undefined, ...harmless: string[]): void => {
    const refused = code !== undefined && !harmless.includes(code);
    refusals.push({ what, refused, code: code ?? "done" });
  };
  if (secret !== undefined)
    tell(
      `reading ${secret}`,
      codeOf(() => closeSync(openSync(secret, OPEN))),
    );
  if (log !== undefined)
    tell(
      `opening ${log} to write to it`,
      codeOf(() => closeSync(openSync(log, OPEN_TO_APPEND))),
    );
  tell(`executing ${PROGRAM}`, spawned());
  // Nobody listens there, most probably: that it says so means that it was asked.
  tell(`connecting to TCP port ${otherPort}`, await connected({ host: "127.0.0.1", port: otherPort }), "ECONNREFUSED");
  if (!policy.localSockets)
    tell("connecting to a local service", await connected({ path: LOCAL_SERVICE }), "ENOENT", "ECONNREFUSED");
  // For a root that cannot leave root that would be no change.
  if (policy.uid !== 0)
    tell(
      "becoming root",
      codeOf(() => process.setuid?.(0)),
    );
  return { outcomes, excesses, facts, unreadable, refusals };
}

function spawned(): string | undefined {
  const { error } = spawnSync(PROGRAM, ["-c", ":"], { stdio: "ignore" });
  return error === undefined ? undefined : systemCode(error);
}

function connected(to: { host: string; port: number } | { path: string }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(to);
    socket.on("connect", () => resolve(undefined)).on("error", (error) => resolve(systemCode(error)));
    socket.on("connect", () => socket.destroy());
  });
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return systemCode(error);
  }
}

function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
