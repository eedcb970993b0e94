import { type LoadOptions, loadConfig } from "../config/mod.ts";
import { certificateProblem } from "../config_report/certificate_problem.ts";
import { VERSION } from "../version.ts";
import { type LoadedConfig, orTell } from "./tell.ts";

/** Reads the configuration. @returns it, or the exit status where there is nothing to go on with, after everything was said. */
export function loadOrTell(options: Omit<LoadOptions, "version">): LoadedConfig | number {
  return orTell(loadConfig({ ...options, version: VERSION, certificateProblem }));
}
