/** What comes from the cluster beside what comes from files, as the pipeline takes both. */
import type { Chunk } from "../chunk.ts";
import type { PipelineOptions } from "../pipeline.ts";
import type { CompiledLineRules } from "../rules/lines/line_rules.ts";
import type { FileSet } from "../sources/files/file_set.ts";
import type { Kubernetes } from "./kubernetes.ts";

/** Files and what comes from the cluster take turns; files wait for the agent's turn to start. */
export function queueOf(files: FileSet, kubernetes: Kubernetes): PipelineOptions["queue"] {
  let isFiles = false;
  return {
    get hasReady() {
      return kubernetes.hasReady || (kubernetes.mayRead && files.hasReady);
    },
    next: () => {
      isFiles = !isFiles;
      const ofFiles = (): Chunk | undefined => (kubernetes.mayRead ? files.next() : undefined);
      return isFiles ? (ofFiles() ?? kubernetes.next()) : (kubernetes.next() ?? ofFiles());
    },
    saveCheckpoints: () => files.saveCheckpoints(),
    checkpointsSaved: () => files.checkpointsSaved(),
  };
}

/** Rules on what Kubernetes says of lines come before those on their text. */
export function rulesOf(rules: CompiledLineRules | undefined, kubernetes: Kubernetes): PipelineOptions["rules"] {
  return {
    hasLimits: rules?.hasLimits ?? false,
    apply: (chunk) => {
      const applied = kubernetes.apply(chunk);
      return applied === chunk ? (rules?.apply(chunk) ?? chunk) : applied;
    },
    notes: (isLast) => rules?.notes(isLast) ?? [],
  };
}
