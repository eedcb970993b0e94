import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentProcess, makePlace, type Owner } from "../agent.ts";
import { eventually } from "../eventually.ts";
import { type Sink, startSink } from "../sink.ts";
import { type Cluster, EVENTS, LEASES, METRICS, NODES, PODS, startCluster } from "./cluster.ts";
import { nodeLogs, startInPod } from "./node.ts";

const NOT_ROOT = process.getuid?.() === 0 ? false : "takes root";
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/agents/leases/logdna-agent-k8-events-lease";

test("one agent of a cluster ships its events; another one goes on when it ends, without a gap", {
  skip: NOT_ROOT,
}, async (t) => {
  const { cluster, sink, start } = await clusterWithEvents(t);
  await makeEvent(cluster, 0);
  const first = await start("agent-1");
  await first.logged(({ event }) => event === "leader_elected");
  const second = await start("agent-2");
  await makeEvent(cluster, 1);
  await sink.until(() => numbers(sink).length === 2);
  const line = sink.lines().find(({ line: text }) => text.includes("event 1"));
  assert.equal(line?.app, "web");
  assert.equal(line?.host, "web-1");
  assert.equal(line?.level, "Warning");
  assert.deepEqual(Object.keys(JSON.parse(line?.line ?? "{}")), ["message", "level", "kube"]);
  assert.equal(await holderOf(cluster), "agent-1");

  const begun = performance.now();
  assert.equal(await first.stop(), 0);
  assert.notEqual(await holderOf(cluster), "agent-1", "it was given up");
  for (let n = 2; n < 20; n += 1) await makeEvent(cluster, n);
  await second.logged(({ event }) => event === "leader_elected");
  t.diagnostic(`hand-over after SIGTERM: ${Math.round(performance.now() - begun)} ms`);
  await sink.until(() => numbers(sink).length >= 20);
  assert.deepEqual(
    numbers(sink),
    Array.from({ length: 20 }, (_, n) => n),
    "each once, in their order",
  );
});

test("when the leader dies, another one leads once its lease is over, and nothing is lost", {
  skip: NOT_ROOT,
}, async (t) => {
  const { cluster, sink, start } = await clusterWithEvents(t);
  const first = await start("agent-1");
  await first.logged(({ event }) => event === "leader_elected");
  const second = await start("agent-2");
  let last = 0n;
  for (let n = 0; n < 10; n += 1) last = await makeEvent(cluster, n);
  await sink.until(() => numbers(sink).length === 10);
  await eventually(async () => ((await shippedOf(cluster)) ?? 0n) >= last, "it is noted in the lease", 30_000);
  const begun = performance.now();
  await first.stop("SIGKILL");
  for (let n = 10; n < 20; n += 1) await makeEvent(cluster, n);
  await sink.until(() => new Set(numbers(sink)).size === 20, "all arrive", 40_000);
  t.diagnostic(`hand-over after SIGKILL: ${Math.round(performance.now() - begun)} ms`);
  await second.logged(({ event }) => event === "leader_elected");
  assert.equal(numbers(sink).length, 20, "what was noted does not come twice");
});

test("a leader that is stopped for longer than its lease does nothing any more once it goes on", {
  skip: NOT_ROOT,
}, async (t) => {
  const { cluster, sink, start } = await clusterWithEvents(t);
  const first = await start("agent-1");
  await first.logged(({ event }) => event === "leader_elected");
  await start("agent-2");
  const made = await makeEvent(cluster, 0);
  await sink.until(() => numbers(sink).length === 1);
  await eventually(async () => ((await shippedOf(cluster)) ?? 0n) >= made, "it is noted", 30_000);
  process.kill(first.pid, "SIGSTOP");
  for (let n = 1; n < 6; n += 1) await makeEvent(cluster, n);
  await sink.until(() => new Set(numbers(sink)).size === 6, "the other one ships them", 40_000);
  process.kill(first.pid, "SIGCONT");
  await first.logged(({ event }) => event === "leader_deposed");
  for (let n = 6; n < 9; n += 1) await makeEvent(cluster, n);
  await sink.until(() => new Set(numbers(sink)).size === 9, "all", 40_000);
  assert.equal(await holderOf(cluster), "agent-2");
  assert.equal(numbers(sink).filter((n) => n > 0).length, 8, "by one of them only");
});

test("events of a server that was away for too long are listed, and come once", { skip: NOT_ROOT }, async (t) => {
  const { cluster, sink, start } = await clusterWithEvents(t, "fake");
  const { fake } = cluster;
  assert.ok(fake !== undefined);
  await start("agent-1");
  for (let n = 0; n < 5; n += 1) await makeEvent(cluster, n);
  await sink.until(() => numbers(sink).length === 5);
  const { port } = fake;
  await fake.close();
  for (let n = 5; n < 8; n += 1) fake.store.create("/api/v1/events", "agents", eventOf(n) as never);
  fake.store.compact();
  await fake.listen(port);
  await sink.until(() => numbers(sink).length >= 8, "all", 60_000);
  assert.deepEqual(
    numbers(sink).toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
});

test("statistics of the metrics server come from one agent, in the existing agent's form", {
  skip: NOT_ROOT,
}, async (t) => {
  const cluster = await startCluster(t, "fake");
  const { store } = cluster.fake ?? {};
  store?.create("/api/v1/nodes", undefined, {
    metadata: { name: "node-1" },
    status: {
      allocatable: { cpu: "2", memory: "4Gi", pods: "110" },
      capacity: { cpu: "2", memory: "4Gi", pods: "110" },
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
  store?.create("/api/v1/pods", "shop", {
    metadata: { name: "web-1" },
    spec: {
      nodeName: "node-1",
      containers: [{ name: "web", image: "web:1", resources: { limits: { cpu: "500m", memory: "64Mi" } } }],
    },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [
        { name: "web", ready: true, restartCount: 2, state: { running: { startedAt: "2026-01-01T00:00:00Z" } } },
      ],
    },
  });
  store?.create("/apis/metrics.k8s.io/v1beta1/pods", "shop", {
    metadata: { name: "web-1" },
    containers: [{ name: "web", usage: { cpu: "12345678n", memory: "2048Ki" } }],
  });
  store?.create("/apis/metrics.k8s.io/v1beta1/nodes", undefined, {
    metadata: { name: "node-1" },
    usage: { cpu: "250m", memory: "1Gi" },
  });
  const { sink, start } = await agentsOf(t, cluster, { LOGDNA_LOG_METRIC_SERVER_STATS: "always" });
  await start("agent-1");
  await sink.until(() => sink.lines().length >= 3);
  const stats = sink.lines().map(({ line }) => (JSON.parse(line) as { kube: Record<string, unknown> }).kube);
  assert.equal(sink.lines()[0]?.file, "logdna-reporter");
  const [container, node, whole] = stats;
  assert.deepEqual(
    [
      container?.resource,
      container?.cpu_usage,
      container?.memory_usage,
      container?.cpu_limit,
      container?.restarts,
      container?.controller_pods_ready,
    ],
    ["container", 13, 2_097_152, 500, 2, 1],
  );
  assert.deepEqual(
    [node?.resource, node?.cpu_usage, node?.containers_running, node?.pods_running],
    ["node", 250, 1, 1],
  );
  assert.deepEqual([whole?.resource, whole?.nodes_ready, whole?.memory_capacity], ["cluster", 1, 4_294_967_296]);
});

test("agents start one after the other where there are as many leases as are taken", { skip: NOT_ROOT }, async (t) => {
  const cluster = await startCluster(t);
  const leases = "/apis/coordination.k8s.io/v1/namespaces/agents/leases";
  const { sink, start, place } = await agentsOf(t, cluster, {
    LOGDNA_K8S_STARTUP_LEASE: "always",
    MZ_LOOKBACK: "start",
  });
  for (let n = 0; n < 5; n += 1)
    await cluster.ask("POST", leases, {
      metadata: { name: `logdna-agent-startup-lease-${n}`, labels: { process: "logdna-agent-startup" } },
      spec: { holderIdentity: `other-${n}`, leaseDurationSeconds: 3600 },
    });
  const logs = nodeLogs(place);
  const id = logs.begin("shop", "web-1", "11111111-1111-4111-8111-111111111111");
  logs.log(id, "waits for its turn");
  const agent = await start("agent-1");
  await agent.logged(({ event, path }) => event === "file_found" && String(path).includes("web-1"));
  assert.equal(sink.lines().length, 0);
  const lease = await cluster.ask("GET", `${leases}/logdna-agent-startup-lease-3`);
  const { holderIdentity: _, ...spec } = lease.spec as Record<string, unknown>;
  await cluster.ask("PUT", `${leases}/logdna-agent-startup-lease-3`, { ...lease, spec });
  await sink.until(() => sink.lines().length === 1);
  await eventually(async () => {
    const { spec } = await cluster.ask("GET", `${leases}/logdna-agent-startup-lease-3`);
    return (spec as Record<string, unknown>).holderIdentity === undefined;
  }, "it is given up");
});

async function clusterWithEvents(t: Owner, real?: "fake") {
  const cluster = await startCluster(t, real);
  return { cluster, ...(await agentsOf(t, cluster, { LOGDNA_LOG_K8S_EVENTS: "always" })) };
}

async function agentsOf(t: Owner, cluster: Cluster, env: Record<string, string>) {
  const account = await cluster.account("agents", "agent", {
    cluster: [PODS, EVENTS, NODES, METRICS],
    namespace: [LEASES],
  });
  const sink = await startSink();
  t.after(() => sink.close());
  const place = makePlace();
  const start = async (podName: string): Promise<AgentProcess> => {
    const agent = startInPod(t, cluster, account, {
      place: podName === "agent-1" ? place : makePlace(),
      port: sink.port,
      podName,
      env: { USE_K8S_LOG_ENRICHMENT: "never", ...env },
    });
    await agent.logged(({ event }) => event === "agent_started");
    return agent;
  };
  return { sink, start, place };
}

function eventOf(n: number): unknown {
  const now = new Date().toISOString().replace(/\.\d+/, "");
  return {
    metadata: { name: `event-${n}`, namespace: "agents" },
    involvedObject: { kind: "Pod", name: "web-1", namespace: "agents", fieldPath: "spec.containers{web}" },
    ...{ reason: "BackOff", message: `event ${n}`, type: "Warning", count: 1 },
    ...{ firstTimestamp: now, lastTimestamp: now, source: { component: "kubelet", host: "node-1" } },
  };
}

/** @returns its version. */
async function makeEvent(cluster: Cluster, n: number): Promise<bigint> {
  const made = await cluster.ask("POST", "/api/v1/namespaces/agents/events", eventOf(n));
  return BigInt((made.metadata as { resourceVersion: string }).resourceVersion);
}

/** Numbers of the events of the test, in the order in which they came. */
function numbers(sink: Sink): number[] {
  return sink.texts().flatMap((text) => {
    const number = /"message":"event (\d+)"/.exec(text)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

async function holderOf(cluster: Cluster): Promise<unknown> {
  return ((await cluster.ask("GET", LEASE)).spec as Record<string, unknown>).holderIdentity;
}

async function shippedOf(cluster: Cluster): Promise<bigint | undefined> {
  const { annotations } = (await cluster.ask("GET", LEASE)).metadata as { annotations?: Record<string, string> };
  const version = annotations?.["logdna-agent/events-shipped"];
  return version === undefined ? undefined : BigInt(version);
}
