import picomatch from "picomatch";
import { globMatcher, isGlob, literalPrefix } from "./glob.ts";

/**
 * How patterns among the log directories are read, which is how the first agent (v1) read them: `*` stays within a
 * directory, `**` crosses, and a leading dot must be written.
 */
const DIALECT = { flags: "s", regex: false, posix: true, literalBrackets: false, strictBrackets: true } as const;

/** One entry of the log directories: a directory, a single file, or a pattern of either. */
export class LogDirectory {
  /** The directory (or file) that everything which the entry names is in. */
  readonly root: string;
  readonly #matches: ((path: string) => boolean) | undefined;
  /** One for each directory on the way down, as far as the pattern says what they are called. */
  readonly #steps: readonly ((name: string) => boolean)[];
  /** The pattern goes on beyond its steps, to any depth. */
  readonly #open: boolean;

  constructor(entry: string) {
    if (!isGlob(entry)) {
      this.root = withoutSlash(entry);
      this.#steps = [];
      this.#open = true;
      return;
    }
    const prefix = literalPrefix(entry);
    this.root = withoutSlash(prefix.slice(0, prefix.lastIndexOf("/") + 1));
    this.#matches = nameTest(withoutSlash(entry));
    const names = withoutSlash(entry)
      .slice(prefix.lastIndexOf("/") + 1)
      .split("/");
    const known = names.findIndex((name) => !isOneName(name));
    this.#open = known >= 0;
    this.#steps = names.slice(0, known < 0 ? names.length : known).map(nameTest);
  }

  /** What the path of a file is to this entry: named by it, in a directory of it, or neither. */
  placeOf(path: string): "named" | "beneath" | "outside" {
    const matches = this.#matches;
    if (matches === undefined) {
      if (path === this.root) return "named";
      return path.startsWith(this.root === "/" ? "/" : `${this.root}/`) ? "beneath" : "outside";
    }
    if (matches(path)) return "named";
    return ancestors(path).some((directory) => matches(directory)) ? "beneath" : "outside";
  }

  /** Whether the pattern may name a file beneath this directory. */
  mayName(directory: string): boolean {
    if (this.#matches === undefined) return this.root !== directory && isWithin(this.root, directory);
    return this.#onTheWay(directory, (depth) => this.#open || depth < this.#steps.length);
  }

  /** Whether files beneath this directory may be in a directory of this entry. */
  mayHold(directory: string): boolean {
    if (this.#matches === undefined) return isWithin(directory, this.root) || isWithin(this.root, directory);
    return this.#onTheWay(directory, () => true);
  }

  #onTheWay(directory: string, within: (depth: number) => boolean): boolean {
    if (isWithin(this.root, directory)) return true;
    if (!isWithin(directory, this.root)) return false;
    const names = directory.slice(this.root === "/" ? 1 : this.root.length + 1).split("/");
    return within(names.length) && names.every((name, at) => this.#steps[at]?.(name) ?? true);
  }
}

/** A pattern matches what it is itself, too. */
function nameTest(pattern: string): (name: string) => boolean {
  const matcher = globMatcher(pattern, DIALECT);
  return (name) => name === pattern || (name !== "" && matcher.test(name));
}

/** True when a part of a pattern stands for exactly one name. */
function isOneName(part: string): boolean {
  // What is in braces or parentheses may hold a "/" of its own, which the split has cut through.
  return !part.includes("**") && picomatchAccepts(part);
}

function picomatchAccepts(part: string): boolean {
  try {
    picomatch.makeRe(part, DIALECT);
    return part !== "";
  } catch {
    return false;
  }
}

function ancestors(path: string): string[] {
  const directories: string[] = [];
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1))
    directories.push(path.slice(0, end));
  return directories;
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, "") || "/";
}
