import { hostname } from "node:os";
import type { Environment } from "./environment.ts";
import { type KubernetesConfig, readMetadataRule, type StartupLease } from "./kubernetes_options.ts";
import type { Merged } from "./merge.ts";
import type { OptionName, Settings } from "./options.ts";
import type { Problem } from "./problem.ts";
import { titleOf } from "./titles.ts";

/** Seconds that a line waits for its pod: the API server tells of a new one within much less. */
const DEFAULT_DELAY = 5;

const LEASES: Readonly<Record<Settings["k8sStartupLease"], StartupLease>> = {
  never: "never",
  none: "never",
  off: "never",
  attempt: "attempt",
  limited: "attempt",
  always: "always",
};

/** Where the kubelet says that the API server is; undefined outside of a cluster. */
function apiServerOf(env: Environment): { readonly host: string; readonly port: number } | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT_HTTPS, KUBERNETES_SERVICE_PORT } = env;
  const port = Number(KUBERNETES_SERVICE_PORT_HTTPS ?? KUBERNETES_SERVICE_PORT ?? 443);
  if (host === undefined || host === "" || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
}

/** Whether lines of containers get what their pods tell. */
export function enriches({ useK8sEnrichment, nodeName }: Settings, env: Environment): boolean {
  return useK8sEnrichment === "always" && nodeName !== undefined && apiServerOf(env) !== undefined;
}

/** What is done in the cluster; undefined where the agent runs in none, or nothing is. */
export function kubernetesSettings(
  merged: Merged,
  env: Environment,
  warnings: Problem[],
): KubernetesConfig | undefined {
  const { settings, origins } = merged;
  const server = apiServerOf(env);
  const warn = (option: OptionName, message: string): unknown =>
    warnings.push({ where: origins.get(option) ?? "", message: `${titleOf(merged, option)} ${message}` });
  const events = settings.logK8sEvents === "always";
  const statistics = settings.logMetricServerStats === "always";
  const startupLease = LEASES[settings.k8sStartupLease];
  if (server === undefined) {
    const without = "does nothing outside of a Kubernetes cluster: there is no KUBERNETES_SERVICE_HOST";
    if (events) warn("logK8sEvents", without);
    if (statistics) warn("logMetricServerStats", without);
    if (startupLease !== "never") warn("k8sStartupLease", without);
    if (settings.k8sMetadataInclude.length > 0) warn("k8sMetadataInclude", without);
    if (settings.k8sMetadataExclude.length > 0) warn("k8sMetadataExclude", without);
    return undefined;
  }
  const enrichedNode = enriches(settings, env) ? settings.nodeName : undefined;
  if (settings.useK8sEnrichment === "always" && enrichedNode === undefined)
    warn("useK8sEnrichment", "does nothing without NODE_NAME, the name of this node (fieldRef: spec.nodeName)");
  const metadataInclude = settings.k8sMetadataInclude.map(readMetadataRule);
  const metadataExclude = settings.k8sMetadataExclude.map(readMetadataRule);
  const rules = [...metadataInclude, ...metadataExclude];
  if (enrichedNode === undefined && rules.some(({ field }) => field === "label" || field === "annotation")) {
    const option = settings.k8sMetadataInclude.length > 0 ? "k8sMetadataInclude" : "k8sMetadataExclude";
    warn(option, "names labels or annotations, which are not known where lines are not enriched: such lines ship");
  }
  if (enrichedNode === undefined && !events && !statistics && startupLease === "never" && rules.length === 0)
    return undefined;
  return {
    ...server,
    serviceAccountDirectory: settings.serviceAccountDirectory,
    enrichedNode,
    podName: settings.podName ?? hostname(),
    namespace: settings.namespace,
    events,
    statistics,
    startupLease,
    metadataInclude,
    metadataExclude,
    metadataDelay: Math.round((settings.metadataRetryDelay ?? DEFAULT_DELAY) * 1000),
  };
}
