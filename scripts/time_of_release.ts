import { spawnSync } from "node:child_process";

/**
 * The time of everything that is built from a checkout, in seconds since the epoch: what is given
 * (https://reproducible-builds.org/specs/source-date-epoch), else that of the last commit.
 */
export function timeOfRelease(root: string): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  const { status, stdout } = spawnSync("git", ["-C", root, "log", "-1", "--format=%ct"], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : 0;
}
