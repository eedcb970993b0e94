import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** Why no release can be made here; false when one can. */
export const needsTools: string | false =
  [
    ["/usr/bin/dpkg-deb", "dpkg"],
    ["/usr/bin/rpmbuild", "rpm"],
  ]
    .filter(([program = ""]) => !existsSync(program))
    .map(([, name]) => `needs ${name}`)[0] ?? false;

/** Makes a release with little compression. @returns what it said on standard error. */
export function release(directory: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(ROOT, "scripts/release.ts"), "--fast", ...args, directory],
    { encoding: "utf8", env: { ...process.env, ...env } },
  );
  if (status !== 0) throw new Error(`The release was not made:\n${stderr}`);
  return stderr;
}

/** A file that passes for Node of a processor, and takes no time to pack. */
export function fakeNode(directory: string, machine: number): string {
  const header = Buffer.alloc(64);
  header.write("\x7fELF", "latin1");
  header.writeUInt16LE(machine, 18);
  mkdirSync(join(directory, "bin"), { recursive: true });
  writeFileSync(join(directory, "LICENSE"), "Of Node\n");
  writeFileSync(join(directory, "bin/node"), header, { mode: 0o755 });
  return join(directory, "bin/node");
}

/** What a program prints. */
export function output(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
