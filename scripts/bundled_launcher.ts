import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleAgent } from "./bundle_agent.ts";

const ROOT = join(import.meta.dirname, "..");
const LAUNCHER = join(ROOT, "bin/logdna-agent");
const SOURCES = "$root/packages/agent/src/main.ts";

/**
 * Bundles the agent into a directory of its own in `dist`, where whoever the agent becomes may read it, beside a launcher
 * that differs from the one of the checkout by nothing but the program.
 */
export function bundledLauncher(): { directory: string; launcher: string } {
  mkdirSync(join(ROOT, "dist"), { recursive: true });
  const directory = mkdtempSync(join(ROOT, "dist/test-"));
  const program = bundleAgent(directory);
  const script = readFileSync(LAUNCHER, "utf8");
  if (!script.includes(SOURCES)) throw new Error(`${LAUNCHER} does not start ${SOURCES}.`);
  const launcher = join(directory, "logdna-agent");
  writeFileSync(launcher, script.replace(/^self=.*\nroot=.*$/m, `root='${ROOT}'`).replace(SOURCES, program), {
    mode: 0o755,
  });
  // mkdtemp(3) makes it for its owner alone.
  chmodSync(directory, 0o755);
  return { directory, launcher };
}
