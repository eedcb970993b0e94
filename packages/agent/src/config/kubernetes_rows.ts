import { choice, metadataRule, path, seconds, text } from "./kinds.ts";
import { list, scalar } from "./option.ts";

/** Whether something is done, as the existing agent says it. */
const WHEN = ["always", "never"] as const;

/** Names of whether a start waits; those at the end are other names of the first two. */
const STARTUP_LEASES = ["never", "attempt", "always", "none", "off", "limited"] as const;

/** Options of what is done in a Kubernetes cluster; rows of the table in `options.ts`. */
export const KUBERNETES_OPTIONS = {
  useK8sEnrichment: scalar({
    group: "Kubernetes",
    env: "USE_K8S_LOG_ENRICHMENT",
    yaml: "log.use_k8s_enrichment",
    flags: "--use-k8s-enrichment",
    kind: choice(WHEN),
    default: "always",
    description:
      "In a pod: add the labels, the annotations and the image of its pod to each line of a container. It takes NODE_NAME and the right to list and watch pods (docs/kubernetes.md).",
  }),
  metadataRetryDelay: scalar({
    group: "Kubernetes",
    env: "METADATA_RETRY_DELAY",
    yaml: "log.metadata_retry_delay",
    flags: "--metadata-retry-delay",
    kind: seconds(0, 600),
    default: undefined,
    defaultText: "5",
    description:
      "Seconds that the first lines of a container wait for its pod to be known; then they are shipped without what it would have told. 0: they do not wait.",
  }),
  k8sMetadataInclude: list({
    group: "Kubernetes",
    env: "K8S_METADATA_LINE_INCLUSION",
    yaml: "log.k8s_metadata_include",
    flags: "--k8s-metadata-line-inclusion",
    kind: metadataRule(),
    default: [],
    description:
      "Where there is any, only lines of those containers ship whose pod fits one of these. Lines that are of no container, or of a pod that is not known, ship.",
  }),
  k8sMetadataExclude: list({
    group: "Kubernetes",
    env: "K8S_METADATA_LINE_EXCLUSION",
    yaml: "log.k8s_metadata_exclude",
    flags: "--k8s-metadata-line-exclusion",
    kind: metadataRule(),
    default: [],
    description: "Lines of containers whose pod fits one of these do not ship, included or not.",
  }),
  logK8sEvents: scalar({
    group: "Kubernetes",
    env: "LOG_K8S_EVENTS",
    yaml: "log.log_k8s_events",
    flags: "--log-k8s-events",
    kind: choice(WHEN),
    default: "never",
    description:
      "Ship the cluster's events: one of its agents does, which the lease logdna-agent-k8-events-lease says (docs/kubernetes.md).",
  }),
  logMetricServerStats: scalar({
    group: "Kubernetes",
    env: "LOG_METRIC_SERVER_STATS",
    yaml: "log.log_metric_server_stats",
    flags: "--log-metric-server-stats",
    kind: choice(WHEN),
    default: "never",
    description:
      "Ship what the metrics server tells of nodes and containers, every 30 seconds: one of the cluster's agents does, which the lease logdna-agent-reporter-lease says.",
  }),
  k8sStartupLease: scalar({
    group: "Kubernetes",
    env: "K8S_STARTUP_LEASE",
    yaml: "startup.option",
    flags: "--startup-lease",
    kind: choice(STARTUP_LEASES),
    default: "never",
    description:
      "Wait for one of the leases logdna-agent-startup-lease-0 to -4 before reading begins, so that a fleet does not start all at once. attempt (or limited): for up to 30 seconds. always: until one is free. never (or none, off): do not wait.",
  }),
  nodeName: scalar({
    group: "Kubernetes",
    plainEnv: ["NODE_NAME"],
    kind: text("NAME"),
    default: undefined,
    description:
      "The node that the agent runs on: its pods alone are asked for. The DaemonSet sets it from spec.nodeName.",
  }),
  podName: scalar({
    group: "Kubernetes",
    plainEnv: ["POD_NAME"],
    kind: text("NAME"),
    default: undefined,
    defaultText: "the system's host name",
    description: "The agent's own pod, which is what it is called in leases. The DaemonSet sets it from metadata.name.",
  }),
  namespace: scalar({
    group: "Kubernetes",
    plainEnv: ["NAMESPACE"],
    kind: text("NAME"),
    default: undefined,
    defaultText: "that of the service account",
    description: "The agent's own namespace, in which the leases are. The DaemonSet sets it from metadata.namespace.",
  }),
  serviceAccountDirectory: scalar({
    group: "Kubernetes",
    env: "K8S_SERVICE_ACCOUNT_DIR",
    yaml: "log.k8s_service_account_dir",
    kind: path("DIR"),
    default: "/var/run/secrets/kubernetes.io/serviceaccount",
    description:
      "Where the pod's service account is mounted: token, ca.crt and namespace. The token is read again when the kubelet has renewed it.",
  }),
} as const;
