import { join } from "node:path";
import { isSea } from "node:sea";

/** Whether the whole program, Node included, is one executable file. */
const isOneFile = isSea();

/** What the program consists of and may be read at any time: of a checkout, where sources run directly, or of a bundle of it. */
export const PROGRAM: readonly string[] = programFiles();

/**
 * The command line that starts the program anew.
 * @param options of Node, besides those that it was started with.
 */
export function ownCommand(options: readonly string[], args: readonly string[]): readonly [string, ...string[]] {
  const { execPath, execArgv, argv } = process;
  if (!isOneFile) return [execPath, ...execArgv, ...options, argv[1] ?? "", ...args];
  // One executable has its options within, and takes further ones in this form (`execArgvExtension` of its configuration).
  return [execPath, ...(options.length > 0 ? [`--node-options=${options.map(quoted).join(" ")}`] : []), ...args];
}

function programFiles(): string[] {
  const { dirname, filename } = import.meta;
  if (isOneFile) return [];
  if (!filename.endsWith(".ts")) return [dirname, join(dirname, "../package.json")];
  return ["packages", "node_modules", "package.json"].map((name) => join(dirname, "../../..", name));
}

/** As Node reads it in NODE_OPTIONS, and there. */
function quoted(option: string): string {
  return `"${option.replaceAll(/["\\]/g, "\\$&")}"`;
}
