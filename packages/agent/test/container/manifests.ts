/** The manifests of the deployment as they are in the repository, read as a cluster would read them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { REPOSITORY } from "../confinement_bench.ts";

export interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
  readonly fsGroup?: number;
  readonly supplementalGroups?: readonly number[];
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: string; readonly localhostProfile?: string };
}

interface Probe {
  readonly exec: { readonly command: readonly string[] };
}

/** What is used of a container: `Container` of the Kubernetes API, v1. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string | null;
    readonly valueFrom?: {
      readonly fieldRef?: { readonly fieldPath: string };
      readonly secretKeyRef?: { readonly name: string; readonly key: string };
    };
  }[];
  readonly securityContext?: SecurityContext;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly resources?: { readonly requests?: object; readonly limits?: object };
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

/** `PodSpec` of the Kubernetes API, v1. */
export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly securityContext?: SecurityContext;
  readonly volumes?: readonly {
    readonly name: string;
    readonly hostPath?: { readonly path: string; readonly type?: string };
    readonly secret?: { readonly secretName: string; readonly defaultMode?: number };
  }[];
  readonly [field: string]: unknown;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly [field: string]: unknown;
}

export interface DaemonSet extends Manifest {
  readonly spec: { readonly template: { readonly metadata?: object; readonly spec: PodSpec } };
}

/** The documents of a file below the repository. As Kubernetes does it, by YAML 1.1: modes are octal there. */
export function manifestsOf(path: string): Manifest[] {
  const text = readFileSync(join(REPOSITORY, path), "utf8");
  return parseAllDocuments(text, { version: "1.1" }).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}

/** The pods of a DaemonSet, with a patch of a variant over it. */
export function podOf(path: string, patch?: string): PodSpec {
  const [base] = manifestsOf(path) as DaemonSet[];
  const [over] = patch === undefined ? [] : (manifestsOf(patch) as DaemonSet[]);
  if (base === undefined) throw new Error(`${path} is empty.`);
  return (over === undefined ? base : (merged(base, over) as DaemonSet)).spec.template.spec;
}

/** Lists whose items are told apart by a field: `patchMergeKey` in the Kubernetes API. All others are replaced. */
const KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  volumes: "name",
  env: "name",
  ports: "containerPort",
  volumeMounts: "mountPath",
};

/** A strategic merge patch, as far as the variants use it. */
function merged(base: unknown, patch: unknown, field = ""): unknown {
  const key = KEYS[field];
  if (Array.isArray(base) && Array.isArray(patch) && key !== undefined) {
    const named = (item: unknown): unknown => (item as Record<string, unknown>)[key];
    const kept = base.map((item) => {
      const over = patch.find((one) => named(one) === named(item));
      return over === undefined ? item : merged(item, over);
    });
    return [...kept, ...patch.filter((one) => !base.some((item) => named(item) === named(one)))];
  }
  if (!isObject(base) || !isObject(patch)) return patch;
  const all = { ...base };
  for (const [name, value] of Object.entries(patch)) all[name] = name in base ? merged(base[name], value, name) : value;
  return all;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
