import { unprivilegedUser } from "@logdna-agent/confinement";

/**
 * Becomes the user that the agent becomes, for good: to be called when everything is open, before a line is looked at that anybody may have written.
 * @returns why that cannot be done; undefined when it was, or there is nothing to give away.
 */
export function leaveRoot(): string | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const { uid, gid } = unprivilegedUser("logdna-agent");
  try {
    process.setgroups?.([]);
    process.setgid?.(gid);
    process.setuid?.(uid);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
