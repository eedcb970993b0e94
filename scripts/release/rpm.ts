import { copyFileSync, globSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../image/run.ts";
import type { PackageInputs } from "./deb.ts";

/** Makes the package for Fedora, RHEL, SUSE and their kin. @param work an empty directory. */
export function makeRpm(file: string, work: string, { tree, packaging, target, version, isFast }: PackageInputs): void {
  mkdirSync(work, { recursive: true });
  const define = {
    _topdir: work,
    _rpmdir: join(work, "out"),
    _dbpath: join(work, "db"),
    agent_version: version,
    release_root: tree,
    _binary_payload: isFast ? "w1.gzdio" : "w6.xzdio",
    _buildhost: "localhost",
    use_source_date_epoch_as_buildtime: "1",
    clamp_mtime_to_source_date_epoch: "1",
    _docdir_fmt: "%%{NAME}",
  };
  run(
    "rpm",
    "rpmbuild",
    "-bb",
    "--quiet",
    ...["--target", `${target.rpm}-linux`],
    ...Object.entries(define).flatMap(([name, value]) => ["--define", `${name} ${value}`]),
    join(packaging, "rpm/logdna-agent.spec"),
  );
  const [made] = globSync(join(work, "out/*/*.rpm"));
  if (made === undefined) throw new Error("rpmbuild made no package.");
  copyFileSync(made, file);
}
