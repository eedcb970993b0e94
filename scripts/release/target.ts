import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** A processor that releases are made for, under the names that it has. */
export interface Target {
  readonly node: "x64" | "arm64";
  readonly debian: string;
  readonly rpm: string;
  /** ELF header, `e_machine`: `<elf.h>`. */
  readonly machine: number;
}

export const TARGETS: readonly Target[] = [
  { node: "x64", debian: "amd64", rpm: "x86_64", machine: 62 },
  { node: "arm64", debian: "arm64", rpm: "aarch64", machine: 183 },
];

/** Node for a processor, and its licence. */
export interface NodeFiles {
  readonly program: string;
  readonly licence: string;
}

/**
 * Node for a target: what was given, or the package `node-linux-…`, which npm installs for its own processor alone.
 * @returns in words what is missing, where there is none.
 */
export function nodeFor(target: Target, given: string | undefined, version: string): NodeFiles | string {
  const name = `node-linux-${target.node}`;
  const program = given ?? packaged(name);
  if (program === undefined)
    return `Node for ${target.node} is missing: run npm pack ${name}@${version}, unpack it, and give its bin/node with --node-${target.node}.`;
  const found = machineOf(program);
  if (found !== target.machine) return `${program} is no program for ${target.node} (ELF machine ${found}).`;
  const licence = join(dirname(dirname(program)), "LICENSE");
  return existsSync(licence) ? { program, licence } : `Node's licence is missing: ${licence}.`;
}

/** From where the package `node` finds it, too. */
function packaged(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  for (const from of [".", "node/package.json"]) {
    try {
      const base = from === "." ? import.meta.filename : require.resolve(from);
      return join(dirname(createRequire(base).resolve(`${name}/package.json`)), "bin/node");
    } catch {
      // Not there.
    }
  }
  return undefined;
}

function machineOf(program: string): number {
  const fd = openSync(program, "r");
  try {
    const header = Buffer.alloc(20);
    readSync(fd, header, 0, header.length, 0);
    return header.readUInt16LE(18);
  } finally {
    closeSync(fd);
  }
}
