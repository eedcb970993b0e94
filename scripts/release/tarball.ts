import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** Packs a directory with the same bytes for the same files. */
export function makeTarball(file: string, directory: string, name: string, epoch: number, isFast: boolean): void {
  const tar = `${file}.tar`;
  const { status, stderr } = spawnSync(
    "tar",
    [
      ...["--create", "--file", tar, "--directory", directory, "--sort=name", "--format=gnu", `--mtime=@${epoch}`],
      ...["--owner=0", "--group=0", "--numeric-owner", name],
    ],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`tar failed: ${stderr}`);
  // By the pinned Node: the compressor of the system may be another one tomorrow.
  writeFileSync(file, gzipSync(readFileSync(tar), { level: isFast ? 1 : 9 }));
  rmSync(tar);
}
