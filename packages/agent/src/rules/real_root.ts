import { trustedPath } from "@logdna-agent/confinement";
import { LogDirectory } from "./log_directory.ts";

/** A log directory under its real name, which is how the watcher tells the files in it. */
export function withRealRoot(entry: string): string {
  const { root } = new LogDirectory(entry);
  try {
    const real = trustedPath(root).path;
    return real === root ? entry : real + entry.slice(root.length);
  } catch {
    return entry;
  }
}
