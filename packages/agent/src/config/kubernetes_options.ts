/** What a line's pod must be for a rule of `K8S_METADATA_LINE_INCLUSION` or `_EXCLUSION` to fit. */
export type MetadataRule =
  | { readonly field: "namespace" | "name"; readonly value: string }
  | { readonly field: "label" | "annotation"; readonly key: string; readonly value: string };

/** `namespace:NAME`, `name:POD`, `label.KEY:VALUE` or `annotation.KEY:VALUE`. */
export const METADATA_RULE = /^(?:(namespace|name)|(label|annotation)\.([^:]+)):([^\u0000-\u001f\u007f]+)$/;

/** Reads a text that fits `METADATA_RULE`. */
export function readMetadataRule(text: string): MetadataRule {
  const [, own, map, key = "", value = ""] = METADATA_RULE.exec(text) ?? [];
  if (own === "namespace" || own === "name") return { field: own, value: value.trim() };
  return { field: map === "label" ? "label" : "annotation", key, value: value.trim() };
}

/** Whether an agent waits for its turn before it starts. `attempt`: for a short time. */
export type StartupLease = "never" | "attempt" | "always";

/** What an agent does with the cluster that it runs in. Times are in milliseconds. */
export interface KubernetesConfig {
  /** The API server. */
  readonly host: string;
  readonly port: number;
  /** Where its token, the authority of the API server, and the namespace are. */
  readonly serviceAccountDirectory: string;
  /** The node whose pods are asked for; undefined where lines are not enriched. */
  readonly enrichedNode: string | undefined;
  /** What the agent is called in leases. */
  readonly podName: string;
  /** The agent's own, in which the leases are; undefined for that of the service account. */
  readonly namespace: string | undefined;
  readonly events: boolean;
  readonly statistics: boolean;
  readonly startupLease: StartupLease;
  readonly metadataInclude: readonly MetadataRule[];
  readonly metadataExclude: readonly MetadataRule[];
  /** How long a line waits for its pod to be known. */
  readonly metadataDelay: number;
}
