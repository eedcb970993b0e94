import { closeSync, fstatSync, readlinkSync, readSync, writeSync } from "node:fs";
import { ConfinementError } from "./confinement_error.ts";
import type { Libc } from "./libc.ts";
import type { Outcome } from "./outcome.ts";
import type { Policy } from "./policy.ts";

/** What the old image hands to the new one, past the environment and the command line, which others can see. */
export interface Handover {
  readonly policy: Policy;
  readonly outcomes: readonly Outcome[];
  /** Values by name, such as the ingestion key. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** The environment variable that holds the number of the descriptor; it is not worth hiding. */
export const HANDOVER_VARIABLE = "LOGDNA_CONFINED_FD";
const NAME = "logdna-handover";
/** memfd_create(2), `<linux/memfd.h>`: never executable; since Linux 6.3. */
const MFD_NOEXEC_SEAL = 0x0008;

/**
 * Puts the handover into a file that exists in memory only and has no name; the result is its descriptor, which stays open
 * over execve(2).
 * @throws {ConfinementError}
 */
export function writeHandover(libc: Libc, handover: Handover): number {
  let made = libc.memfdCreate(NAME, MFD_NOEXEC_SEAL);
  if ("code" in made && made.code === "EINVAL") made = libc.memfdCreate(NAME, 0);
  if ("code" in made)
    throw new ConfinementError(`Handing the secrets over in memory failed: memfd_create: ${made.code}.`);
  const bytes = Buffer.from(JSON.stringify(handover), "utf8");
  for (let at = 0; at < bytes.length; ) at += writeSync(made.value, bytes, at);
  bytes.fill(0);
  return made.value;
}

/**
 * Takes what the old image handed over: reads it, closes it, and takes its number out of the environment.
 * @returns undefined in a process that was not started by `confine`.
 * @throws {ConfinementError} when the descriptor is not what it should be.
 */
export function receiveSecrets(env: NodeJS.ProcessEnv = process.env): Handover | undefined {
  const number = env[HANDOVER_VARIABLE];
  if (number === undefined) return undefined;
  delete env[HANDOVER_VARIABLE];
  const fd = Number(number);
  try {
    if (!/^\d+$/.test(number) || !readlinkSync(`/proc/self/fd/${fd}`).startsWith(`/memfd:${NAME} `))
      throw new Error(`descriptor ${number} is something else`);
    const bytes = Buffer.alloc(fstatSync(fd).size);
    for (let at = 0; at < bytes.length; ) at += readSync(fd, bytes, at, bytes.length - at, at);
    closeSync(fd);
    const handover = JSON.parse(bytes.toString("utf8")) as Handover;
    bytes.fill(0);
    return handover;
  } catch (error) {
    throw new ConfinementError(
      `${HANDOVER_VARIABLE} is set, but there is nothing to take over: ${error instanceof Error ? error.message : String(error)}. Unset it.`,
    );
  }
}
