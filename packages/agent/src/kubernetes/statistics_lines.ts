import { imageOf } from "./image_name.ts";
import { type JsonRecord, numberAt, recordAt, recordsAt, textAt } from "./json_values.ts";
import { quantity } from "./quantity.ts";

/** What the cluster and its metrics server tell at one moment. */
export interface ClusterState {
  readonly pods: readonly JsonRecord[];
  readonly nodes: readonly JsonRecord[];
  readonly podMetrics: readonly JsonRecord[];
  readonly nodeMetrics: readonly JsonRecord[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

type Stats = Record<string, unknown>;

/**
 * Usage of each container and node, and of the cluster, as lines in the existing agent's form (`{"kube":{"type":"metric",…}}`): CPU in
 * thousandths, memory in bytes, times in milliseconds. Containers and nodes of which the metrics server tells nothing have no line.
 */
export function statisticsLines(state: ClusterState): string[] {
  const usages = new Map(
    state.podMetrics.flatMap((metrics) =>
      recordsAt(metrics, "containers").map((container): [string, JsonRecord] => [
        `${nameOf(metrics)}/${textAt(container, "name")}`,
        recordAt(container, "usage"),
      ]),
    ),
  );
  const controllers = new Map<string, Record<string, number>>();
  const perNode = new Map<string, Record<string, number>>();
  const containers: { readonly stats: Stats; readonly controller: string }[] = [];
  for (const pod of state.pods) {
    const node = textAt(pod, "spec", "nodeName") ?? "";
    const controller = controllerOf(pod);
    const key = `${textAt(pod, "metadata", "namespace")}.${controller.kind}.${controller.name}`;
    const ofController = counts(controllers, key, CONTROLLER_COUNTS);
    const ofNode = counts(perNode, node, NODE_COUNTS);
    add(ofNode, "pods_total");
    add(ofNode, `pods_${PHASES.has(phaseOf(pod)) ? phaseOf(pod) : "unknown"}`);
    add(ofController, "pods_total");
    if (isReady(pod)) add(ofController, "pods_ready");
    for (const [kind, statusKind] of KINDS) {
      const statuses = recordsAt(pod, "status", statusKind);
      for (const { ready } of statuses) {
        add(ofController, "containers_total");
        if (ready === true) add(ofController, "containers_ready");
      }
      for (const container of recordsAt(pod, "spec", kind)) {
        const name = textAt(container, "name");
        const status = statuses.find((one) => textAt(one, "name") === name);
        const usage = usages.get(`${nameOf(pod)}/${name}`);
        if (status === undefined || usage === undefined) continue;
        const own = containerStats(container, status, usage, state.now);
        if (kind === "initContainers") add(ofNode, "containers_init");
        add(ofNode, "containers_total");
        add(ofNode, `containers_${String(own.state).toLowerCase()}`);
        if (own.state === "Running" && own.ready === true) add(ofNode, "containers_ready");
        containers.push({ stats: { ...podStats(pod, controller, state.now), ...own }, controller: key });
      }
    }
  }
  const nodeUsages = new Map(
    state.nodeMetrics.map((metrics) => [textAt(metrics, "metadata", "name"), recordAt(metrics, "usage")]),
  );
  const nodes = state.nodes.flatMap((node) => {
    const name = textAt(node, "metadata", "name") ?? "";
    const usage = nodeUsages.get(name);
    return usage === undefined ? [] : [nodeStats(node, usage, counts(perNode, name, NODE_COUNTS), state.now)];
  });
  const lines = containers.map(({ stats, controller }) => ({
    ...stats,
    ...prefixed("controller_", controllers.get(controller) ?? {}),
  }));
  return [...lines, ...nodes, clusterStats(nodes)].map((kube) => JSON.stringify({ kube }));
}

const KINDS = [
  ["containers", "containerStatuses"],
  ["initContainers", "initContainerStatuses"],
] as const;
const PHASES: ReadonlySet<string> = new Set(["failed", "pending", "running", "succeeded"]);
const CONTROLLER_COUNTS = ["containers_ready", "containers_total", "pods_ready", "pods_total"];
const NODE_COUNTS = [
  ...["containers_init", "containers_ready", "containers_running", "containers_terminated", "containers_total"],
  ...["containers_waiting", "pods_failed", "pods_pending", "pods_running", "pods_succeeded", "pods_total"],
  "pods_unknown",
];
/** What is added up over all nodes. */
const SUMS = [
  ...["cpu_allocatable", "cpu_capacity", "cpu_usage", "memory_allocatable", "memory_capacity", "memory_usage"],
  ...["pods_allocatable", "pods_capacity"],
];

function podStats(pod: JsonRecord, controller: { readonly kind: string; readonly name: string }, now: number): Stats {
  const started = time(textAt(pod, "status", "startTime"));
  return stated({
    resource: "container",
    type: "metric",
    controller: controller.name,
    controller_type: controller.kind,
    created: started ?? 0,
    ip: textAt(pod, "status", "podIP"),
    namespace: textAt(pod, "metadata", "namespace"),
    node: textAt(pod, "spec", "nodeName"),
    phase: textAt(pod, "status", "phase"),
    pod_age: started === undefined ? 0 : now - started,
    pod: textAt(pod, "metadata", "name"),
    priority_class: textAt(pod, "spec", "priorityClassName"),
    priority: numberAt(pod, "spec", "priority"),
    qos_class: textAt(pod, "status", "qosClass"),
  });
}

function containerStats(container: JsonRecord, status: JsonRecord, usage: JsonRecord, now: number): Stats {
  const image = imageOf(textAt(container, "image") ?? "");
  const state = stateOf(status.state);
  const started = time(textAt(status, "state", "running", "startedAt"));
  const last = stateOf(status.lastState);
  const hasLast = Object.keys(recordAt(status, "lastState")).length > 0 && last !== state;
  const lastOf = (key: string): string | undefined => textAt(status, "lastState", last.toLowerCase(), key);
  return stated({
    container_age: started === undefined ? 0 : now - started,
    container: textAt(container, "name"),
    cpu_limit: milli(textAt(container, "resources", "limits", "cpu")),
    cpu_request: milli(textAt(container, "resources", "requests", "cpu")),
    cpu_usage: milli(textAt(usage, "cpu")) ?? 0,
    image_tag: image.tag,
    image: image.name,
    last_finished: hasLast ? time(lastOf("finishedAt")) : undefined,
    last_reason: hasLast ? lastOf("reason") : undefined,
    last_started: hasLast ? time(lastOf("startedAt")) : undefined,
    last_state: hasLast ? last : undefined,
    memory_limit: whole(textAt(container, "resources", "limits", "memory")),
    memory_request: whole(textAt(container, "resources", "requests", "memory")),
    memory_usage: whole(textAt(usage, "memory")) ?? 0,
    ready: status.ready === true,
    restarts: numberAt(status, "restartCount") ?? 0,
    started: started ?? 0,
    state,
  });
}

function nodeStats(node: JsonRecord, usage: JsonRecord, counted: Record<string, number>, now: number): Stats {
  const info = recordAt(node, "status", "nodeInfo");
  const ready = recordsAt(node, "status", "conditions").find(({ type }) => type === "Ready");
  const address = (type: string): string | undefined =>
    textAt(
      recordsAt(node, "status", "addresses").find((one) => one.type === type),
      "address",
    );
  const [created, heartbeat, transition] = [
    time(textAt(node, "metadata", "creationTimestamp")),
    time(textAt(ready, "lastHeartbeatTime")),
    time(textAt(ready, "lastTransitionTime")),
  ];
  const amount = (of: string, what: string): string | undefined => textAt(node, "status", of, what);
  return stated({
    resource: "node",
    type: "metric",
    ...counted,
    age: created === undefined ? 0 : now - created,
    container_runtime_version: textAt(info, "containerRuntimeVersion"),
    cpu_allocatable: milli(amount("allocatable", "cpu")),
    cpu_capacity: milli(amount("capacity", "cpu")),
    cpu_usage: milli(textAt(usage, "cpu")) ?? 0,
    created: created ?? 0,
    ip_external: address("ExternalIP"),
    ip: address("InternalIP"),
    kernel_version: textAt(info, "kernelVersion"),
    kubelet_version: textAt(info, "kubeletVersion"),
    memory_allocatable: whole(amount("allocatable", "memory")),
    memory_capacity: whole(amount("capacity", "memory")),
    memory_usage: whole(textAt(usage, "memory")) ?? 0,
    node: textAt(node, "metadata", "name"),
    os_image: textAt(info, "osImage"),
    pods_allocatable: whole(amount("allocatable", "pods")),
    pods_capacity: whole(amount("capacity", "pods")),
    ready_heartbeat_age: heartbeat === undefined ? 0 : now - heartbeat,
    ready_heartbeat_time: heartbeat ?? 0,
    ready_message: textAt(ready, "message"),
    ready_status: textAt(ready, "status"),
    ready_transition_age: transition === undefined ? 0 : now - transition,
    ready_transition_time: transition ?? 0,
    ready: ready && ready.status === "True",
    unschedulable: recordAt(node, "spec").unschedulable,
  });
}

function clusterStats(nodes: readonly Stats[]): Stats {
  const sums = Object.fromEntries(
    [...NODE_COUNTS, ...SUMS].map((key) => [key, nodes.reduce((sum, node) => sum + Number(node[key] ?? 0), 0)]),
  );
  const ready = nodes.filter((node) => node.ready === true).length;
  return {
    resource: "cluster",
    type: "metric",
    ...sums,
    nodes_notready: nodes.length - ready,
    nodes_ready: ready,
    nodes_total: nodes.length,
    nodes_unschedulable: nodes.filter((node) => node.unschedulable === true).length,
  };
}

function nameOf(object: JsonRecord): string {
  return `${textAt(object, "metadata", "namespace")}/${textAt(object, "metadata", "name")}`;
}

function phaseOf(pod: JsonRecord): string {
  return (textAt(pod, "status", "phase") ?? "").toLowerCase();
}

function isReady(pod: JsonRecord): boolean {
  return recordsAt(pod, "status", "conditions").some(({ type, status }) => type === "Ready" && status === "True");
}

function controllerOf(pod: JsonRecord): { readonly kind: string; readonly name: string } {
  const owner = recordsAt(pod, "metadata", "ownerReferences").find(({ controller }) => controller === true);
  return { kind: textAt(owner, "kind") ?? "", name: textAt(owner, "name") ?? "" };
}

function stateOf(state: unknown): "Running" | "Terminated" | "Waiting" {
  if (recordAt(state).running !== undefined) return "Running";
  return recordAt(state).terminated === undefined ? "Waiting" : "Terminated";
}

function counts(
  all: Map<string, Record<string, number>>,
  key: string,
  names: readonly string[],
): Record<string, number> {
  let found = all.get(key);
  if (found === undefined) {
    found = Object.fromEntries(names.map((name) => [name, 0]));
    all.set(key, found);
  }
  return found;
}

function add(to: Record<string, number>, name: string): void {
  to[name] = (to[name] ?? 0) + 1;
}

function prefixed(prefix: string, values: Record<string, number>): Stats {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}

/** Without what is not known. */
function stated(stats: Stats): Stats {
  return Object.fromEntries(Object.entries(stats).filter(([, value]) => value !== undefined && value !== ""));
}

function milli(text: string | undefined): number | undefined {
  const value = quantity(text);
  return value === undefined ? undefined : Math.ceil(value * 1000);
}

function whole(text: string | undefined): number | undefined {
  const value = quantity(text);
  return value === undefined ? undefined : Math.round(value);
}

function time(text: string | undefined): number | undefined {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}
