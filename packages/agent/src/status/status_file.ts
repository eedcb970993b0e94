import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatusReport } from "./report.ts";

const NAME = "status.json";

/** Writes what the agent tells of itself into its state directory, for its user and root alone. Never throws: it is not worth a line. */
export function writeStatus(stateDirectory: string, report: StatusReport): void {
  const path = join(stateDirectory, NAME);
  try {
    // Whole or not at all, for whoever reads it meanwhile. It need not survive a crash.
    writeFileSync(`${path}.new`, JSON.stringify(report), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // A full disk is told by the state itself.
  }
}

/** @throws an error of the system, or of the content. */
export function readStatus(stateDirectory: string): StatusReport {
  return JSON.parse(readFileSync(join(stateDirectory, NAME), "utf8")) as StatusReport;
}
