import type { Chunk } from "../chunk.ts";
import type { MetadataRule } from "../config/kubernetes_options.ts";
import type { ContainerName } from "../containers/container_name.ts";
import type { FileFacts } from "../lines/fields/file_facts.ts";

/** What is known of the container that a file is of; undefined where it is of none. Without facts where its pod is not known. */
export type ContainerLookUp = (
  path: string,
) => { readonly name: ContainerName; readonly facts: FileFacts | undefined } | undefined;

/**
 * Leaves out lines of containers by what Kubernetes says of them. Lines are counted as excluded, since they were read. What is not known
 * of a pod neither excludes a line nor keeps it from being included: nothing is lost because the API server is away.
 */
export function metadataRules(
  include: readonly MetadataRule[],
  exclude: readonly MetadataRule[],
  lookUp: ContainerLookUp,
): ((chunk: Chunk) => Chunk) | undefined {
  if (include.length === 0 && exclude.length === 0) return undefined;
  return (chunk) => {
    const container = lookUp(chunk.file);
    if (container === undefined || chunk.own !== undefined || chunk.bytes.length === 0) return chunk;
    const fits = (rule: MetadataRule): boolean | undefined => ruleFits(rule, container.name, container.facts);
    const isIncluded = include.length === 0 || include.some((rule) => fits(rule) !== false);
    if (isIncluded && !exclude.some((rule) => fits(rule) === true)) return chunk;
    const to = chunk.bytes.length;
    return { ...chunk, pieces: [{ kind: "excluded", from: 0, to, lines: linesOf(chunk), reason: "rule" }] };
  };
}

/** Undefined where it is not known. */
function ruleFits(rule: MetadataRule, name: ContainerName, facts: FileFacts | undefined): boolean | undefined {
  switch (rule.field) {
    case "namespace":
      return name.namespace === rule.value;
    case "name":
      return name.pod === rule.value;
    case "label":
      return facts && facts.label?.[rule.key] === rule.value;
    case "annotation":
      return facts && facts.annotation?.[rule.key] === rule.value;
  }
}

/** Lines that begin in a chunk, near enough: of a long one that comes in parts, the one that ends it. */
function linesOf({ bytes }: Chunk): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1;
  return lines;
}
