/** Where a directory stands between being known and being watched. */
export type DirectoryState =
  /** Known by name only. */
  | "new"
  /** Watched as well as its file system allows, and scanned. */
  | "scanned"
  /** The last attempt to open it failed. */
  | "failed";

/**
 * A directory that matters: one whose contents are told (`tree`), or one on the way from `/` to a root. Names are raw bytes
 * as latin1 strings, which is what the kernel's events are compared with.
 */
export class Directory {
  parent: Directory | null;
  /** Raw name in the parent. */
  name: string;
  path: string;
  /** Contents are told, and directories in it are descended into. */
  tree = false;
  /** False once it is dropped: whatever is still under way for it must end. */
  alive = true;
  state: DirectoryState = "new";
  /** Id of the watch; -1 without one. */
  watch = -1;
  /** No watch because the limit is reached. */
  overLimit = false;
  /** On a file system whose remote changes raise no events. */
  remote = false;
  device = -1n;
  inode = -1n;
  /** Entries told that are no directories: raw name to path. An empty path stands for a name that cannot be represented. */
  readonly entries = new Map<string, string>();
  readonly children = new Map<string, Directory>();
  /** Names in here that lead to a root or are one. */
  rootNames: Set<string> | undefined;
  /** Names in here that are roots and files: told although this directory itself is not. */
  singles: Set<string> | undefined;
  /** Names that events told of since the running scan began: the events know better than its listing. */
  touched: Set<string> | undefined;
  /** A directory in here was not found at its path, which is no proof: this one may have been renamed, untold as yet. */
  missesChild = false;
  /** A scan is queued. */
  queued = false;
  unreadableReported = false;
  unrepresentableReported = false;

  constructor(parent: Directory | null, name: string, path: string) {
    this.parent = parent;
    this.name = name;
    this.path = path;
  }

  /** Entries of this name are told. */
  tells(name: string): boolean {
    return this.tree || this.singles?.has(name) === true;
  }
}

/** The path of a name in a directory; undefined when the name's bytes are not UTF-8. */
export function pathIn(directory: string, rawName: string): string | undefined {
  const name = decodeName(rawName);
  if (name === undefined) return undefined;
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

/** Text of a raw name; undefined when its bytes are not UTF-8. */
export function decodeName(rawName: string): string | undefined {
  if (isAscii(rawName)) return rawName;
  const text = Buffer.from(rawName, "latin1").toString("utf8");
  // Whatever was not UTF-8 became U+FFFD, which is three other bytes.
  return encodeName(text) === rawName ? text : undefined;
}

/** The raw bytes of a name, as a latin1 string. */
export function encodeName(name: string): string {
  return isAscii(name) ? name : Buffer.from(name, "utf8").toString("latin1");
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
