import { type LoadOptions, type LoadResult, loadConfig } from "../config/mod.ts";
import { TlsFiles } from "../delivery/tls_files.ts";
import { TransportError } from "../delivery/transport_error.ts";

/** What an agent that starts here and now would say of its configuration. */
export interface Validation {
  /** What keeps it from starting; each one line. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly loaded: LoadResult;
}

/** Checks a configuration as the start does, with the key and the certificates that it names, and tells everything at once. */
export function validate(options: LoadOptions): Validation {
  const loaded = loadConfig(options);
  const { warnings } = loaded;
  if (loaded.kind === "error") return { errors: loaded.errors, warnings, loaded };
  return { errors: loaded.kind === "run" ? certificateErrors(loaded) : [], warnings, loaded };
}

function certificateErrors({ config }: Extract<LoadResult, { kind: "run" }>): string[] {
  // Without TLS they are not read.
  if (!config.useSsl && config.proxy?.secure !== true) return [];
  try {
    new TlsFiles(config);
    return [];
  } catch (error) {
    if (error instanceof TransportError) return [error.message];
    throw error;
  }
}
