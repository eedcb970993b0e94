import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makePlace } from "../agent.ts";
import { startSink } from "../sink.ts";
import { PODS, startCluster } from "./cluster.ts";
import { nodeLogs, startInPod } from "./node.ts";
import { pod, running } from "./pods.ts";

const NOT_ROOT = process.getuid?.() === 0 ? false : "takes root";
const PODS_STARTED = 250;
const WITHIN_MS = 10_000;
const LINES = 20;
/** Half of them are deleted, with their logs, so soon after they began. */
const DELETED_AFTER_MS = [500, 3500] as const;
const REMOVED_AFTER_MS = 1500;

test("250 pods begin within 10 s, log at once, and half of them go: no line is lost, every line is enriched", {
  skip: NOT_ROOT,
}, async (t) => {
  const cluster = await startCluster(t);
  const account = await cluster.account("agents", "agent", { cluster: [PODS] });
  const sink = await startSink();
  t.after(() => sink.close());
  const place = makePlace();
  const logs = nodeLogs(place);
  const agent = startInPod(t, cluster, account, { place, port: sink.port, env: { LOGDNA_LOG_LEVEL: "info" } });
  await agent.logged(({ event }) => event === "agent_started");
  await agent.logged(({ event }) => event === "kubernetes_pods_known");
  const before = memoryOf(agent.pid);

  const path = "/api/v1/namespaces/agents/pods";
  const begun = performance.now();
  const lives = Array.from({ length: PODS_STARTED }, async (_, n) => {
    await delay((n * WITHIN_MS) / PODS_STARTED);
    const name = `pod-${n}`;
    const made = await cluster.ask("POST", path, pod(name, "node-1", { labels: { app: "web", name } }));
    const id = logs.begin("agents", name, (made.metadata as { uid: string }).uid);
    for (let line = 0; line < LINES; line += 1) logs.log(id, `${name} ${line}`);
    if (n % 2 === 0) return;
    // Of some, the kubelet tells the container before they go.
    if (n % 4 === 1) await cluster.ask("PATCH", `${path}/${name}/status`, running(id)).catch(() => undefined);
    await delay(DELETED_AFTER_MS[0] + ((n * 37) % (DELETED_AFTER_MS[1] - DELETED_AFTER_MS[0])));
    logs.log(id, `${name} ${LINES}`);
    await cluster.ask("DELETE", `${path}/${name}?gracePeriodSeconds=0`);
    // The kubelet takes longer between the end of a container and the removal of its log.
    await delay(REMOVED_AFTER_MS);
    logs.remove(id);
  });
  await Promise.all(lives);
  const expected = PODS_STARTED * LINES + PODS_STARTED / 2;
  await sink
    .until(() => sink.texts().length >= expected, `${expected} lines`, 30_000)
    .catch(() => assert.fail(`missing: ${missing(sink.texts()).join(", ")}\n${agent.output().slice(-3000)}`));
  const lines = sink.lines();
  assert.equal(lines.length, expected);
  for (const line of lines) {
    const text = line.line.slice(line.line.indexOf(" F ") + 3);
    assert.equal(line.label?.name, text.slice(0, text.indexOf(" ")), text);
    assert.deepEqual(line.meta, { "Image Name": "registry.example:5000/team/web", Tag: "1.2" });
  }
  const after = memoryOf(agent.pid);
  const asked = cluster.fake?.asked
    .filter(({ user }) => user !== "admin")
    .map(({ verb, resource }) => `${verb} ${resource}`);
  t.diagnostic(`${lines.length} lines of ${PODS_STARTED} pods in ${Math.round(performance.now() - begun)} ms`);
  t.diagnostic(`resident: ${before.resident} KiB before, ${after.resident} KiB after, ${after.most} KiB at most`);
  t.diagnostic(`requests to the API server: ${asked === undefined ? "see its audit log" : asked.join(", ")}`);
  assert.ok((asked?.length ?? 0) <= 3, String(asked));
  await agent.stop();
});

/** Lines that did not arrive. */
function missing(texts: readonly string[]): string[] {
  const arrived = new Set(texts.map((text) => text.slice(text.indexOf(" F ") + 3)));
  return Array.from({ length: PODS_STARTED }, (_, n) => n).flatMap((n) =>
    Array.from({ length: LINES + (n % 2) }, (__, line) => `pod-${n} ${line}`).filter((text) => !arrived.has(text)),
  );
}

/** In KiB, as proc(5) tells it. */
function memoryOf(pid: number): { readonly resident: number; readonly most: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const read = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return { resident: read("VmRSS"), most: read("VmHWM") };
}
