import { CONFIG_ERROR_STATUS, type LoadOptions, type LoadResult, loadConfig } from "../config/mod.ts";
import { certificateProblem } from "../config_report/certificate_problem.ts";
import { printable } from "../telemetry/printable.ts";
import { VERSION } from "../version.ts";

/** A configuration to run with. */
export type RunConfig = Extract<LoadResult, { kind: "run" }>;

/** Reads the configuration. @returns it, or the exit status where there is nothing to go on with, after everything was said. */
export function loadOrTell(options: Omit<LoadOptions, "version">): RunConfig | number {
  return orTell(loadConfig({ ...options, version: VERSION, certificateProblem }));
}

/** The same for one that was read. */
export function orTell(loaded: LoadResult): RunConfig | number {
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
