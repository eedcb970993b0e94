import assert from "node:assert/strict";
import { test } from "node:test";
import { imageOf } from "./image_name.ts";
import { MAX_TEXT_BYTES, podOf } from "./pod.ts";
import { PodStore } from "./pod_store.ts";
import { quantity } from "./quantity.ts";

function made(uid: string, { name = "db-0", ids = [] as string[], labels = {}, annotations = {} } = {}) {
  const pod = podOf({
    metadata: { uid, namespace: "shop", name, labels, annotations },
    spec: { nodeName: "n", containers: [{ name: "db", image: "db:1" }] },
    status: { containerStatuses: ids.map((id) => ({ name: "db", containerID: `containerd://${id}` })) },
  });
  assert.ok(pod !== undefined);
  return pod;
}

const log = (containerId: string | undefined, uid?: string) => ({
  namespace: "shop",
  pod: "db-0",
  container: "db",
  containerId,
  uid,
});

test("of two pods that had one name, a log is of the one that had its container, or its uid", () => {
  const store = new PodStore(() => 0);
  store.put(made("one", { ids: ["a"] }));
  store.delete(made("one", { ids: ["a"] }));
  // A new one may have come that was not told yet.
  assert.deepEqual(store.podOf(log("b")), { pod: made("one", { ids: ["a"] }), isDoubtful: true });
  store.put(made("two"));
  assert.equal(store.podOf(log("a"))?.pod.uid, "one");
  assert.equal(store.podOf(log("b"))?.pod.uid, "two");
  assert.equal(store.podOf(log(undefined, "one"))?.pod.uid, "one");
  assert.equal(store.podOf(log(undefined, "three")), undefined);
});

test("containers of earlier restarts stay known, and the same pod is the same object", () => {
  const store = new PodStore(() => 0);
  store.put(made("one", { ids: ["a"] }));
  const before = store.podOf(log("a"))?.pod;
  store.put(made("one", { ids: ["a"] }));
  assert.equal(store.podOf(log("a"))?.pod, before);
  store.put(made("one", { ids: ["b"] }));
  assert.deepEqual([...(store.podOf(log("a"))?.pod.containerIds ?? [])], ["b", "a"]);
});

test("a deleted pod is forgotten once nothing of it is to be shipped, and not at once", () => {
  let now = 0;
  const store = new PodStore(() => now);
  store.put(made("one"));
  store.listBegun();
  store.listEnded();
  store.sweep(() => false);
  assert.equal(store.size, 1);
  now = 100_000;
  store.sweep(() => true);
  assert.equal(store.size, 1);
  store.sweep(() => false);
  assert.equal(store.size, 0);
});

test("the longest texts of a pod that has too many are left out", () => {
  const annotations = { small: "x", "kubectl.kubernetes.io/last-applied-configuration": "y".repeat(MAX_TEXT_BYTES) };
  assert.deepEqual(made("one", { annotations }).annotations, { small: "x" });
});

test("images are read by the grammar of their references", () => {
  for (const [reference, name, tag] of [
    ["nginx", "nginx", "latest"],
    ["nginx:1.2", "nginx", "1.2"],
    ["host:5000/a/b", "host:5000/a/b", "latest"],
    ["host:5000/a/b:v1@sha256:abc", "host:5000/a/b", "v1"],
    ["a@sha256:abc", "a", "sha256:abc"],
  ] as const)
    assert.deepEqual(imageOf(reference), { name, tag }, reference);
});

test("quantities are numbers", () => {
  for (const [text, value] of [
    ["250m", 0.25],
    ["64Mi", 67_108_864],
    ["1e3", 1000],
    ["12345678n", 0.012_345_678],
    ["4", 4],
    ["x", undefined],
    ["1.5Gi", 1_610_612_736],
  ] as const)
    assert.equal(quantity(text), value, text);
});
