import type { Layer } from "./outcome.ts";
import type { SyscallName } from "./syscall_numbers.ts";

/** What happens where a layer cannot be put on: the process ends, goes on with a warning, or nothing is tried at all. */
export type ConfinementMode = "required" | "best-effort" | "off";

/**
 * What the confined process may still do; everything else is taken from it. Plain data that survives `JSON.stringify`, so
 * that it can be printed, compared and handed to the new image. All paths are absolute and real.
 */
export interface Policy {
  /** The program's name, and the flag that names its state directory. */
  readonly program: string;
  readonly stateFlag: string;
  readonly mode: ConfinementMode;
  /** The process was root: started anew, it can be given what this one has not. */
  readonly fromRoot: boolean;
  /** The user and group it runs as from then on, without supplementary groups. */
  readonly uid: number;
  readonly gid: number;
  /** Whether `CAP_DAC_READ_SEARCH` stays, if the process has it: reading whatever the mode bits say, and nothing more. */
  readonly keepCapability: boolean;
  /** Some of the files that the user could not read without that capability; empty when none was found. */
  readonly capabilityFor: readonly string[];
  /** What logs are in: directories with all that is beneath them, and files. They may be read, and must not be altered. */
  readonly logs: readonly string[];
  /** Other files, and directories with all that is beneath them, that may be read. */
  readonly readable: readonly string[];
  /** Directories that may be listed, with all directories beneath them; their files may not be read. */
  readonly listable: readonly string[];
  /** The one directory in which files may be written, made, renamed and removed. */
  readonly stateDirectory: string;
  /** Directories directly in the state directory beneath which symbolic links may be made, too. */
  readonly linkable?: readonly string[];
  /** Names in the state directory that are handed over, with all that is beneath them; without it, it holds files alone. */
  readonly stateEntries?: readonly string[];
  /**
   * Names of files in the state directory that are handed over, where a star at the end stands for anything; all other
   * names stay what they are.
   */
  readonly stateFiles?: readonly string[];
  /** Names that an earlier program of the kind left there: they show whose directory it is, and stay what they are. */
  readonly stateMarks?: readonly string[];
  /** What is executed to start the new image: Node, and the loader that its ELF header names. */
  readonly executables: readonly string[];
  /** Programs that may be executed later on; when there is none, executing is refused altogether once the image has started. */
  readonly programs: readonly string[];
  /** TCP ports that may be connected to, on any host. */
  readonly connectPorts: readonly number[];
  /** TCP ports that may be bound, on any address. */
  readonly bindPorts: readonly number[];
  /** Whether sockets that were bound before are listened on. */
  readonly listens?: boolean;
  /** Whether unix sockets may be made: with one, a process can talk to every local service that lets its user. */
  readonly localSockets: boolean;
  /**
   * Descriptors of unix sockets that the process was given connected. They can be written to: connecting them anew, sending to an
   * address and giving them another number are refused, so that they lead to no other service.
   */
  readonly writeOnlySockets?: readonly number[];
  /** Whether every mount but the state directory becomes read-only in a mount namespace of its own. */
  readonly readOnlyMounts: boolean;
  /** Why they do not, where they should: the layer then counts as missing, unless the logs' mounts are read-only already. */
  readonly mountsKept?: string;
  /** System calls that the filter answers with success and does not let through: the program fails without the answer alone. */
  readonly ignoredCalls?: readonly SyscallName[];
  /** Layers that are left out; tests alone set it, to show what each layer is good for. */
  readonly without?: readonly Layer[];
}

/** The policy in lines that a person can read, each a heading and what it allows. */
export function describePolicy(policy: Policy): string[] {
  const { uid, gid, fromRoot } = policy;
  const groups = fromRoot ? "no supplementary groups" : "and the groups that it is in";
  const capability = fromRoot ? "CAP_DAC_READ_SEARCH" : "CAP_DAC_READ_SEARCH, if the user was given it";
  const lines = [`Mode: ${policy.mode}`, `User: uid ${uid}, gid ${gid}, ${groups}`];
  lines.push(
    policy.keepCapability
      ? `Capability: ${capability}, which is needed for ${some(policy.capabilityFor)}; every other is dropped`
      : "Capability: none",
  );
  lines.push(...policy.logs.map((path) => `Read logs: ${path}`));
  lines.push(...policy.readable.map((path) => `Read: ${path}`));
  lines.push(...policy.listable.map((path) => `List: ${path}`));
  lines.push(`Write: ${policy.stateDirectory}`);
  lines.push(...(policy.linkable ?? []).map((path) => `Make links: ${path}`));
  lines.push(...policy.executables.map((path) => `Execute, at the start only: ${path}`));
  lines.push(...policy.programs.map((path) => `Execute: ${path}`));
  lines.push(`Connect: ${ports(policy.connectPorts)}`, `Listen: ${ports(policy.bindPorts)}`);
  lines.push(`Unix sockets: ${policy.localSockets ? "any" : "none"}`);
  for (const fd of policy.writeOnlySockets ?? []) lines.push(`Write to the service manager: descriptor ${fd}`);
  lines.push(`Mounts: ${policy.readOnlyMounts ? "read-only but for the state directory" : "as they are"}`);
  if ((policy.ignoredCalls?.length ?? 0) > 0)
    lines.push(`System calls that do nothing: ${policy.ignoredCalls?.join(", ")}`);
  if ((policy.without?.length ?? 0) > 0) lines.push(`Left out: ${policy.without?.join(", ")}`);
  return lines;
}

const SHOWN = 3;

function some(paths: readonly string[]): string {
  if (paths.length === 0) return "files to come";
  const rest = paths.length - SHOWN;
  return paths.slice(0, SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function ports(numbers: readonly number[]): string {
  return numbers.length === 0 ? "no TCP port" : `TCP ${numbers.join(", ")}`;
}
