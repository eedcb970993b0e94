import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "./architecture.ts";
import { run } from "./run.ts";

/**
 * The shared libraries that a program of any processor needs, and those need: by the name that they are asked for, with where
 * each is. Not by ldd(1), which runs the program and so knows those of its own processor alone.
 * @param sysroot the root of the system that they come from.
 */
export function librariesOf(program: string, { triplet }: Architecture, sysroot: string): ReadonlyMap<string, string> {
  const directories = [`usr/lib/${triplet}`, `lib/${triplet}`, "usr/lib64", "lib64", "usr/lib", "lib"];
  const found = new Map<string, string>();
  const waiting = [program];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const [, name = ""] of run("binutils", "readelf", "-d", next).matchAll(/\(NEEDED\).*\[(.+)\]/g)) {
      if (found.has(name)) continue;
      const path = directories.map((directory) => join(sysroot, directory, name)).find((at) => existsSync(at));
      if (path === undefined)
        throw new Error(`${next} needs ${name}, which is not below ${sysroot}: install its package there.`);
      found.set(name, path);
      waiting.push(path);
    }
  }
  return found;
}
