import { execFileSync } from "node:child_process";

/**
 * Runs a program and gives what it printed.
 * @param from the package that has it, for whoever lacks it.
 * @throws {Error} with what it said, when it fails.
 */
export function run(from: string, program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 64 << 20 });
  } catch (error) {
    const { code, stderr = "" } = error as { readonly code?: string; readonly stderr?: string };
    if (code === "ENOENT") throw new Error(`${program} is missing: install ${from}.`);
    throw new Error(`${program} ${args.join(" ")} failed: ${stderr.trim() || String(error)}`);
  }
}
