import { trustedPath } from "@logdna-agent/confinement";
import { LogDirectory } from "./log_directory.ts";
import type { Matcher } from "./matcher.ts";

/** The paths that a file may be meant by in a rule, its own first. The same for the same path always. */
export type NamesOf = (path: string) => readonly string[];

/** Where no log directory has another name. */
export const onlyName: NamesOf = (path) => [path];

/** A log directory that is, or lies under, a symbolic link. */
interface LinkedRoot {
  /** As it is configured. */
  readonly given: string;
  /** Its real path, which is how the watcher tells the files in it. */
  readonly real: string;
}

export interface RealRoots {
  /** The entries of the log directories, each with its beginning under its real path. */
  readonly dirs: readonly string[];
  /** Without duplicates. */
  readonly linked: readonly LinkedRoot[];
  /** The real path of a file, and the same as it is under each log directory as configured. */
  readonly namesOf: NamesOf;
}

/** Finds the log directories under their real paths. Rules may be written in the names that are configured: `namesOf` has both. */
export function realRoots(entries: readonly string[]): RealRoots {
  const linked = new Map<string, LinkedRoot>();
  const dirs = entries.map((entry) => {
    const { root: given } = new LogDirectory(entry);
    const real = realPath(given);
    if (real === given) return entry;
    linked.set(given, { given, real });
    return real + entry.slice(given.length);
  });
  const roots = [...linked.values()];
  const namesOf = (path: string): string[] => {
    const names = roots.flatMap(({ given, real }) => {
      const inside = real === "/" ? "" : real;
      return path === real || path.startsWith(`${inside}/`) ? [given + path.slice(inside.length)] : [];
    });
    return [...new Set([path, ...names])];
  };
  return { dirs, linked: roots, namesOf: roots.length === 0 ? onlyName : namesOf };
}

/** Whether one of the matchers fits one of the names of a path. */
export function fitsAny(matchers: readonly Matcher[], names: readonly string[]): boolean {
  return matchers.some((matcher) => names.some((name) => matcher.test(name)));
}

function realPath(path: string): string {
  try {
    return trustedPath(path).path;
  } catch {
    return path;
  }
}
