import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Bundles the agent of this checkout, as `npm run bundle` does. @returns its program. @throws {Error} with what was said. */
export function bundleAgent(directory: string): string {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "bundle.ts"), directory], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`The agent could not be bundled:\n${stderr}`);
  return join(directory, "agent/main.mjs");
}
