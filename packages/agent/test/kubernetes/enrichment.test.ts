// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables are those of the agent's options.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentProcess, makePlace, type Owner } from "../agent.ts";
import { eventually, openFiles } from "../eventually.ts";
import { type Sink, startSink } from "../sink.ts";
import { type Cluster, PODS, startCluster } from "./cluster.ts";
import { type NodeLogs, nodeLogs, startInPod } from "./node.ts";
import { pod, running } from "./pods.ts";

const NOT_ROOT = process.getuid?.() === 0 ? false : "takes root";
const NS = "/api/v1/namespaces/agents/pods";

test("lines of containers have the labels, the annotations and the image of their pod", {
  skip: NOT_ROOT,
}, async (t) => {
  const { cluster, sink, logs, agent } = await node(t);
  const made = await cluster.ask(
    "POST",
    NS,
    pod("web-1", "node-1", {
      labels: { app: "web", "app.kubernetes.io/name": "shop" },
      annotations: { team: 'a "b"' },
    }),
  );
  const id = logs.begin("agents", "web-1", uidOf(made));
  logs.log(id, "hello");
  await sink.until(() => sink.lines().length >= 1);
  const [line] = sink.lines();
  assert.equal(line?.file, logs.fileOf(id));
  assert.deepEqual(line?.label, { app: "web", "app.kubernetes.io/name": "shop" });
  assert.deepEqual(line?.annotation, { team: 'a "b"' });
  assert.deepEqual(line?.meta, { "Image Name": "registry.example:5000/team/web", Tag: "1.2" });

  await cluster.ask("PATCH", `${NS}/web-1`, { metadata: { labels: { app: "renamed" } } });
  await eventually(() => {
    logs.log(id, "again");
    return sink.lines().some(({ label }) => label?.app === "renamed");
  }, "later lines have the new label");
  assert.equal(await agent.stop(), 0);
});

test("lines wait for a pod that is not known yet, and are shipped without it in the end", {
  skip: NOT_ROOT,
}, async (t) => {
  const { cluster, sink, logs, agent } = await node(t, { env: { MZ_METADATA_RETRY_DELAY: "4" } });
  // It is of no node yet, so that this one is not told of it.
  const made = await cluster.ask("POST", NS, pod("early", undefined));
  const early = logs.begin("agents", "early", uidOf(made));
  logs.log(early, "before its pod");
  const never = logs.begin("agents", "never", "22222222-2222-4222-8222-222222222222");
  logs.log(never, "without a pod");
  await agent.logged(
    ({ event, path }) => event === "file_found" && String(path).includes("never"),
    "the file is found",
  );
  await eventually(() => openFiles(agent.pid, "/var/log").length === 2, "both are held open");
  // What waits is not lost with its log.
  logs.remove(early);
  const target = { apiVersion: "v1", kind: "Node", name: "node-1" };
  if (cluster.fake === undefined)
    await cluster.ask("POST", `${NS}/early/binding`, { metadata: { name: "early" }, target });
  else await cluster.ask("PATCH", `${NS}/early`, { spec: { nodeName: "node-1" } });
  await sink.until(() => sink.lines().length === 2);
  const lines = sink.lines();
  assert.deepEqual(lines.find(({ file }) => file === logs.fileOf(early))?.label, { app: "web" });
  assert.equal(lines.find(({ file }) => file === logs.fileOf(never))?.label, undefined);
  await agent.logged(({ event, pod: name }) => event === "pod_unknown" && name === "never", "it is said");
});

test("lines of a deleted pod have its metadata, also when they are shipped later", { skip: NOT_ROOT }, async (t) => {
  const { cluster, sink, logs } = await node(t);
  const made = await cluster.ask("POST", NS, pod("short", "node-1"));
  const id = logs.begin("agents", "short", uidOf(made));
  await cluster
    .ask("PATCH", `${NS}/short/status`, running(id))
    .catch(() => cluster.ask("PATCH", `${NS}/short`, running(id)));
  sink.behave((_, response) => {
    response.writeHead(503).end();
    return true;
  });
  logs.log(id, "one");
  await sink.until(() => sink.requests.length > 0);
  logs.log(id, "two");
  await cluster.ask("DELETE", `${NS}/short?gracePeriodSeconds=0`);
  logs.remove(id);
  // Another one of its name, as of a StatefulSet.
  await cluster.ask("POST", NS, pod("short", "node-1", { labels: { app: "another" } }));
  sink.behave(undefined);
  await sink.until(() => sink.lines().length === 2);
  assert.deepEqual(
    sink.lines().map(({ label }) => label),
    [{ app: "web" }, { app: "web" }],
  );
});

test("without the API server all lines are shipped, and enriched once it is there", { skip: NOT_ROOT }, async (t) => {
  const cluster = await startCluster(t, "fake");
  const account = await cluster.account("agents", "agent", { cluster: [PODS] });
  const { fake } = cluster;
  assert.ok(fake !== undefined);
  const { port } = fake;
  const made = await cluster.ask("POST", NS, pod("web-1", "node-1"));
  await fake.close();
  const place = makePlace();
  const logs = nodeLogs(place);
  const sink = await startSink();
  t.after(() => sink.close());
  const agent = startInPod(t, { ...cluster, port }, account, {
    place,
    port: sink.port,
    env: { MZ_METADATA_RETRY_DELAY: "1" },
  });
  await agent.logged(({ event }) => event === "agent_started");
  const id = logs.begin("agents", "web-1", uidOf(made));
  logs.log(id, "without");
  await sink.until(() => sink.lines().length === 1);
  assert.equal(sink.lines()[0]?.label, undefined);
  await agent.logged(({ event }) => event === "kubernetes_failed");
  await fake.listen(port);
  await agent.logged(({ event }) => event === "kubernetes_pods_known");
  logs.log(id, "with");
  await sink.until(() => sink.lines().some(({ label }) => label?.app === "web"));
  // And away again.
  await fake.close();
  logs.log(id, "still");
  await sink.until(() => sink.texts().some((text) => text.endsWith("still")));
  assert.deepEqual(sink.lines().at(-1)?.label, { app: "web" });
});

test("metadata says which lines ship, and every byte of the others is counted", { skip: NOT_ROOT }, async (t) => {
  const { cluster, sink, logs, agent } = await node(t, {
    env: {
      MZ_K8S_METADATA_LINE_INCLUSION: "label.app:web,namespace:elsewhere",
      MZ_K8S_METADATA_LINE_EXCLUSION: "annotation.secret:yes",
    },
  });
  const begin = async (name: string, labels: Record<string, string>, annotations = {}): Promise<string> => {
    const made = await cluster.ask("POST", NS, pod(name, "node-1", { labels, annotations }));
    const id = logs.begin("agents", name, uidOf(made));
    logs.log(id, name);
    return id;
  };
  await begin("no-label", { app: "db" });
  await begin("secret", { app: "web" }, { secret: "yes" });
  await begin("shipped", { app: "web" });
  await sink.until(() => sink.texts().length >= 1);
  await agent.stop();
  assert.deepEqual(
    sink.texts().map((text) => text.slice(text.lastIndexOf(" ") + 1)),
    ["shipped"],
  );
  const counted = agent.log().find(({ event }) => event === "agent_counters");
  assert.equal(counted?.lines_excluded, 2, JSON.stringify(counted));
});

test("labels and annotations are replaced, removed and put into other fields", { skip: NOT_ROOT }, async (t) => {
  const { cluster, sink, logs } = await node(t, {
    env: {
      MZ_META_APP: "${label.app|none}/${annot.team|nobody}",
      MZ_META_LABELS: '{"app": "", "tier": "front-${label.app}"}',
      MZ_META_ANNOTATIONS: "",
    },
  });
  const made = await cluster.ask("POST", NS, pod("web-1", "node-1", { annotations: { team: "shop" } }));
  logs.log(logs.begin("agents", "web-1", uidOf(made)), "hello");
  await sink.until(() => sink.lines().length === 1);
  const [line] = sink.lines();
  assert.equal(line?.app, "web/shop");
  assert.deepEqual(line?.label, { tier: "front-web" });
  assert.equal(line?.annotation, undefined);
});

test("the confined agent may speak to the API server and read a renewed token, and does not gain more", {
  skip: NOT_ROOT,
}, async (t) => {
  const { cluster, account, agent, sink, logs } = await node(t);
  const policy = await agent.logged(({ event }) => event === "confined");
  assert.ok(Array.isArray(policy.layers) && policy.layers.includes("landlock"), JSON.stringify(policy));
  if (cluster.fake !== undefined) {
    cluster.fake.expireTokens();
    await cluster.renewToken(account, "agents", "agent");
    cluster.fake.endWatches();
  }
  const made = await cluster.ask("POST", NS, pod("later", "node-1"));
  logs.log(logs.begin("agents", "later", uidOf(made)), "hello");
  await sink.until(() => sink.lines().length === 1);
  assert.deepEqual(sink.lines()[0]?.label, { app: "web" });
});

interface TestNode {
  readonly cluster: Cluster;
  readonly account: string;
  readonly sink: Sink;
  readonly logs: NodeLogs;
  readonly agent: AgentProcess;
}

/** A node with an agent that knows its pods. */
async function node(t: Owner, { env = {} }: { readonly env?: Record<string, string> } = {}): Promise<TestNode> {
  const cluster = await startCluster(t);
  const account = await cluster.account("agents", "agent", { cluster: [PODS] });
  const sink = await startSink();
  t.after(() => sink.close());
  const place = makePlace();
  const logs = nodeLogs(place);
  const agent = startInPod(t, cluster, account, { place, port: sink.port, env });
  await agent.logged(({ event }) => event === "agent_started");
  await agent.logged(({ event }) => event === "kubernetes_pods_known");
  return { cluster, account, sink, logs, agent };
}

function uidOf(object: Record<string, unknown>): string {
  return (object.metadata as { uid: string }).uid;
}
