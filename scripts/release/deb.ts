import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../image/run.ts";
import type { Target } from "./target.ts";
import { settle } from "./tree.ts";

/** Newer than every version of the agents whose name it has: deb-version(7). */
const EPOCH = 1;

export interface PackageInputs {
  /** The files as they are to be in the system. */
  readonly tree: string;
  readonly packaging: string;
  readonly target: Target;
  readonly version: string;
  readonly epoch: number;
  /** Compresses as quickly as can be, for a try. */
  readonly isFast: boolean;
}

/** Makes the package for Debian and its kin: deb(5). */
export function makeDeb(file: string, { tree, packaging, target, version, epoch, isFast }: PackageInputs): void {
  const control = join(tree, "DEBIAN");
  mkdirSync(control);
  const kib = Math.ceil(
    Number(run("coreutils", "du", "--summarize", "--apparent-size", "-B1024", tree).split("\t")[0]),
  );
  writeFileSync(
    join(control, "control"),
    `${[
      "Package: logdna-agent",
      `Version: ${EPOCH}:${version}`,
      `Architecture: ${target.debian}`,
      "Maintainer: The logdna-agent project <logdna-agent@localhost>",
      `Installed-Size: ${kib}`,
      "Depends: libc6 (>= 2.28), libstdc++6 (>= 8), libgcc-s1 | libgcc1, libatomic1, init-system-helpers (>= 1.54), passwd",
      "Recommends: ca-certificates",
      "Section: admin",
      "Priority: optional",
      "Description: log agent that ships log files and keeps no other power than reading them",
      " It watches log directories, and ships each new line over HTTPS to one server. It",
      " never modifies a log, and gives away every power but that of reading logs before it begins.",
    ].join("\n")}\n`,
  );
  for (const name of readdirSync(join(packaging, "debian"))) {
    copyFileSync(join(packaging, "debian", name), join(control, name));
    chmodSync(join(control, name), 0o755);
  }
  settle(tree, epoch);
  const compression = isFast ? ["-Zgzip", "-z1"] : ["-Zxz", "-z6", "--threads-max=1"];
  run("dpkg", "dpkg-deb", "--root-owner-group", ...compression, "--build", tree, file);
}
