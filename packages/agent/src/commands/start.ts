import type { Confinement } from "@logdna-agent/confinement";
import { NOTIFY_FD } from "../notify/notify_socket.ts";

/** What starts the program: its flags and its environment. */
export interface Start {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** The names under which the confined image is given what it cannot, or need not, find out itself. */
export const HANDED = {
  /** The flags, where they hold the key. */
  flags: "flags",
  /** The configuration that was read (see `ConfigFiles`). */
  configuration: "configuration",
  /** The certificates of the system's authorities. */
  authorities: "authorities",
} as const;

/** How the program was started, as it was before the key was taken out of what others can see. */
export function startOf(confinement: Confinement | undefined, argv: readonly string[], env: NodeJS.ProcessEnv): Start {
  if (confinement === undefined) return { argv, env };
  const { flags, configuration: _, authorities: __, [NOTIFY_FD]: ___, ...variables } = confinement.secrets;
  return { argv: flags === undefined ? argv : (JSON.parse(flags) as string[]), env: { ...env, ...variables } };
}
