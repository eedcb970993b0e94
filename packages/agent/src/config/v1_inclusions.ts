import { isGlob } from "../rules/glob.ts";
import type { Reading } from "./reading.ts";

/** An inclusion, and the place that it follows from. */
interface ImpliedInclusion {
  readonly glob: string;
  readonly where: string;
}

/**
 * Inclusions by which directories of the first agent's (v1) properties file ship what they shipped with it: besides `*.log`,
 * which is the default, files whose names have no extension.
 *
 * A properties file without directories stands for the default one, as in v1, unless there is a YAML file beside it, which v1
 * did not know.
 * @param directories all log directories in force.
 * @param origins where each of them comes from; empty for the default.
 */
export function inclusionsOfV1(
  files: readonly Reading[],
  directories: readonly string[],
  origins: readonly string[],
): ImpliedInclusion[] {
  const properties = files.filter(({ form }) => form === "properties");
  const given = properties.flatMap(({ given }) => given.filter(({ option }) => option === "logDirs"));
  const places = new Set(given.flatMap(({ texts }) => texts.map(({ where }) => where)));
  const isFirstAgents = properties.length > 0 && files.every(({ form }) => form !== "yaml");
  return directories.flatMap((directory, at) => {
    const origin = origins[at] ?? "";
    if (namesFiles(directory) || !(origin === "" ? isFirstAgents : places.has(origin))) return [];
    return { glob: withoutExtension(directory), where: origin };
  });
}

/** Whether an entry is a pattern of files by their extension, such as `/srv/*.txt`: what it names ships by name. */
function namesFiles(entry: string): boolean {
  return isGlob(entry) && (entry.split("/").at(-1) ?? "").includes(".");
}

/** A pattern of the files beneath a directory whose own name, unlike those of the directories above, has no dot. */
function withoutExtension(directory: string): string {
  if (directory === "/") return "**/!(*.*)";
  const path = isGlob(directory) ? directory : directory.replaceAll(/[\\()!+@|]/g, "\\$&");
  return `${path}/**/!(*.*)`;
}
