import type { LoadResult } from "../config/mod.ts";
import { CONFIG_ERROR_STATUS } from "../config/problem.ts";
import { printable } from "../telemetry/printable.ts";

/** A configuration to run with, with all that is known of where it comes from. */
export type LoadedConfig = Extract<LoadResult, { kind: "run" }>;

/** A configuration to run with. */
export type RunConfig = Pick<LoadedConfig, "kind" | "config" | "warnings" | "origins">;

/** A configuration that was read, or the exit status where there is nothing to go on with, after everything was said. */
export function orTell<Run extends RunConfig>(loaded: Run | Exclude<LoadResult, { kind: "run" }>): Run | number {
  if (loaded.kind === "run") return loaded;
  tellWarnings(loaded.warnings);
  if (loaded.kind === "print") {
    process.stdout.write(loaded.text);
    return 0;
  }
  tellErrors(loaded.errors);
  return CONFIG_ERROR_STATUS;
}

export function tellErrors(errors: readonly string[]): void {
  for (const error of errors) process.stderr.write(`${printable(error)}\n`);
}

export function tellWarnings(warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr.write(`Warning: ${printable(warning)}\n`);
}
