import { statSync } from "node:fs";
import type { PathRules } from "../rules/path_rules.ts";
import { isInside } from "../sources/files/open_log.ts";
import type { ContainerDirs } from "./container_dirs.ts";

/** What is watched for the sake of containers, besides what the log directories say. */
export interface ContainerWatch {
  /** Directories that links of containers may lead into, and that no log directory is above. */
  readonly roots: readonly string[];
  /** Whether a directory is looked into although the rules exclude what is in it: its files ship under the names of links. */
  looksInto(directory: string): boolean;
  /** Whether a path is of a log that a link may lead to. */
  mayShip(path: string): boolean;
}

const NO_CONTAINERS: ContainerWatch = { roots: [], looksInto: () => false, mayShip: () => false };

/**
 * Only where a directory of containers is in a log directory, and is there, others are watched for its links: so on a host without
 * Kubernetes nothing is, and nothing is granted.
 */
export function containerWatch(dirs: ContainerDirs, rules: Pick<PathRules, "roots" | "prunes">): ContainerWatch {
  const there = dirs.paths.filter(isDirectory);
  const covered = there.filter((path) => isInside(path, rules.roots));
  const linking = covered.filter((path) => !rules.prunes(path));
  if (linking.length === 0) return NO_CONTAINERS;
  return {
    roots: there.filter((path) => !covered.includes(path)),
    looksInto: (directory) => dirs.holds(directory) || there.some((path) => path.startsWith(`${directory}/`)),
    mayShip: (path) => dirs.isLog(path),
  };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
