import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "bundle.ts"), directory], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`The agent could not be bundled:\n${stderr}`);
  const script = readFileSync(LAUNCHER, "utf8");
  if (!script.includes(SOURCES)) throw new Error(`${LAUNCHER} does not start ${SOURCES}.`);
  const launcher = join(directory, "logdna-agent");
  writeFileSync(
    launcher,
    script.replace(/^self=.*\nroot=.*$/m, `root='${ROOT}'`).replace(SOURCES, join(directory, "agent/main.mjs")),
    { mode: 0o755 },
  );
  // mkdtemp(3) makes it for its owner alone.
  chmodSync(directory, 0o755);
  return { directory, launcher };
}
